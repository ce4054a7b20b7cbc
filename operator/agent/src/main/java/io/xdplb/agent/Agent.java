// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.xdplb.agent.announce.Announcing;
import io.xdplb.agent.announce.BgpAnnouncer;
import io.xdplb.agent.announce.KubernetesMembership;
import io.xdplb.agent.announce.PolicySource;
import io.xdplb.agent.announce.RouterSource;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import io.xdplb.datapath.Datapath;
import io.xdplb.datapath.DatapathConfig;
import io.xdplb.datapath.DatapathException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent of one node: follows ForwardingTables and Nodes, programs them, writes the NodeState.
 * Stopping it leaves the datapath as it is, and traffic goes on.
 */
public final class Agent implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Agent.class);

  /** How long an agent that cannot work tries to say so. */
  private static final Duration LAST_WORDS = Duration.ofSeconds(5);

  private final NodeStateWriter writer;
  private final Programmer programmer;
  private final HealthCheckPorts healthChecks;
  private final ForwardingTableSource source;
  private final NodeAddressSource nodes;
  private final NodeLease lease;
  private final Announcing announcing;
  private final PolicySource policies;
  private final RouterSource routers;

  private Agent(
      KubernetesClient client,
      NodeDatapath datapath,
      Path pinPath,
      String namespace,
      String nodeName,
      List<String> interfaceNames,
      Optional<Path> birdFolder,
      String version,
      ProgrammingListener listener) {
    writer = new NodeStateWriter(client, nodeName, this::countNodes);
    announcing =
        new Announcing(
            pinPath,
            nodeName,
            new KubernetesMembership(client, namespace),
            birdFolder.map(BgpAnnouncer::beside),
            writer::announcing);
    programmer =
        new Programmer(
            datapath,
            nodeName,
            interfaceNames,
            version,
            new Reporting(writer, announcing, listener));
    healthChecks = new HealthCheckPorts(nodeName);
    source = new ForwardingTableSource(client, programmer, healthChecks);
    nodes =
        new NodeAddressSource(client, nodeName, programmer, announcing::node, announcing::nodes);
    policies = new PolicySource(client, announcing::policies);
    routers = new RouterSource(client, namespace, announcing::routers);
    lease = new NodeLease(client, namespace, nodeName, nodes::count, Clock.systemUTC());
  }

  /**
   * Opens the datapath and starts everything, in the network namespace of the calling thread.
   *
   * @param client of the cluster; the caller closes it after the agent
   * @param namespace of the Lease by which the operator knows that this agent runs
   * @param nodeName name of this node, and of its NodeState
   * @param interfaceNames where the program is to be
   * @param birdFolder where a BIRD beside the agent has its configuration and its socket; empty if
   *     there is none
   * @param version of this agent
   * @param listener hears of everything too, after the agent's own log and report
   * @throws io.xdplb.datapath.DatapathException if the datapath cannot be opened
   */
  public static Agent start(
      KubernetesClient client,
      DatapathConfig config,
      String namespace,
      String nodeName,
      List<String> interfaceNames,
      Optional<Path> birdFolder,
      String version,
      ProgrammingListener listener) {
    connect(client);
    Agent agent =
        new Agent(
            client,
            NodeDatapath.of(open(client, config, nodeName, interfaceNames, version)),
            config.pinPath(),
            namespace,
            nodeName,
            interfaceNames,
            birdFolder,
            version,
            listener);
    agent.writer.start();
    agent.programmer.start();
    agent.nodes.start();
    agent.source.start();
    agent.policies.start();
    agent.routers.start();
    agent.lease.start();
    return agent;
  }

  /** What refuses to open is said in the NodeState, where whoever waits for this node looks. */
  private static Datapath open(
      KubernetesClient client,
      DatapathConfig config,
      String nodeName,
      List<String> interfaceNames,
      String version) {
    try {
      return Datapath.open(config);
    } catch (DatapathException e) {
      try (NodeStateWriter writer = new NodeStateWriter(client, nodeName, () -> 1)) {
        writer.start();
        writer.write(NodeReport.refused(version, interfaceNames, e));
        if (!writer.awaitWritten(LAST_WORDS)) {
          log.warn("could not say so in NodeState {} in time", nodeName);
        }
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
      throw e;
    }
  }

  /**
   * A first small request while the datapath is opened: what a connection needs is then loaded and
   * the handshake done. Whether it succeeds does not matter.
   */
  private static void connect(KubernetesClient client) {
    Thread thread =
        new Thread(
            () -> {
              try {
                client
                    .resources(ForwardingTable.class)
                    .inAnyNamespace()
                    .list(new ListOptionsBuilder().withLimit(1L).build());
              } catch (KubernetesClientException e) {
                log.debug("first request", e);
              }
            },
            "connect");
    thread.setDaemon(true);
    thread.start();
  }

  private int countNodes() {
    return nodes.count();
  }

  /** See {@link Programmer#isRunning}. */
  public boolean isProgramming() {
    return programmer.isRunning();
  }

  /** See {@link Programmer#sinceLastStep}. */
  public Duration sinceLastStep() {
    return programmer.sinceLastStep();
  }

  /** See {@link Announcing#isRunning}. */
  public boolean isAnnouncing() {
    return announcing.isRunning();
  }

  /** See {@link Announcing#isInStep}. */
  public boolean isInStep() {
    return announcing.isInStep();
  }

  /** Stops following and programming. */
  @Override
  public void close() {
    lease.close();
    source.close();
    policies.close();
    routers.close();
    announcing.close();
    healthChecks.close();
    nodes.close();
    programmer.close();
    writer.close();
  }

  private record Reporting(NodeStateWriter writer, Announcing announcing, ProgrammingListener next)
      implements ProgrammingListener {
    @Override
    public void received(ObjectName table) {
      next.received(table);
    }

    @Override
    public void caughtUp() {
      next.caughtUp();
    }

    @Override
    public void programmed(ObjectName table, List<Vip> vips) {
      log.info("{}: programmed", table);
      next.programmed(table, vips);
    }

    @Override
    public void failed(ObjectName table, TableException why) {
      log.error("{}: {}: {}", table, why.reason(), why.message());
      next.failed(table, why);
    }

    @Override
    public void removed(ObjectName table) {
      log.info("{}: removed", table);
      next.removed(table);
    }

    @Override
    public void serving(Set<Ip> addresses) {
      announcing.serving(addresses);
      next.serving(addresses);
    }

    @Override
    public void reported(NodeStateStatus status) {
      writer.write(status);
      announcing.reported(status);
      next.reported(status);
    }
  }
}
