// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;
import java.util.Map;

/**
 * What an agent finds in the datapath when it starts, left by the agent before.
 *
 * @param instance a random number, not 0, from when the datapath's maps were made. A datapath with
 *     another number begins empty, and the one before no longer answers anybody
 * @param epoch the newest epoch that an agent here has had; 0 if none
 * @param config what it counts by; epoch 0 if nothing was written yet
 * @param claims what it answers for, if the votes suffice
 * @param runs the run of each slot whose grants it takes
 * @param witnessUntil until when the witness' vote counts; 0 if not
 */
public record DatapathState(
    long instance,
    long epoch,
    Output.Count config,
    Map<Ip, Output.Claim> claims,
    Map<Integer, Long> runs,
    long witnessUntil) {}
