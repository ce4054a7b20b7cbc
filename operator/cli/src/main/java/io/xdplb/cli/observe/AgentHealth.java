// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.observe;

import io.xdplb.agent.Agent;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Interface;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.Collectors;

/** What the agent answers to probes. Neither needs the API server once all tables were listed. */
public final class AgentHealth {

  /** Many times what the largest piece of work takes: a restart is the last resort. */
  private static final Duration STUCK = Duration.ofMinutes(1);

  private final Agent agent;
  private final AgentMetrics known;

  /** Of a running agent, and of what it tells. */
  public AgentHealth(Agent agent, AgentMetrics known) {
    this.agent = agent;
    this.known = known;
  }

  /** Not well if a thread has ended, or the one that owns the datapath does not come round. */
  public Optional<String> health() {
    if (!agent.isProgramming()) {
      return Optional.of("the thread that programs has ended; its reason is in the log");
    }
    if (!agent.isAnnouncing()) {
      return Optional.of("the thread that announces has ended; its reason is in the log");
    }
    Duration since = agent.sinceLastStep();
    return since.compareTo(STUCK) < 0
        ? Optional.empty()
        : Optional.of(
            "the thread that programs has not come round for " + since.toSeconds() + " s");
  }

  /**
   * Ready when all tables there were at the start have been attempted, and the program is on all
   * interfaces, and the other nodes know what this one says of addresses: a rollout stops at the
   * first node where it is not.
   */
  public Optional<String> readiness() {
    if (!known.isCaughtUp()) {
      return Optional.of("the ForwardingTables there are have not been listed and programmed yet");
    }
    NodeStateStatus report = known.report();
    if (report == null) {
      return Optional.of("nothing is known of the interfaces yet");
    }
    String missing =
        report.interfaces().stream()
            .filter(candidate -> !candidate.attached())
            .map(AgentHealth::describe)
            .collect(Collectors.joining("; "));
    if (!missing.isEmpty()) {
      return Optional.of("not attached: " + missing);
    }
    return agent.isInStep()
        ? Optional.empty()
        : Optional.of("not yet in step with the other nodes on who answers for addresses");
  }

  private static String describe(Interface missing) {
    return missing.name() + (missing.message() == null ? "" : " (" + missing.message() + ")");
  }
}
