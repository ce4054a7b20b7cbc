// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

/**
 * What is remembered of former owners of ring slots, so that their flows go on.
 *
 * @param lines how many different histories there are; many slots share one
 * @param capacity how many there can be
 * @param ownersForgotten how many former owners had no room in a slot's history since the agent
 *     began: their flows there were cut
 */
public record HistoryStatus(int lines, int capacity, long ownersForgotten) {}
