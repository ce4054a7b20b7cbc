// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.BackendProblem;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;

/** Which tables have backends that no packet reaches from this node. */
final class Reachability {

  private static final String REASON = "NoRoute";

  /** How many backends of a table a message names. */
  private static final int MAX_NAMED = 5;

  private final NodeDatapath datapath;
  private final ProgrammingListener listener;
  private Map<ObjectName, TableException> problems = Map.of();
  private Set<At> unreachable = Set.of();

  private record At(VipKey vip, BackendKey backend) {}

  Reachability(NodeDatapath datapath, ProgrammingListener listener) {
    this.datapath = datapath;
    this.listener = listener;
  }

  /**
   * Looks at all backends. Tells the listener of tables whose problems are others than before.
   *
   * @param holder which table programs a VIP
   */
  void check(Function<VipKey, Optional<ObjectName>> holder) {
    Map<ObjectName, List<String>> messages = new TreeMap<>();
    Set<At> found = new HashSet<>();
    for (BackendProblem problem : datapath.unreachable()) {
      found.add(new At(problem.vip(), problem.backend()));
      holder
          .apply(problem.vip())
          .ifPresent(
              table ->
                  messages
                      .computeIfAbsent(table, t -> new ArrayList<>())
                      .add(problem.backend() + ": " + problem.message()));
    }
    Map<ObjectName, TableException> now = new HashMap<>();
    messages.forEach(
        (table, texts) -> {
          List<String> distinct = texts.stream().distinct().sorted().toList();
          now.put(
              table,
              new TableException(
                  table.namespace(), table.name(), REASON, NodeReport.some(distinct, MAX_NAMED)));
        });
    now.forEach(
        (table, problem) -> {
          if (!problem.equals(problems.get(table))) {
            listener.failed(table, problem);
          }
        });
    problems = now;
    unreachable = found;
  }

  /** Whether the last check found nothing in the way to a backend. */
  boolean isReachable(VipKey vip, BackendKey backend) {
    return unreachable.isEmpty() || !unreachable.contains(new At(vip, backend));
  }

  /** What the last check found. */
  Map<ObjectName, TableException> problems() {
    return problems;
  }
}
