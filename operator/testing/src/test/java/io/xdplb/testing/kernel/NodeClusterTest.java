// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.testing.kernel.NodeCluster.NextHop;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The cluster of namespaces is what a cluster of machines is, before anything balances in it. */
@RequiresBpf
class NodeClusterTest {

  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final String VIP = "203.0.113.1";
  private static final String VIP_V6 = "2001:db8:0:2::1";

  @Test
  void podSeesTheClientsOwnAddressAlsoThroughNativeXdpOnItsNode() {
    ClusterPlan plan = ClusterPlan.plain().withNodes(0, 1, 1).withLanMtu(1600);
    try (NodeCluster cluster = NodeCluster.create(plan)) {
      ClusterNode node = cluster.workers().get(1);
      Host pod = node.addPod();
      seesClient(cluster.client(), pod);
      try (PassStub stub = PassStub.attach(node.netns(), "eth0")) {
        seesClient(cluster.client(), pod);
        send(1 << 20, pod, cluster.client());
        assertThat(stub).isNotNull();
      }
    }
  }

  private static void seesClient(Host client, Host pod) {
    try (Nginx web = Nginx.web(pod)) {
      assertThat(Clients.curl(client.netns(), "http://" + pod.ipv4() + "/", SECOND))
          .isEqualTo(
              "Hostname: worker1-pod1\nServer: %s\nClient: %s\n"
                  .formatted(pod.ipv4(), client.ipv4()));
      assertThat(Clients.curl(client.netns(), "http://[" + pod.ipv6() + "]/", SECOND))
          .contains("Client: " + client.ipv6());
      assertThat(web.process().isAlive()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void podsAreMasqueradedOutsideTheirRangeOnly(boolean overlay) {
    ClusterPlan plan = ClusterPlan.plain().withNodes(0, 2, 0);
    try (NodeCluster cluster = NodeCluster.create(overlay ? plan.withOverlay() : plan)) {
      ClusterNode node = cluster.nodes().get(0);
      Host pod = node.addPod();
      Host neighbour = node.addPod();
      Host remote = cluster.nodes().get(1).addPod();
      try (EchoServer toClient = EchoServer.start(cluster.client(), 7);
          EchoServer toNeighbour = EchoServer.start(neighbour, 7);
          EchoServer toRemote = EchoServer.start(remote, 7)) {
        assertThat(ask(pod, cluster.client().ipv4())).startsWith("client1 192.0.2.11:");
        assertThat(ask(pod, cluster.client().ipv6())).startsWith("client1 2001:db8:0:3:0:0:0:11:");
        assertThat(ask(pod, neighbour.ipv4())).startsWith("node1-pod2 " + pod.ipv4() + ":");
        assertThat(ask(pod, neighbour.ipv6())).startsWith("node1-pod2 2001:db8:0:100:0:0:0:2:");
        assertThat(ask(pod, remote.ipv4())).startsWith("node2-pod1 " + pod.ipv4() + ":");
        assertThat(ask(pod, remote.ipv6())).startsWith("node2-pod1 2001:db8:0:100:0:0:0:2:");
        if (overlay) {
          assertThatThrownBy(() -> ask(cluster.client(), remote.ipv4()))
              .as("the network has no route to pods")
              .hasRootCauseInstanceOf(IOException.class);
        } else {
          assertThat(ask(cluster.client(), remote.ipv4())).startsWith("node2-pod1 198.51.100.10:");
        }
        assertThat(List.of(toClient, toNeighbour, toRemote)).doesNotContainNull();
      }
    }
  }

  @Test
  void sourceThatIsElsewhereIsNotTakenFromAPod() {
    try (NodeCluster cluster = NodeCluster.create(ClusterPlan.plain().withNodes(0, 1, 0))) {
      Host server = cluster.addServer();
      Host pod = cluster.nodes().get(0).addPod();
      String elsewhere = "198.51.100.33";
      String elsewhereV6 = "2001:db8:0:1::33";
      pod.netns().ip("addr add " + elsewhere + "/32 dev lo", "addr add " + elsewhereV6 + " dev lo");
      try (EchoServer echo = EchoServer.start(server, 7)) {
        assertThat(ask(pod, server.ipv4())).startsWith("server1 192.0.2.11:");
        assertThat(ask(pod, server.ipv6())).startsWith("server1 2001:db8:0:3:0:0:0:11:");
        for (String[] way :
            new String[][] {{elsewhere, server.ipv4()}, {elsewhereV6, server.ipv6()}}) {
          assertThatThrownBy(() -> askFrom(pod, way[0], 4000, way[1], Duration.ofMillis(300)))
              .hasCauseInstanceOf(SocketTimeoutException.class);
        }
        Netns node = cluster.nodes().get(0).netns();
        assertThat(node.run("nstat", "-az", "TcpExtIPReversePathFilter"))
            .containsPattern("TcpExtIPReversePathFilter +1 ");
        assertThat(node.run("nft", "list", "chain", "inet", "node", "reverse-path"))
            .containsPattern("packets [1-9]");
        assertThat(echo).isNotNull();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void routerSpreadsFlowsOverTheEdgesAndEveryChangeMovesSome(boolean ipv6) {
    try (NodeCluster cluster = NodeCluster.create(ClusterPlan.plain().withNodes(2, 1, 0));
        Sockets flows = new Sockets(cluster.client(), 200);
        Opened servers = new Opened()) {
      ClusterNode a = cluster.edges().get(0);
      ClusterNode b = cluster.edges().get(1);
      ClusterNode c = cluster.edges().get(2);
      for (ClusterNode edge : cluster.edges()) {
        edge.netns().ip("addr add " + VIP + "/32 dev lo", "addr add " + VIP_V6 + " dev lo");
        servers.add(EchoServer.start(edge.host(), ipv6 ? VIP_V6 : VIP, 7));
      }
      String vip = ipv6 ? VIP_V6 : VIP;

      List<String> first = flows.whoAnswers(vip);
      assertThat(shares(first)).containsOnlyKeys("edge1", "edge2", "node1");
      assertThat(shares(first).values()).allMatch(share -> share > 200 / 3 / 2);
      assertThat(flows.whoAnswers(vip)).as("nothing changed").isEqualTo(first);

      cluster.sendVipsTo(c, b, a);
      assertThat(flows.whoAnswers(vip)).as("another order").isNotEqualTo(first);

      cluster.sendVipsTo(List.of(new NextHop(a, 1), new NextHop(b, 9), new NextHop(c, 1)));
      assertThat(shares(flows.whoAnswers(vip)).get("edge2")).isGreaterThan(200 * 6 / 10);

      cluster.sendVipsTo(a, c);
      assertThat(shares(flows.whoAnswers(vip))).containsOnlyKeys("edge1", "node1");

      cluster.sendVipsTo(List.of());
      assertThatThrownBy(() -> ask(cluster.client(), vip))
          .as("unreachable")
          .hasRootCauseInstanceOf(IOException.class);

      cluster.sendVipsTo(a, b, c);
      assertThat(flows.whoAnswers(vip)).as("as it was").isEqualTo(first);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void podsLearnTheMtuOfTheClientsPath(boolean ipv6) {
    ClusterPlan plan = ClusterPlan.plain().withNodes(0, 1, 0).withClientPathMtu(1400);
    try (NodeCluster cluster = NodeCluster.create(plan)) {
      Host pod = cluster.nodes().get(0).addPod();
      Host client = cluster.client();
      learnsMtu(1400, pod, ipv6 ? client.ipv6() : client.ipv4());
      cluster.clientPathMtu(1300);
      learnsMtu(1300, client, ipv6 ? pod.ipv6() : pod.ipv4());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void nodeGetsLargeSegmentsFromPodsWithOffloads(boolean offloads) {
    ClusterPlan plan = ClusterPlan.plain().withNodes(0, 1, 0);
    try (NodeCluster cluster = NodeCluster.create(offloads ? plan : plan.withoutPodOffloads())) {
      ClusterNode node = cluster.nodes().get(0);
      node.netns().run("nft", "insert rule inet node forward meta length > 1500 counter");
      send(3 << 20, node.addPod(), cluster.client());
      String rules = node.netns().run("nft", "list", "chain", "inet", "node", "forward");
      if (offloads) {
        assertThat(rules).containsPattern("length > 1500 counter packets [1-9]");
      } else {
        assertThat(rules).contains("length > 1500 counter packets 0 ");
      }
    }
  }

  private static void send(int bytes, Host from, Host to) {
    ServerSocket server = to.netns().call(() -> new ServerSocket(9));
    try (server;
        Socket out = from.netns().call(() -> new Socket(to.ipv4(), 9));
        Socket in = server.accept()) {
      Thread writer =
          new Thread(
              () -> {
                try {
                  out.getOutputStream().write(new byte[bytes]);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
      writer.start();
      assertThat(in.getInputStream().readNBytes(bytes)).hasSize(bytes);
      writer.join();
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void podsHaveTheMtuThatFitsIntoTheOverlay() {
    ClusterPlan plan = ClusterPlan.plain().withNodes(0, 1, 0).withOverlay();
    assertThat(podMtu(plan)).isEqualTo("1450");
    assertThat(podMtu(plan.withLanMtu(1540))).isEqualTo("1490");
    assertThat(podMtu(plan.withLanMtu(1600))).isEqualTo("1500");
  }

  private static String podMtu(ClusterPlan plan) {
    try (NodeCluster cluster = NodeCluster.create(plan)) {
      Host pod = cluster.nodes().get(0).addPod();
      return pod.netns().call(() -> "" + NetworkInterface.getByName("eth0").getMTU());
    }
  }

  /** Sends datagrams that are too big until the route to {@code address} says what would not be. */
  private static void learnsMtu(int mtu, Host host, String address) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(5))
        .pollInterval(Duration.ofMillis(50))
        .untilAsserted(
            () -> {
              host.netns()
                  .call(
                      () -> {
                        try (DatagramSocket socket = new DatagramSocket()) {
                          byte[] big = new byte[1450];
                          socket.send(
                              new DatagramPacket(big, 1450, new InetSocketAddress(address, 9)));
                          return null;
                        }
                      });
              assertThat(host.netns().ip("route get " + address)).contains(" mtu " + mtu);
            });
  }

  @Test
  void nothingIsLeftWhenItCannotBeMade() {
    ClusterPlan impossible = ClusterPlan.plain().withNodes(0, 1, 0).withLanMtu(9000);
    assertThatThrownBy(() -> NodeCluster.create(impossible)).hasMessageContaining("XDP_PASS stub");
    assertThat(Command.run(List.of("ip", "netns", "list"))).doesNotContain(Cleanup.PREFIX);
  }

  private static String ask(Host from, String address) {
    return Clients.udp(from.netns(), address, 7, "hi", SECOND);
  }

  private static String askFrom(
      Host host, String source, int port, String address, Duration timeout) {
    return host.netns()
        .call(
            () -> {
              try (DatagramSocket socket =
                  new DatagramSocket(new InetSocketAddress(source, port))) {
                return Clients.ask(socket, new InetSocketAddress(address, 7), "hi", timeout);
              }
            });
  }

  private static Map<String, Integer> shares(List<String> servers) {
    Map<String, Integer> shares = new TreeMap<>();
    servers.forEach(server -> shares.merge(server, 1, Integer::sum));
    return shares;
  }

  /** UDP sockets that keep their ports: each is one flow to a server. */
  private static final class Sockets implements AutoCloseable {
    private final List<DatagramSocket> sockets = new ArrayList<>();

    Sockets(Host host, int count) {
      host.netns()
          .call(
              () -> {
                for (int i = 0; i < count; i++) {
                  sockets.add(new DatagramSocket(20_000 + i));
                }
                return null;
              });
    }

    List<String> whoAnswers(String address) {
      return sockets.stream()
          .map(
              socket -> {
                try {
                  InetSocketAddress server = new InetSocketAddress(address, 7);
                  return Clients.ask(socket, server, "who", SECOND).split(" ")[0];
                } catch (IOException e) {
                  throw new IllegalStateException("port " + socket.getLocalPort(), e);
                }
              })
          .toList();
    }

    @Override
    public void close() {
      sockets.forEach(DatagramSocket::close);
    }
  }

  private static final class Opened implements AutoCloseable {
    private final Deque<AutoCloseable> all = new ArrayDeque<>();

    void add(AutoCloseable resource) {
      all.push(resource);
    }

    @Override
    public void close() {
      Cleanup.closeEach(all);
    }
  }
}
