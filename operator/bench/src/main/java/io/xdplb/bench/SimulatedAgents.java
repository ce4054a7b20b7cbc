// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.AttachMode;
import io.xdplb.api.v1alpha1.NodeStateStatus.Interface;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.table.TableDigests;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;

/**
 * Nodes that say at once that they hold what there is. They are no proof of anything; they are the
 * load that so many agents are for the API server and the operator. All follow one watch, and each
 * writes its NodeState as an agent does: soon after the first change, and so much later again if
 * more follow that all nodes together write no more than fifty a second.
 */
final class SimulatedAgents implements AutoCloseable {

  private static final int WRITERS = 8;
  private static final long TOGETHER_MILLIS = 50;
  private static final long SPACING_A_NODE_MILLIS = 20;
  private static final long LARGEST_SPACING_MILLIS = 1000;
  private static final List<Interface> ATTACHED =
      List.of(new Interface("eth0", true, AttachMode.Native, null, null));

  private final KubernetesClient client;
  private final TableDigests digests = new TableDigests();
  private final ScheduledExecutorService writers = Executors.newScheduledThreadPool(WRITERS);
  private final List<Agent> agents;
  private final long spacingMillis;
  private final SharedIndexInformer<ForwardingTable> informer;

  /** One node. */
  private final class Agent {
    private final String name;
    private final AtomicBoolean behind = new AtomicBoolean();
    private volatile long lastNanos = System.nanoTime();

    Agent(String name) {
      this.name = name;
      NodeState state = new NodeState();
      state.setMetadata(new ObjectMetaBuilder().withName(name).build());
      client.resource(state).create();
    }

    void report() {
      if (behind.compareAndSet(false, true)) {
        long since = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - lastNanos);
        writers.schedule(
            () -> {
              synchronized (this) { // else an older report may overtake a newer one
                behind.set(false);
                lastNanos = System.nanoTime();
                write(name);
              }
            },
            Math.max(TOGETHER_MILLIS, spacingMillis - since),
            TimeUnit.MILLISECONDS);
      }
    }
  }

  SimulatedAgents(KubernetesClient client, int count) {
    this.client = client;
    spacingMillis = Math.min(count * SPACING_A_NODE_MILLIS, LARGEST_SPACING_MILLIS);
    agents = IntStream.rangeClosed(1, count).mapToObj(i -> new Agent("simulated-" + i)).toList();
    informer =
        client
            .resources(ForwardingTable.class)
            .inAnyNamespace()
            .runnableInformer(0)
            .addEventHandler(
                new ResourceEventHandler<>() {
                  @Override
                  public void onAdd(ForwardingTable table) {
                    changed(table, table.getSpec().tableHash());
                  }

                  @Override
                  public void onUpdate(ForwardingTable before, ForwardingTable now) {
                    changed(now, now.getSpec().tableHash());
                  }

                  @Override
                  public void onDelete(ForwardingTable table, boolean unknown) {
                    changed(table, null);
                  }
                });
    informer.run();
  }

  private void changed(ForwardingTable table, String hash) {
    ObjectName name =
        new ObjectName(table.getMetadata().getNamespace(), table.getMetadata().getName());
    synchronized (digests) {
      if (hash == null) {
        digests.remove(name);
      } else {
        digests.put(name, hash);
      }
    }
    agents.forEach(Agent::report);
  }

  private void write(String node) {
    NodeStateStatus status;
    synchronized (digests) {
      status =
          new NodeStateStatus(
              "simulated",
              null,
              ATTACHED,
              digests.rootHash(),
              digests.size() == 0 ? null : digests.bucketHashes(),
              digests.size(),
              null,
              null);
    }
    NodeState state = new NodeState();
    state.setMetadata(new ObjectMetaBuilder().withName(node).build());
    state.setStatus(status);
    client
        .resource(state)
        .subresource("status")
        .patch(
            new PatchContext.Builder()
                .withPatchType(PatchType.SERVER_SIDE_APPLY)
                .withFieldManager("xdplb-agent")
                .withForce(true)
                .build());
  }

  @Override
  public void close() {
    informer.close();
    writers.shutdownNow();
    client.resources(NodeState.class).delete();
  }
}
