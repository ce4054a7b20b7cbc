// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.api.v1alpha1.NodeStateStatus.Session;
import io.xdplb.core.model.Ip;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What a node says of BGP, as its daemon does.
 *
 * @param routes addresses that at least one router has been told a route to
 * @param sessions those that there should be
 */
public record BgpReport(SortedSet<Ip> routes, List<Session> sessions) {

  /** No BGP. */
  public static final BgpReport NOTHING = new BgpReport(new TreeSet<>(), List.of());
}
