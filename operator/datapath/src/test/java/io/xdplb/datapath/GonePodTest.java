// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.DsrCluster.Pod;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.ManyConnections;
import io.xdplb.testing.kernel.ManyConnections.Broken;
import io.xdplb.testing.kernel.RequiresBpf;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of connections to a pod that is no more. */
@RequiresBpf
class GonePodTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(3);
  private static final int CLIENT_PORT = 9000;
  private static final int CONNECTIONS = 200;

  private static DsrCluster cluster;
  private static final List<EchoServer> SERVERS = new ArrayList<>();

  @BeforeAll
  static void create() {
    cluster = new DsrCluster(ClusterPlan.plain().withNodes(1, 0, 2), 1);
    cluster.pods().forEach(GonePodTest::serve);
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

  /** Row 33: it is cut off the network, as a node that has lost its power, and leaves the table. */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row33_connectionsOfAFailedPodAreResetAtOnceAndNoOthers(String vip) {
    List<Pod> pods = new ArrayList<>(cluster.pods());
    List<Pod> failing = List.of(addPod(0), addPod(1));
    pods.addAll(failing);
    cluster.program(vip(vip, pods));
    try (ManyConnections connections = open(vip)) {
      Map<String, Integer> before = connections.perServer();
      assertThat(before).hasSize(pods.size());
      for (Pod failed : failing) {
        failed.host().netns().ip("link set eth0 down");
        pods.remove(failed);
        cluster.program(vip(vip, pods));
        int its = before.remove(name(failed));
        long start = System.nanoTime();
        connections.check();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(1));
        assertThat(connections.forgetBroken())
            .as("%s", cluster)
            .hasSize(its)
            .allMatch(broken -> broken.server().equals(name(failed)))
            .allMatch(broken -> broken.reason().contains("reset"));
        assertThat(connections.perServer()).isEqualTo(before);
      }
    }
  }

  /**
   * Row 33: a node is frozen or has lost its power, and its pods are not ready any more. They keep
   * what flows they have, should the node come back; nobody waits for them.
   */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row33_newConnectionsDoNotWaitForPodsOfADeadNode(String vip) {
    try (DsrCluster mortal = new DsrCluster(ClusterPlan.plain().withNodes(1, 0, 2), 1)) {
      mortal.pods().forEach(GonePodTest::serve);
      Map<Pod, Integer> weights = new LinkedHashMap<>();
      mortal.pods().forEach(pod -> weights.put(pod, 1));
      mortal.program(DsrCluster.vip(vip, Protocol.TCP, weights, true));
      Pod dead = mortal.pods().get(1);
      dead.node().netns().ip("link set " + dead.node().host().device() + " down");
      weights.put(dead, 0);
      mortal.program(DsrCluster.vip(vip, Protocol.TCP, weights, true));
      try (ManyConnections connections =
          ManyConnections.open(mortal.nodes().clients(), vip, PORT, CONNECTIONS, TIMEOUT)) {
        assertThat(connections.broken()).as("%s", mortal).isEmpty();
        assertThat(connections.perServer()).doesNotContainKey(name(dead));
      }
    }
  }

  /** Row 61: all nodes know that the pod has gone; or only its own, where its address is reused. */
  @ParameterizedTest
  @CsvSource({
    "203.0.113.10, true",
    "203.0.113.10, false",
    "2001:db8:0:2::10, true",
    "2001:db8:0:2::10, false"
  })
  void row61_nextOwnerOfAPodsAddressGetsNothingOfTheFormerOnes(String vip, boolean everywhere) {
    List<Pod> pods = new ArrayList<>(cluster.pods());
    Pod gone = addPod(0);
    pods.add(gone);
    cluster.program(vip(vip, pods));
    try (ManyConnections connections = open(vip)) {
      Map<String, Integer> before = connections.perServer();
      assertThat(before).hasSize(pods.size());
      Pod next = replace(gone);
      serve(next);
      Vip without = vip(vip, cluster.pods());
      VipKey otherKey = new VipKey(Ip.parse(vip), Protocol.TCP, PORT + 1);
      Backend backend =
          new Backend(next.key(Ip.parse(vip).isIpv4()), 1, 0, DsrCluster.dsr(next, true));
      Vip other = DsrCluster.vip(otherKey, List.of(backend));
      for (ClusterNode node : cluster.nodes().nodes()) {
        if (everywhere || node == gone.node()) {
          cluster.program(node, without);
        }
        cluster.program(node, other);
      }

      List<Broken> broken = connections.check();
      assertThat(broken)
          .as("%s", cluster)
          .hasSize(before.get(name(gone)))
          .allMatch(each -> each.server().equals(name(gone)) && each.reason().contains("reset"));
      assertThat(received(next)).as("packets that the new pod got").isZero();

      try (ManyConnections others =
          ManyConnections.open(cluster.nodes().clients(), vip, PORT + 1, 20, TIMEOUT)) {
        assertThat(others.check()).as("%s", cluster).isEmpty();
        assertThat(others.perServer()).isEqualTo(Map.of(name(next), 20));
        assertThat(received(next)).isPositive();
      }
    }
  }

  /** The same client port to the same address and port: nothing of before is in the way. */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row61_nextOwnerOfAPodsAddressTakesClientsOfTheFormerOne(String vip) throws IOException {
    Pod gone = addPod(1);
    cluster.program(vip(vip, List.of(gone)));
    Host client = cluster.nodes().client();
    try (SocketChannel old =
        Sockets.connect(client, CLIENT_PORT, new InetSocketAddress(vip, PORT))) {
      Pod next = replace(gone);
      cluster.program(vip(vip, cluster.pods()));
      Backend backend =
          new Backend(next.key(Ip.parse(vip).isIpv4()), 1, 0, DsrCluster.dsr(next, true));
      VipKey key = new VipKey(Ip.parse(vip), Protocol.TCP, PORT + 1);
      cluster.program(DsrCluster.vip(key, List.of(backend)));
      try (ServerSocketChannel server = Sockets.listen(next.host(), POD_PORT);
          SocketChannel fresh =
              Sockets.connect(client, CLIENT_PORT, new InetSocketAddress(vip, PORT + 1));
          SocketChannel accepted = server.accept()) {
        assertThat(Sockets.carries(fresh, accepted, "there")).isTrue();
        assertThat(Sockets.carries(accepted, fresh, "back")).isTrue();
        assertThat(old.isOpen()).isTrue();
      }
    }
  }

  private static Pod addPod(int worker) {
    ClusterNode node = cluster.nodes().workers().get(worker);
    return serve(new Pod(node, node.addPod()));
  }

  private static Pod serve(Pod pod) {
    SERVERS.add(EchoServer.start(pod.host(), POD_PORT));
    return pod;
  }

  private ManyConnections open(String vip) {
    ManyConnections connections =
        ManyConnections.open(cluster.nodes().clients(), vip, PORT, CONNECTIONS, TIMEOUT);
    assertThat(connections.broken()).as("%s", cluster).isEmpty();
    return connections;
  }

  /** Pods that leave the table have failed: they do not drain. */
  private static Vip vip(String address, List<Pod> pods) {
    Map<Pod, Integer> weights = new LinkedHashMap<>();
    pods.forEach(pod -> weights.put(pod, 1));
    return DsrCluster.vip(address, Protocol.TCP, weights, true, 0);
  }

  private static String name(Pod pod) {
    return pod.host().name();
  }

  /** Cuts a pod off and gives its addresses to a new one, which counts what comes to its port. */
  private static Pod replace(Pod gone) {
    gone.host().netns().ip("link set eth0 down");
    Host fresh = gone.node().addPod();
    String ipv4 = gone.host().ipv4();
    String ipv6 = gone.host().ipv6();
    fresh
        .netns()
        .runWithInput(
            """
            table inet pod {
              chain in {
                type filter hook input priority filter;
                tcp dport %d counter
              }
            }
            """
                .formatted(POD_PORT),
            "nft",
            "-f",
            "-");
    fresh.netns().ip("addr add " + ipv4 + "/28 dev eth0", "addr add " + ipv6 + "/64 dev eth0");
    gone.node().netns().ip("neigh flush dev cni0");
    return new Pod(gone.node(), new Host(fresh.netns(), fresh.name(), "eth0", ipv4, ipv6));
  }

  private static long received(Pod pod) {
    String rules = pod.host().netns().run("nft", "list", "chain", "inet", "pod", "in");
    return Long.parseLong(rules.replaceAll("(?s).*counter packets (\\d+) .*", "$1"));
  }
}
