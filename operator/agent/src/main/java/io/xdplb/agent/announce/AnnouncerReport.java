// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.api.v1alpha1.NodeStateStatus.Duplicate;
import io.xdplb.core.model.Ip;
import java.util.List;
import java.util.SortedSet;

/**
 * What a node says of the addresses that it answers ARP and NDP for.
 *
 * @param epoch see {@link io.xdplb.core.announce.Output.Reached}; 0 if none yet
 * @param owned addresses
 * @param duplicates addresses that somebody else has
 */
public record AnnouncerReport(long epoch, SortedSet<Ip> owned, List<Duplicate> duplicates) {}
