// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Announcing;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the evidence of this node to its NodeState, from a thread of its own: the newest report
 * wins, a failure is tried again, and an object that somebody deleted is made anew.
 */
final class NodeStateWriter implements AutoCloseable {

  /** Who owns the fields of the status, in server-side apply. */
  static final String FIELD_MANAGER = "xdplb-agent";

  private static final Logger log = LoggerFactory.getLogger(NodeStateWriter.class);
  private static final Duration FIRST_RETRY = Duration.ofMillis(200);
  private static final Duration LONGEST_RETRY = Duration.ofSeconds(10);

  /** How often an unchanged report is applied again, should somebody have changed or deleted it. */
  private static final Duration REPEAT = Duration.ofMinutes(1);

  /** Many changes are one report: all nodes together write some fifty reports a second. */
  private static final Duration SPACING_A_NODE = Duration.ofMillis(20);

  /** Shorter than the operator waits before it says that nodes lag. */
  private static final Duration LARGEST_SPACING = Duration.ofSeconds(1);

  private final KubernetesClient client;
  private final String nodeName;
  private final IntSupplier nodes;
  private final Thread thread;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  // Guarded by lock:
  private NodeStateStatus newest;
  private Announcing announcing;
  private NodeStateStatus applied;
  private boolean unwritten;
  private boolean stopped;

  /** Of the thread. */
  private long lastNanos = System.nanoTime() - LARGEST_SPACING.toNanos();

  /**
   * @param nodes how many nodes the cluster has: the more there are, the less often each writes
   */
  NodeStateWriter(KubernetesClient client, String nodeName, IntSupplier nodes) {
    this.client = client;
    this.nodes = nodes;
    this.nodeName = nodeName;
    this.thread = new Thread(this::run, "node state");
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  /** Takes a report to be written; returns at once. */
  void write(NodeStateStatus status) {
    lock.lock();
    try {
      newest = with(announcing, status);
      unwritten = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Takes what the node announces, to be written with the report; returns at once. */
  void announcing(Announcing now) {
    lock.lock();
    try {
      announcing = now;
      if (newest != null) {
        newest = with(announcing, newest);
        unwritten = true;
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  private static NodeStateStatus with(Announcing announcing, NodeStateStatus status) {
    return new NodeStateStatus(
        status.agentVersion(),
        status.addresses(),
        status.interfaces(),
        status.rootHash(),
        status.bucketHashes(),
        status.tables(),
        status.exceptions(),
        announcing);
  }

  /** Waits until the newest report is written; answers whether it is. */
  boolean awaitWritten(Duration atMost) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long nanos = atMost.toNanos();
      while (applied != newest && nanos > 0) {
        nanos = changed.awaitNanos(nanos);
      }
      return applied == newest;
    } finally {
      lock.unlock();
    }
  }

  /** Ends the thread; what is not written yet stays unwritten. */
  @Override
  public void close() {
    lock.lock();
    try {
      stopped = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    thread.interrupt();
  }

  private void run() {
    Duration retry = FIRST_RETRY;
    boolean failed = false;
    try {
      while (true) {
        NodeStateStatus status = next(failed ? retry : REPEAT);
        if (status == null) {
          return;
        }
        try {
          apply(status);
          written(status);
          if (failed) {
            log.info("NodeState {} is written again", nodeName);
          }
          failed = false;
          retry = FIRST_RETRY;
        } catch (KubernetesClientException e) {
          if (Thread.currentThread().isInterrupted()) {
            return;
          }
          if (!failed) {
            log.warn("cannot write NodeState {}, will try again: {}", nodeName, e.getMessage());
          }
          retry = failed ? min(retry.multipliedBy(2), LONGEST_RETRY) : FIRST_RETRY;
          failed = true;
        }
      }
    } catch (InterruptedException e) {
      log.debug("stopped");
    }
  }

  private void written(NodeStateStatus status) {
    lock.lock();
    try {
      applied = status;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * The report to write next: a new one at once, unless one was written just now; else the last one
   * after a while.
   */
  private NodeStateStatus next(Duration atLatest) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long nanos = atLatest.toNanos();
      while (!stopped && !unwritten && (nanos > 0 || newest == null)) {
        if (newest == null) {
          changed.await();
        } else {
          nanos = changed.awaitNanos(nanos);
        }
      }
      while (!stopped && spacingLeft() > 0) {
        changed.awaitNanos(spacingLeft());
      }
      lastNanos = System.nanoTime();
      unwritten = false;
      return stopped ? null : newest;
    } finally {
      lock.unlock();
    }
  }

  private long spacingLeft() {
    Duration spacing = min(SPACING_A_NODE.multipliedBy(nodes.getAsInt()), LARGEST_SPACING);
    return lastNanos + spacing.toNanos() - System.nanoTime();
  }

  private void apply(NodeStateStatus status) {
    try {
      applyStatus(status);
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
        throw e;
      }
      create();
      applyStatus(status);
    }
  }

  private void applyStatus(NodeStateStatus status) {
    NodeState state = new NodeState();
    state.setMetadata(new ObjectMetaBuilder().withName(nodeName).build());
    state.setStatus(withoutEmpty(status));
    client
        .resource(state)
        .subresource("status")
        .patch(
            new PatchContext.Builder()
                .withPatchType(PatchType.SERVER_SIDE_APPLY)
                .withFieldManager(FIELD_MANAGER)
                .withForce(true)
                .build());
  }

  /**
   * Leaves out what is empty. An applied empty map or list that takes away the last entry is merged
   * into null by the API server, and then refused by the schema.
   */
  private static NodeStateStatus withoutEmpty(NodeStateStatus status) {
    return new NodeStateStatus(
        status.agentVersion(),
        status.addresses().isEmpty() ? null : status.addresses(),
        status.interfaces().isEmpty() ? null : status.interfaces(),
        status.rootHash(),
        status.bucketHashes().isEmpty() ? null : status.bucketHashes(),
        status.tables(),
        status.exceptions().isEmpty() ? null : status.exceptions(),
        status.announcing());
  }

  private void create() {
    ObjectMetaBuilder metadata = new ObjectMetaBuilder().withName(nodeName);
    Node node = node();
    if (node != null) {
      metadata.withOwnerReferences(
          new OwnerReferenceBuilder()
              .withApiVersion("v1")
              .withKind("Node")
              .withName(nodeName)
              .withUid(node.getMetadata().getUid())
              .build());
    }
    NodeState state = new NodeState();
    state.setMetadata(metadata.build());
    try {
      client.resource(state).create();
      log.info("NodeState {} created", nodeName);
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
        throw e;
      }
      log.debug("NodeState {} was created by somebody else meanwhile", nodeName);
    }
  }

  /** Absent where the agent runs outside the cluster, or may not read nodes. */
  private Node node() {
    try {
      return client.nodes().withName(nodeName).get();
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_FORBIDDEN) {
        throw e;
      }
      log.warn("may not read Node {}: its NodeState will outlive it", nodeName);
      return null;
    }
  }

  private static Duration min(Duration a, Duration b) {
    return a.compareTo(b) <= 0 ? a : b;
  }
}
