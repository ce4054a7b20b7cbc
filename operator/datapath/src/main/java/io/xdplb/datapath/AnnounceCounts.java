// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

/**
 * What the datapath has counted of announcing since its maps were made.
 *
 * @param hellosTaken hellos whose grant was noted
 * @param hellosRefused hellos that were returned and grant nothing: of another run or instance, or
 *     the agent here has not applied yet what was withdrawn
 * @param hellosBad hellos that were dropped: of another length, for another slot, or with a wrong
 *     tag
 * @param arpAnswered ARP requests answered
 * @param arpWithheld ARP requests for claimed addresses that were dropped: too few votes
 * @param ndpAnswered neighbour solicitations answered
 * @param ndpWithheld neighbour solicitations for claimed addresses that were dropped: too few votes
 */
public record AnnounceCounts(
    long hellosTaken,
    long hellosRefused,
    long hellosBad,
    long arpAnswered,
    long arpWithheld,
    long ndpAnswered,
    long ndpWithheld) {}
