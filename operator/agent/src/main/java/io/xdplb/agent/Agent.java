// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import io.xdplb.datapath.Datapath;
import io.xdplb.datapath.DatapathConfig;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent of one node: follows ForwardingTables and Nodes, programs them, writes the NodeState.
 * Stopping it leaves the datapath as it is, and traffic goes on.
 */
public final class Agent implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Agent.class);

  private final NodeStateWriter writer;
  private final Programmer programmer;
  private final ForwardingTableSource source;
  private final NodeAddressSource nodes;

  private Agent(
      KubernetesClient client,
      NodeDatapath datapath,
      String nodeName,
      List<String> interfaceNames,
      String version) {
    writer = new NodeStateWriter(client, nodeName);
    programmer = new Programmer(datapath, nodeName, interfaceNames, version, new Reporting(writer));
    source = new ForwardingTableSource(client, programmer);
    nodes = new NodeAddressSource(client, nodeName, programmer);
  }

  /**
   * Opens the datapath and starts everything, in the network namespace of the calling thread.
   *
   * @param client of the cluster; the caller closes it after the agent
   * @param nodeName name of this node, and of its NodeState
   * @param interfaceNames where the program is to be
   * @param version of this agent
   * @throws io.xdplb.datapath.DatapathException if the datapath cannot be opened
   */
  public static Agent start(
      KubernetesClient client,
      DatapathConfig config,
      String nodeName,
      List<String> interfaceNames,
      String version) {
    connect(client);
    Agent agent =
        new Agent(
            client, NodeDatapath.of(Datapath.open(config)), nodeName, interfaceNames, version);
    agent.writer.start();
    agent.programmer.start();
    agent.nodes.start();
    agent.source.start();
    return agent;
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

  /** Stops following and programming. */
  @Override
  public void close() {
    source.close();
    nodes.close();
    programmer.close();
    writer.close();
  }

  private record Reporting(NodeStateWriter writer) implements ProgrammingListener {
    @Override
    public void programmed(ObjectName table, List<Vip> vips) {
      log.info("{}: programmed", table);
    }

    @Override
    public void failed(ObjectName table, TableException why) {
      log.error("{}: {}: {}", table, why.reason(), why.message());
    }

    @Override
    public void removed(ObjectName table) {
      log.info("{}: removed", table);
    }

    @Override
    public void reported(NodeStateStatus status) {
      writer.write(status);
    }
  }
}
