// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apps.DaemonSet;
import io.fabric8.kubernetes.api.model.apps.DaemonSetStatus;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Turns the agents of a cluster into pods that detach, by an update of their DaemonSet. Kubernetes
 * then does what is needed on each node: it ends the agent, starts a pod with the same rights that
 * removes what the agent left, and tells when that is ready, or why it is not.
 *
 * <p>That this is asked for is what tells an uninstall from an upgrade; that an agent is stopped,
 * or that its DaemonSet is gone, says nothing.
 */
final class AgentRemoval {

  private static final String DETACH = "detach";
  private static final Duration POLL = Duration.ofSeconds(1);
  private static final int MOST_NAMES = 5;

  private final KubernetesClient client;
  private final String namespace;
  private final Resource<DaemonSet> daemonSet;
  private final String name;
  private final Consumer<String> log;

  AgentRemoval(KubernetesClient client, String namespace, String daemonSet, Consumer<String> log) {
    this.client = client;
    this.namespace = namespace;
    this.name = namespace + "/" + daemonSet;
    this.daemonSet = client.apps().daemonSets().inNamespace(namespace).withName(daemonSet);
    this.log = log;
  }

  /**
   * Returns when every node that can be reached is clean.
   *
   * @throws UserError if some are not in time; it names them
   */
  void run(Duration timeout) throws InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    if (daemonSet.get() == null) {
      log.accept("there is no DaemonSet " + name + ": nothing to detach");
      return;
    }
    daemonSet.edit(AgentRemoval::detaching);
    log.accept("the pods of DaemonSet " + name + " detach");
    while (true) {
      Set<String> waitingFor = waitingFor();
      if (waitingFor != null && waitingFor.isEmpty()) {
        log.accept("all nodes are clean");
        return;
      }
      if (waitingFor != null) {
        Set<String> reachable = reachable(waitingFor);
        if (reachable.isEmpty()) {
          log.accept(
              "all nodes are clean but those that are not ready: "
                  + some(waitingFor)
                  + "; what is pinned there goes with their next reboot, or with `xdplb detach`");
          return;
        }
      }
      if (System.nanoTime() >= deadline) {
        throw new UserError(
            "some nodes are not clean after "
                + timeout.toSeconds()
                + " s: "
                + (waitingFor == null
                    ? "the DaemonSet's controller does not answer"
                    : some(waitingFor))
                + "; see why with `kubectl -n "
                + namespace
                + " get pods -o wide`, and run this again");
      }
      Thread.sleep(POLL.toMillis());
    }
  }

  private static DaemonSet detaching(DaemonSet set) {
    Container agent = set.getSpec().getTemplate().getSpec().getContainers().get(0);
    List<String> arguments = new ArrayList<>(List.of(DETACH, "--stay"));
    // the probes stay as they are
    agent.getArgs().stream()
        .filter(word -> word.startsWith("--http=") || word.startsWith("--bird-dir="))
        .forEach(arguments::add);
    agent.setArgs(arguments);
    // BIRD, where there is one, stays beside it: it is told that there is nothing to announce.
    set.getSpec().getUpdateStrategy().getRollingUpdate().setMaxUnavailable(new IntOrString("100%"));
    return set;
  }

  /** The nodes that are not clean yet; {@code null} while the update has not been taken up. */
  private Set<String> waitingFor() {
    DaemonSet set = daemonSet.get();
    if (set == null) {
      throw new UserError(
          "DaemonSet "
              + name
              + " was deleted meanwhile: its agents are gone, and on nodes where"
              + " nothing detached traffic goes on; run `xdplb detach` there");
    }
    DaemonSetStatus status = set.getStatus();
    if (status == null
        || status.getObservedGeneration() == null
        || status.getObservedGeneration() < set.getMetadata().getGeneration()) {
      return null;
    }
    List<Pod> pods =
        client
            .pods()
            .inNamespace(namespace)
            .withLabelSelector(set.getSpec().getSelector())
            .list()
            .getItems();
    Set<String> nodes =
        pods.stream()
            .filter(pod -> !isClean(pod))
            .map(pod -> pod.getSpec().getNodeName())
            .filter(node -> node != null)
            .collect(Collectors.toCollection(TreeSet::new));
    long clean = pods.stream().filter(AgentRemoval::isClean).count();
    // between the end of an agent and its successor there is no pod that could be looked at
    boolean missing = clean + nodes.size() < status.getDesiredNumberScheduled();
    return missing ? null : nodes;
  }

  private static boolean isClean(Pod pod) {
    return pod.getSpec().getContainers().get(0).getArgs().stream()
            .findFirst()
            .equals(Optional.of(DETACH))
        && pod.getStatus() != null
        && pod.getStatus().getConditions().stream()
            .anyMatch(c -> c.getType().equals("Ready") && c.getStatus().equals("True"));
  }

  private Set<String> reachable(Set<String> nodes) {
    return client.nodes().list().getItems().stream()
        .filter(node -> nodes.contains(node.getMetadata().getName()))
        .filter(AgentRemoval::isReady)
        .map(node -> node.getMetadata().getName())
        .collect(Collectors.toSet());
  }

  private static boolean isReady(Node node) {
    return node.getStatus() != null
        && node.getStatus().getConditions() != null
        && node.getStatus().getConditions().stream()
            .anyMatch(c -> c.getType().equals("Ready") && c.getStatus().equals("True"));
  }

  private static String some(Set<String> names) {
    String first = names.stream().limit(MOST_NAMES).collect(Collectors.joining(", "));
    return names.size() <= MOST_NAMES
        ? first
        : first + " and " + (names.size() - MOST_NAMES) + " more";
  }
}
