// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.ListenerForwarding;
import io.xdplb.core.compile.Problem.Concern;
import java.util.List;
import java.util.Set;

/** What became of a LoadBalancer. */
public sealed interface CompileResult {

  /** All that was found, in the order of the spec. */
  List<Problem> problems();

  /** The problems that turn one condition False. */
  default List<Problem> problems(Concern concern) {
    return problems().stream().filter(p -> p.reason().concern() == concern).toList();
  }

  /**
   * A table to program.
   *
   * @param table in canonical order and with its hash: equal input gives an equal table
   * @param readyEndpoints how many endpoints take new flows: for each listener its distinct
   *     addresses and ports, summed over the listeners
   * @param forwarding how packets reach the backends of each listener that has any, in the order of
   *     the spec
   * @param problems of references and advice; none concerns acceptance
   */
  record Compiled(
      ForwardingTableSpec table,
      int readyEndpoints,
      List<ListenerForwarding> forwarding,
      List<Problem> problems)
      implements CompileResult {
    public Compiled {
      forwarding = List.copyOf(forwarding);
      problems = List.copyOf(problems);
    }
  }

  /**
   * The spec is not valid. There is no table, not even of its valid listeners; one that was
   * programmed before stays.
   */
  record Refused(List<Problem> problems) implements CompileResult {
    public Refused {
      problems = List.copyOf(problems);
    }
  }

  /**
   * Endpoints are not known yet. There is no table; one that was programmed before stays.
   *
   * @param waitingFor what has to be known
   */
  record Incomplete(Set<ServicePort> waitingFor, List<Problem> problems) implements CompileResult {
    public Incomplete {
      waitingFor = Set.copyOf(waitingFor);
      problems = List.copyOf(problems);
    }
  }
}
