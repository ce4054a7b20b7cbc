// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.policy;

import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.Bgp;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.L2;
import io.xdplb.core.model.Ip;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What a node could announce. The address is what is announced, whatever load balancers have it.
 *
 * @param lan addresses for which it could answer ARP and NDP, with the interfaces that its policies
 *     name; none for those that the agent is attached to
 * @param routes addresses that it announces to routers, with what its policies say of that
 */
public record AnnouncementPlan(Map<Ip, Set<String>> lan, Map<Ip, List<Bgp>> routes) {

  /** Nothing. */
  public static final AnnouncementPlan NOTHING = new AnnouncementPlan(Map.of(), Map.of());

  /**
   * Puts it together.
   *
   * @param serving addresses that are programmed on the node and have something to send to
   * @param own addresses of nodes: those are reached without us
   * @param policies all there are
   */
  public static AnnouncementPlan of(
      Collection<Ip> serving, Set<Ip> own, NodeFacts node, Collection<Policy> policies) {
    if (!node.mayAnnounce()) {
      return NOTHING;
    }
    List<Policy> selecting =
        policies.stream().filter(policy -> policy.selectsNode(node.labels())).toList();
    Map<Ip, Set<String>> lan = new TreeMap<>();
    Map<Ip, List<Bgp>> routes = new TreeMap<>();
    for (Ip address : serving) {
      if (own.contains(address)) {
        continue;
      }
      List<Policy> its = selecting.stream().filter(policy -> policy.selects(address)).toList();
      List<L2> l2 = its.stream().filter(Policy::isL2).map(policy -> policy.spec().l2()).toList();
      if (!l2.isEmpty()) {
        Set<String> named = new TreeSet<>();
        l2.stream().map(AnnouncementPlan::named).forEach(named::addAll);
        lan.put(
            address,
            l2.stream().map(AnnouncementPlan::named).anyMatch(List::isEmpty) ? Set.of() : named);
      }
      List<Bgp> ways =
          its.stream().filter(Policy::isBgp).map(policy -> policy.spec().bgp()).toList();
      if (!ways.isEmpty()) {
        routes.put(address, ways);
      }
    }
    return new AnnouncementPlan(lan, routes);
  }

  private static List<String> named(L2 l2) {
    return l2.interfaces() == null ? List.of() : l2.interfaces();
  }

  /** Whether a policy's name or pattern of an interface is meant by it: a * stands for any rest. */
  public static boolean isNamed(String pattern, String interfaceName) {
    return pattern.endsWith("*")
        ? interfaceName.startsWith(pattern.substring(0, pattern.length() - 1))
        : pattern.equals(interfaceName);
  }
}
