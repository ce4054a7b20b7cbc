// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.DsrCluster.Pod;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.Connections;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.RequiresBpf;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Row 52: agents end and begin, and each one that begins puts its own program in the place of the
 * former one's, on the way in and on the way out.
 */
@RequiresBpf
class AgentRestartTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(5);
  private static final Duration PAUSE = Duration.ofMillis(1);
  private static final int CONNECTIONS = 60;
  private static final int ROUNDS = 5;
  private static final int BULK_PORT = 8081;
  private static final int BYTES = 40 << 20;

  private static final List<EchoServer> SERVERS = new ArrayList<>();
  private static DsrCluster cluster;
  private static Host client;

  @BeforeAll
  static void create() {
    cluster = new DsrCluster(ClusterPlan.plain().withNodes(1, 1, 1), 2);
    client = cluster.nodes().client();
    cluster.pods().forEach(pod -> SERVERS.add(EchoServer.start(pod.host(), POD_PORT)));
  }

  @AfterAll
  static void close() {
    SERVERS.forEach(EchoServer::close);
    cluster.close();
  }

  @AfterEach
  void forget() {
    cluster.removeVips();
  }

  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row52_connectionsGoOnWithoutAgentsAndThroughTheNextOnes(String vip) {
    cluster.program(DsrCluster.vip(vip, Protocol.TCP, cluster.pods(), true));
    try (Connections connections = open(vip)) {
      connections.awaitRounds(ROUNDS);
      Map<String, Integer> before = connections.perServer();
      assertThat(before).hasSize(cluster.pods().size());
      for (ClusterNode node : cluster.nodes().nodes()) {
        cluster.datapath(node).stop();
        connections.awaitRounds(ROUNDS);
        try (Connections newcomers = open(vip)) { // nobody is there, and they get in
          newcomers.awaitRounds(ROUNDS);
          assertThat(newcomers.broken())
              .as("without an agent on %s\n%s", node.name(), cluster)
              .isEmpty();
        }
        cluster.datapath(node).reopen();
        connections.awaitRounds(ROUNDS);
        assertThat(connections.broken()).as("%s\n%s", node.name(), cluster).isEmpty();
      }
      // the new agents know what the former ones knew: a table that changes breaks nothing either
      cluster.program(DsrCluster.vip(vip, Protocol.TCP, cluster.pods().subList(0, 1), true));
      connections.awaitRounds(ROUNDS);
      assertThat(connections.broken()).as("%s", cluster).isEmpty();
      assertThat(connections.perServer()).isEqualTo(before);
    }
  }

  /** Not one datagram is lost, and no byte of a large download. */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row52_noPacketIsLostWhileProgramsAreReplaced(String vip) throws Exception {
    Pod pod = cluster.pods().get(0);
    Ip address = Ip.parse(vip);
    Backend bulk =
        new Backend(
            new BackendKey(pod.key(address.isIpv4()).address(), BULK_PORT),
            1,
            0,
            DsrCluster.dsr(pod, true));
    cluster.program(DsrCluster.vip(new VipKey(address, Protocol.TCP, BULK_PORT), List.of(bulk)));
    cluster.program(DsrCluster.vip(vip, Protocol.UDP, cluster.pods(), true));
    try (BulkServer server = BulkServer.start(pod.host(), BULK_PORT);
        DatagramSocket socket = client.netns().call(() -> new DatagramSocket())) {
      CompletableFuture<String> download =
          CompletableFuture.supplyAsync(
              () -> BulkServer.download(client, vip, BULK_PORT, BYTES, TIMEOUT));
      AtomicInteger answered = new AtomicInteger();
      CompletableFuture<Void> datagrams =
          CompletableFuture.runAsync(
              () -> {
                while (!download.isDone()) {
                  ask(socket, vip);
                  answered.incrementAndGet();
                }
              });
      int replaced = 0;
      while (!download.isDone() && !datagrams.isDone()) {
        for (ClusterNode node : cluster.nodes().nodes()) {
          cluster.datapath(node).reopen();
          replaced++;
        }
      }
      assertThat(download.get()).isEqualTo(BulkServer.hash(BYTES));
      datagrams.get();
      System.out.printf("%s: %d programs replaced, %d datagrams%n", vip, replaced, answered.get());
      assertThat(replaced).isGreaterThanOrEqualTo(cluster.nodes().nodes().size());
      assertThat(answered).hasPositiveValue();
      assertThat(server).isNotNull();
    }
  }

  private static void ask(DatagramSocket socket, String vip) {
    try {
      Clients.ask(socket, new InetSocketAddress(vip, PORT), "hello", TIMEOUT);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Connections open(String vip) {
    return Connections.open(client.netns(), vip, PORT, CONNECTIONS, PAUSE, TIMEOUT);
  }
}
