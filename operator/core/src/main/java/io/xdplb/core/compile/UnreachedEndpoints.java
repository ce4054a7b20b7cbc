// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.core.compile.Problem.Reason;
import io.xdplb.core.compile.Reach.Why;
import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The pods of a group that the forwarding mode has no way to reach, and what to do about it. */
final class UnreachedEndpoints {

  private static final int NAMED = 5;

  private final String where;
  private final boolean isLocal;
  private final Map<Why, SortedMap<Ip, String>> nodes = new EnumMap<>(Why.class);

  /**
   * @param where path of the group's reference
   * @param isLocal whether a pod is reached from its own node only
   */
  UnreachedEndpoints(String where, boolean isLocal) {
    this.where = where;
    this.isLocal = isLocal;
  }

  void add(Ip pod, Reach reach) {
    nodes
        .computeIfAbsent(reach.why(), why -> new TreeMap<>())
        .put(pod, reach.node() == null ? "" : reach.node());
  }

  /** One for each reason; the same in whatever order the pods came. */
  List<Problem> problems() {
    List<Problem> problems = new ArrayList<>();
    nodes.forEach((why, pods) -> problems.add(problem(why, pods)));
    return problems;
  }

  private Problem problem(Why why, SortedMap<Ip, String> pods) {
    Reason reason;
    String because;
    switch (why) {
      case NoAgentOnNode -> {
        reason = Reason.NoAgentOnNode;
        because = "no agent runs on the node; run it there, or use mode Auto";
      }
      case NoNodeAddress -> {
        reason = Reason.NoNodeAddress;
        because =
            "the node has no address that packets can be sent to; give it an InternalIP, or use"
                + " mode Auto";
      }
      default -> {
        reason = Reason.NodeUnknown;
        because = "nothing is known of the node; look at its EndpointSlice, or use mode Auto";
        if (isLocal && pods.containsValue("")) {
          return new Problem(
              reason,
              where,
              "no traffic goes to "
                  + named(pods)
                  + ", because a node is to use the endpoints on it only and their EndpointSlice"
                  + " names no node; name it there, or use trafficPolicy.external Cluster");
        }
      }
    }
    return new Problem(
        reason,
        where,
        "no traffic goes to " + named(pods) + ", because mode DSR is asked for and " + because);
  }

  private static String named(SortedMap<Ip, String> pods) {
    return pods.entrySet().stream()
            .limit(NAMED)
            .map(
                pod ->
                    pod.getKey() + (pod.getValue().isEmpty() ? "" : " on node " + pod.getValue()))
            .collect(Collectors.joining(", "))
        + (pods.size() > NAMED ? " and others" : "");
  }
}
