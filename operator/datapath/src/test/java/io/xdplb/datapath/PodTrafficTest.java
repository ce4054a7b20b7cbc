// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.DsrCluster.Pod;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.ManyConnections;
import io.xdplb.testing.kernel.RequiresBpf;
import java.io.IOException;
import java.net.ConnectException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rows 51 and 58: a pod that serves behind a VIP has a life of its own, and may serve behind
 * another VIP as well.
 */
@RequiresBpf
@Timeout(60)
class PodTrafficTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(2);
  private static final int OTHER_PORT = 9000;

  private static DsrCluster cluster;
  private static Pod pod;
  private static Host client;

  @BeforeAll
  static void create() {
    cluster = new DsrCluster(ClusterPlan.plain().withClients(2).withNodes(1, 0, 1), 1);
    pod = cluster.pods().get(0);
    client = cluster.nodes().client();
  }

  @AfterAll
  static void close() {
    cluster.close();
  }

  @AfterEach
  void forget() {
    cluster.removeVips();
  }

  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row51_podTalksToItsClientsAndOthersWhileItServes(String vip) {
    cluster.program(DsrCluster.vip(vip, Protocol.TCP, cluster.pods(), true));
    List<Host> clients = cluster.nodes().clients();
    try (EchoServer server = EchoServer.start(pod.host(), POD_PORT);
        EchoServer toClient = EchoServer.start(clients.get(0), OTHER_PORT);
        EchoServer toOther = EchoServer.start(clients.get(1), OTHER_PORT);
        ManyConnections served = ManyConnections.open(List.of(client), vip, PORT, 20, TIMEOUT)) {
      for (Host other : clients) {
        String address = address(other, vip);
        try (ManyConnections own =
            ManyConnections.open(List.of(pod.host()), address, OTHER_PORT, 20, TIMEOUT)) {
          assertThat(own.check()).isEmpty();
          assertThat(own.seenFrom()).allMatch(from -> isNode(from));
          assertThat(served.check()).isEmpty();
        }
        assertThat(Clients.udp(pod.host().netns(), address, OTHER_PORT, "hello", TIMEOUT))
            .endsWith(" hello");
      }
      assertThat(List.of(server, toClient, toOther)).doesNotContainNull();
    }
  }

  /** One socket of the pod, and one of the client, are both ends in both roles. */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row51_podsDatagramsToItsClientAreNoAnswersAndItsAnswersAreNoOthers(String vip)
      throws IOException {
    cluster.program(DsrCluster.vip(vip, Protocol.UDP, cluster.pods(), true));
    String clientAddress = address(client, vip);
    try (DatagramSocket inPod = pod.host().netns().call(() -> new DatagramSocket(POD_PORT));
        DatagramSocket inClient = client.netns().call(() -> new DatagramSocket(OTHER_PORT))) {
      send(inPod, clientAddress, OTHER_PORT, "pod talks first");
      DatagramPacket first = receive(inClient);
      assertThat(text(first)).isEqualTo("pod talks first");
      assertThat(isNode(first.getAddress().getHostAddress()))
          .as("%s", first.getSocketAddress())
          .isTrue();

      send(inClient, vip, PORT, "client asks the VIP");
      DatagramPacket question = receive(inPod);
      assertThat(text(question)).isEqualTo("client asks the VIP");
      // its port may be another: connection tracking keeps the two conversations apart by that
      assertThat(question.getAddress()).isEqualTo(InetAddress.getByName(clientAddress));
      send(inPod, question, "the VIP answers");
      DatagramPacket answer = receive(inClient);
      assertThat(text(answer)).isEqualTo("the VIP answers");
      assertThat(answer.getSocketAddress()).isEqualTo(new InetSocketAddress(vip, PORT));

      send(inPod, clientAddress, OTHER_PORT, "pod goes on");
      DatagramPacket more = receive(inClient);
      assertThat(text(more)).isEqualTo("pod goes on");
      assertThat(more.getSocketAddress()).isEqualTo(first.getSocketAddress());

      send(inClient, first, "client answers the pod");
      assertThat(text(receive(inPod))).isEqualTo("client answers the pod");
    }
  }

  /** As the other, with a connection each way between the same two ports. */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row51_connectionsBetweenTheSamePortsBothWaysAreTwo(String vip) throws IOException {
    cluster.program(DsrCluster.vip(vip, Protocol.TCP, cluster.pods(), true));
    InetSocketAddress clientAddress = new InetSocketAddress(address(client, vip), OTHER_PORT);
    try (ServerSocketChannel inPod = Sockets.listen(pod.host(), POD_PORT);
        ServerSocketChannel inClient = Sockets.listen(client, OTHER_PORT);
        SocketChannel own = Sockets.connect(pod.host(), POD_PORT, clientAddress);
        SocketChannel ownAccepted = inClient.accept();
        SocketChannel served =
            Sockets.connect(client, OTHER_PORT, new InetSocketAddress(vip, PORT));
        SocketChannel servedAccepted = inPod.accept()) {
      for (int round = 0; round < 3; round++) {
        assertThat(Sockets.carries(own, ownAccepted, "own there " + round)).isTrue();
        assertThat(Sockets.carries(served, servedAccepted, "served there " + round)).isTrue();
        assertThat(Sockets.carries(ownAccepted, own, "own back " + round)).isTrue();
        assertThat(Sockets.carries(servedAccepted, served, "served back " + round)).isTrue();
      }
    }
  }

  /** Row 58: the endpoint could not tell them apart, so the later one is refused, and counted. */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row58_sameClientPortToTwoVipsOfOnePodIsNeverMixedUp(String vip) throws IOException {
    Ip address = Ip.parse(vip);
    Backend backend = new Backend(pod.key(address.isIpv4()), 1, 0, DsrCluster.dsr(pod, true));
    for (int port : new int[] {PORT, PORT + 1}) {
      cluster.program(DsrCluster.vip(new VipKey(address, Protocol.TCP, port), List.of(backend)));
    }
    InetSocketAddress first = new InetSocketAddress(vip, PORT);
    InetSocketAddress second = new InetSocketAddress(vip, PORT + 1);
    long refused = cluster.drops(pod.node(), DropReason.TUPLE_IN_USE);
    try (ServerSocketChannel inPod = Sockets.listen(pod.host(), POD_PORT)) {
      try (SocketChannel a = Sockets.connect(client, OTHER_PORT, first);
          SocketChannel accepted = inPod.accept()) {
        assertThatThrownBy(() -> Sockets.connect(client, OTHER_PORT, second))
            .hasRootCauseInstanceOf(ConnectException.class)
            .hasMessageContaining("refused");
        assertThat(cluster.drops(pod.node(), DropReason.TUPLE_IN_USE)).isEqualTo(refused + 1);
        assertThat(Sockets.carries(a, accepted, "there")).isTrue();
        assertThat(Sockets.carries(accepted, a, "back")).isTrue();
      }
      try (SocketChannel b = Sockets.connect(client, OTHER_PORT, second);
          SocketChannel accepted = inPod.accept()) {
        assertThat(Sockets.carries(b, accepted, "there")).as("%s", cluster).isTrue();
        assertThat(Sockets.carries(accepted, b, "back")).isTrue();
      }
    }
  }

  private static void send(DatagramSocket socket, String address, int port, String text)
      throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    socket.send(new DatagramPacket(bytes, bytes.length, InetAddress.getByName(address), port));
  }

  private static void send(DatagramSocket socket, DatagramPacket answered, String text)
      throws IOException {
    send(socket, answered.getAddress().getHostAddress(), answered.getPort(), text);
  }

  private static DatagramPacket receive(DatagramSocket socket) throws IOException {
    DatagramPacket packet = new DatagramPacket(new byte[1500], 1500);
    socket.setSoTimeout((int) TIMEOUT.toMillis());
    socket.receive(packet);
    return packet;
  }

  private static String text(DatagramPacket packet) {
    return new String(packet.getData(), 0, packet.getLength(), StandardCharsets.US_ASCII);
  }

  private static String address(Host host, String vip) {
    return vip.equals(VIP4) ? host.ipv4() : host.ipv6();
  }

  /** Whether an address is that of the pod's node, which hides its pods behind it. */
  private static boolean isNode(String address) {
    Host node = pod.node().host();
    return List.of(Ip.parse(node.ipv4()), Ip.parse(node.ipv6())).contains(Ip.parse(address));
  }
}
