// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Interface;
import io.xdplb.core.model.ObjectName;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * What the nodes say of one table.
 *
 * @param desired how many nodes should hold it: all that report a state or should have an agent
 * @param programmed how many of them have proven that they do, and have it attached
 * @param failures nodes that say they cannot, ordered by name
 * @param lagging names of the nodes that neither prove nor fail, in order
 * @param silent names of the nodes whose agent gives no sign of life, in order; what they said last
 *     proves nothing any more
 * @param unreported names of the nodes that should have an agent and have no NodeState, in order
 */
record Fleet(
    int desired,
    int programmed,
    List<Failure> failures,
    List<String> lagging,
    List<String> silent,
    List<String> unreported) {

  /** No node is asked, because there is no table. */
  static Fleet withoutTable(Collection<NodeState> nodes, List<String> unreported) {
    return new Fleet(
        nodes.size() + unreported.size(), 0, List.of(), List.of(), List.of(), unreported);
  }

  /**
   * Why a node does not balance with a table.
   *
   * @param node its name
   * @param reason one word, the node's own
   * @param message the node's own
   */
  record Failure(String node, String reason, String message) {}

  /**
   * @param nodes what they report
   * @param unreported names of the nodes that should and do not
   * @param table whose evidence is wanted
   * @param proofs digests of the table's bucket that prove it
   * @param isSilent whether a node's agent gives no sign of life
   */
  static Fleet of(
      Collection<NodeState> nodes,
      List<String> unreported,
      ObjectName table,
      Set<String> proofs,
      Predicate<String> isSilent) {
    String bucket = TableEvidence.bucketOf(table);
    int programmed = 0;
    List<Failure> failures = new ArrayList<>();
    List<String> lagging = new ArrayList<>();
    List<String> silent = new ArrayList<>();
    for (NodeState node :
        nodes.stream().sorted(Comparator.comparing(n -> n.getMetadata().getName())).toList()) {
      String name = node.getMetadata().getName();
      Optional<Failure> failure = failure(name, node.getStatus(), table);
      if (failure.isPresent()) {
        failures.add(failure.get());
      } else if (isSilent.test(name)) {
        silent.add(name);
      } else if (proofs.contains(digest(node, bucket).orElse(""))) {
        programmed++;
      } else {
        lagging.add(name);
      }
    }
    return new Fleet(
        nodes.size() + unreported.size(), programmed, failures, lagging, silent, unreported);
  }

  /**
   * The nodes that may still hold a table that is no longer stored, in order: those whose digest of
   * its bucket does not prove that they do not, whether or not they balance with it.
   *
   * @param absences digests that prove it
   */
  static List<String> holders(Collection<NodeState> nodes, ObjectName table, Set<String> absences) {
    String bucket = TableEvidence.bucketOf(table);
    return nodes.stream()
        .filter(node -> !absences.contains(digest(node, bucket).orElse(TableEvidence.NO_DIGEST)))
        .map(node -> node.getMetadata().getName())
        .sorted()
        .toList();
  }

  /**
   * Whether every node proves it. One that has not reported anything yet may hold anything.
   *
   * @param proofs digests of the table's bucket
   */
  static boolean allProve(Collection<NodeState> nodes, ObjectName table, Set<String> proofs) {
    String bucket = TableEvidence.bucketOf(table);
    return nodes.stream()
        .allMatch(
            node -> node.getStatus() != null && proofs.contains(digest(node, bucket).orElse("")));
  }

  /** What each node reports of a table's bucket; {@code null} for one that reports none. */
  static List<String> digests(Collection<NodeState> nodes, ObjectName table) {
    String bucket = TableEvidence.bucketOf(table);
    return nodes.stream().map(node -> digest(node, bucket).orElse(null)).toList();
  }

  /** Whether a node says that it does not balance with a table. */
  static boolean hasFailed(NodeState node, ObjectName table) {
    return failure(node.getMetadata().getName(), node.getStatus(), table).isPresent();
  }

  /** The digest a node reports for a bucket; empty if none. */
  static Optional<String> digest(NodeState node, String bucket) {
    return Optional.ofNullable(node.getStatus())
        .map(NodeStateStatus::bucketHashes)
        .map(hashes -> hashes.get(bucket));
  }

  boolean isProgrammed() {
    return desired > 0 && programmed == desired;
  }

  /** Nodes are behind, and none has said that it cannot follow. */
  boolean isOnlyLagging() {
    return failures.isEmpty() && !(lagging.isEmpty() && unreported.isEmpty());
  }

  /** A node that has not reported anything yet has not failed either. */
  private static Optional<Failure> failure(String node, NodeStateStatus status, ObjectName table) {
    if (status == null) {
      return Optional.empty();
    }
    List<Interface> interfaces = status.interfaces() == null ? List.of() : status.interfaces();
    if (interfaces.isEmpty()) {
      return Optional.of(
          new Failure(node, "NotAttached", "the agent has no interface to attach its program to"));
    }
    // Before the exceptions of tables: that no backend is reached is what follows from it.
    Optional<Failure> notAttached =
        interfaces.stream()
            .filter(i -> !i.attached())
            .findFirst()
            .map(
                i ->
                    new Failure(
                        node,
                        i.reason() == null ? "NotAttached" : i.reason(),
                        "interface "
                            + i.name()
                            + " is not attached"
                            + (i.message() == null ? "" : ": " + i.message())));
    if (notAttached.isPresent()) {
      return notAttached;
    }
    if (status.exceptions() != null) {
      for (var exception : status.exceptions()) {
        if (exception.namespace().equals(table.namespace())
            && exception.name().equals(table.name())) {
          return Optional.of(new Failure(node, exception.reason(), exception.message()));
        }
      }
    }
    return Optional.empty();
  }
}
