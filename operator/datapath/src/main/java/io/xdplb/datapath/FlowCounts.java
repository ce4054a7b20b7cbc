// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

/**
 * Flows that this machine remembers and that are alive: neither closed nor silent for longer than
 * their timeout.
 *
 * @param nat translated here
 * @param hosted of endpoints on this machine
 * @param remembered sent from here to servers without an agent, in slots that have moved
 * @param affinity clients that stay with their backend
 */
public record FlowCounts(long nat, long hosted, long remembered, long affinity) {}
