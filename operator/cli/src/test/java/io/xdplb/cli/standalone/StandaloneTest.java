// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.xdplb.cli.Xdplb;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.Connections;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.Nginx;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.kernel.RunningProcess;
import io.xdplb.testing.kernel.Topology;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The process that a user starts, real servers, real packets. */
@RequiresBpf
class StandaloneTest {

  private static final String VIP4 = "203.0.113.10";
  private static final String VIP6 = "2001:db8:0:2::10";
  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final Duration DEADLINE = Duration.ofSeconds(5);

  @TempDir Path folder;

  private final List<AutoCloseable> open = new ArrayList<>();
  private int nextPort = 1024;

  @AfterEach
  void closeAll() throws Exception {
    for (int i = open.size() - 1; i >= 0; i--) {
      open.get(i).close();
    }
  }

  @Test
  void curlThroughTheVipReachesAllServersOverBothFamilies() throws IOException {
    Topology lan = opened(Topology.oneArmed(1, 2, Topology.PeerXdp.STUB));
    lan.backends().forEach(host -> opened(Nginx.web(host)));
    Xdplb xdplb = opened(new Xdplb(lan.balancer().netns()));
    write("web.yaml", balancer("web", "TCP", 80, lan.backends(), VIP4, VIP6));
    RunningProcess process = xdplb.standalone(folder);
    Xdplb.awaitLine(
        process,
        "web.yaml: LoadBalancer default/web: TCP 203.0.113.10:80 → 2 backends (programmed)");
    Netns client = lan.client().netns();
    assertThat(Clients.whoAnswers(client, VIP4, 80, 40, SECOND)).containsOnlyKeys("http1", "http2");
    assertThat(Clients.whoAnswers(client, VIP6, 80, 40, SECOND)).containsOnlyKeys("http1", "http2");
    assertThat(Clients.curl(client, "http://[" + VIP6 + "]/", SECOND)).startsWith("Hostname: http");

    JsonNode status = xdplb.status();
    assertThat(status.at("/interfaces/0/mode").asText()).isEqualTo("native");
    assertThat(status.at("/vips")).hasSize(2);
    long flows = 0;
    for (JsonNode backend : status.at("/vips/0/backends")) {
      flows += backend.get("flowsBegun").asLong();
      assertThat(backend.get("state").asText()).isEqualTo("active");
      assertThat(backend.get("share").asDouble()).isBetween(0.45, 0.55);
      assertThat(backend.get("packetsToClient").asLong()).isPositive();
      assertThat(backend.get("bytesToBackend").asLong()).isPositive();
    }
    assertThat(flows).isEqualTo(40);
    assertThat(xdplb.run("status")).contains("TCP 203.0.113.10:80", "active", "%", "native");
  }

  @Test
  void udpIsBalancedOverBothFamilies() throws IOException {
    Topology lan = opened(Topology.oneArmed(1, 2, Topology.PeerXdp.STUB));
    lan.backends().forEach(host -> opened(EchoServer.start(host, 53)));
    Xdplb xdplb = opened(new Xdplb(lan.balancer().netns()));
    write("dns.yaml", balancer("dns", "UDP", 53, lan.backends(), VIP4, VIP6));
    awaitProgrammed(xdplb.standalone(folder), "dns", VIP4 + ":53 → 2 backends");
    for (String vip : List.of(VIP4, VIP6)) {
      assertThat(Clients.udp(lan.client().netns(), vip, 53, "hi", SECOND))
          .matches("http[12] .* hi");
    }
  }

  @Test
  void trafficFollowsTheFilesUpAndDownAndDeletingThemLeavesNothing() throws IOException {
    Topology lan = opened(Topology.oneArmed(1, 3, Topology.PeerXdp.STUB));
    lan.backends().forEach(host -> opened(Nginx.web(host)));
    Netns client = lan.client().netns();
    Xdplb xdplb = opened(new Xdplb(lan.balancer().netns()));
    xdplb.standalone(folder);
    write("web.yaml", balancer("web", "TCP", 80, lan.backends().subList(0, 2), VIP4));
    await(() -> answers(client, VIP4).containsAll(List.of("http1", "http2")));
    write("web.yaml", balancer("web", "TCP", 80, lan.backends(), VIP4));
    await(() -> answers(client, VIP4).contains("http3"));
    write("web.yaml", balancer("web", "TCP", 80, lan.backends().subList(2, 3), VIP4));
    await(() -> answers(client, VIP4).equals(List.of("http3")));
    write("web.yaml", balancer("web", "TCP", 80, lan.backends(), "203.0.113.11"));
    await(() -> answers(client, "203.0.113.11").size() == 3);
    assertThat(answers(client, VIP4)).as("the address that was given up").isEmpty();
    Files.delete(folder.resolve("web.yaml"));
    await(() -> xdplb.status().at("/vips").isEmpty());
    assertThat(answers(client, "203.0.113.11")).isEmpty();
  }

  @Test
  void aBadFileIsReportedAndDisturbsNobody() throws IOException {
    Topology lan = opened(Topology.oneArmed(1, 2, Topology.PeerXdp.STUB));
    lan.backends().forEach(host -> opened(EchoServer.start(host, 7)));
    Netns client = lan.client().netns();
    Xdplb xdplb = opened(new Xdplb(lan.balancer().netns()));
    write("a.yaml", balancer("a", "TCP", 7, lan.backends(), VIP4));
    write("b.yaml", balancer("b", "TCP", 7, lan.backends(), "203.0.113.11"));
    RunningProcess process = xdplb.standalone(folder);
    awaitProgrammed(process, "a", VIP4);
    awaitProgrammed(process, "b", "203.0.113.11");
    Connections toA = opened(connections(client, VIP4, 7, 20));
    Connections toB = opened(connections(client, "203.0.113.11", 7, 20));
    String good = balancer("a", "TCP", 7, lan.backends(), VIP4);
    write("a.yaml", good.replace("protocol: TCP", "protocol: TPC"));
    Xdplb.awaitLine(process, "a.yaml:8:5: spec.listeners[0].protocol: \"TPC\" is not TCP or UDP");
    write("a.yaml", good.replace("port: 7\n", "port: 0\n"));
    Xdplb.awaitLine(process, "a.yaml:9:5: LoadBalancer default/a: spec.listeners[0].port");
    write("a.yaml", good.replace("kind:", "kind"));
    Xdplb.awaitLine(process, "cannot be parsed");
    write("c.yaml", balancer("c", "TCP", 7, lan.backends(), "203.0.113.11"));
    Xdplb.awaitLine(process, "c.yaml: LoadBalancer default/c: AddressConflict");
    assertThat(process.output()).contains("TCP 203.0.113.11:7 belongs to default/b");
    toA.awaitRounds(5);
    toB.awaitRounds(5);
    assertThat(toA.broken()).isEmpty();
    assertThat(toB.broken()).isEmpty();
    assertThat(answersEcho(client, VIP4)).isEqualTo("http");
    // The one that was refused the address takes over when its owner goes.
    Files.delete(folder.resolve("b.yaml"));
    Xdplb.awaitLine(process, "c.yaml: LoadBalancer default/c: TCP 203.0.113.11:7");
    toB.awaitRounds(5);
    assertThat(toB.broken()).isEmpty();
  }

  @Test
  void killAndRestartBreakNoConnectionAndChangesMeanwhileAreReconciled() throws IOException {
    Topology lan = opened(Topology.oneArmed(1, 3, Topology.PeerXdp.STUB));
    lan.backends().forEach(host -> opened(EchoServer.start(host, 7)));
    Netns client = lan.client().netns();
    Xdplb xdplb = opened(new Xdplb(lan.balancer().netns()));
    write("a.yaml", balancer("a", "TCP", 7, lan.backends().subList(0, 2), VIP4, VIP6));
    write("gone.yaml", balancer("gone", "TCP", 8, lan.backends(), VIP4));
    RunningProcess first = xdplb.standalone(folder);
    awaitProgrammed(first, "a", VIP4);
    awaitProgrammed(first, "gone", VIP4);
    Connections v4 = opened(connections(client, VIP4, 7, 50));
    Connections v6 = opened(connections(client, VIP6, 7, 50));
    v4.awaitRounds(2);
    first.kill();
    v4.awaitRounds(3);
    assertThat(xdplb.status().at("/vips")).as("status without an agent").hasSize(3);
    Files.delete(folder.resolve("gone.yaml"));
    write("a.yaml", balancer("a", "TCP", 7, lan.backends(), VIP4, VIP6));
    RunningProcess second = xdplb.standalone(folder);
    awaitProgrammed(second, "a", VIP4 + ":7 → 3 backends");
    await(() -> xdplb.status().at("/vips").size() == 2);
    v4.awaitRounds(3);
    v6.awaitRounds(3);
    assertThat(v4.broken()).isEmpty();
    assertThat(v6.broken()).isEmpty();
    try (Connections later = connections(client, VIP4, 7, 60)) {
      later.awaitRounds(1);
      assertThat(later.perServer()).containsOnlyKeys("http1", "http2", "http3");
    }
  }

  @Test
  void twoInstancesOnOneMachineDoNotMeet() throws IOException {
    Topology one = opened(Topology.oneArmed(1, 1, Topology.PeerXdp.STUB));
    Topology two = opened(Topology.oneArmed(1, 2, Topology.PeerXdp.STUB));
    opened(Nginx.web(one.backends().get(0)));
    two.backends().forEach(host -> opened(Nginx.web(host)));
    Path folderOne = Files.createDirectory(folder.resolve("one"));
    Path folderTwo = Files.createDirectory(folder.resolve("two"));
    Files.writeString(
        folderOne.resolve("web.yaml"), balancer("web", "TCP", 80, one.backends(), VIP4));
    Files.writeString(
        folderTwo.resolve("web.yaml"), balancer("web", "TCP", 80, two.backends(), VIP4));
    Xdplb first = opened(new Xdplb(one.balancer().netns()));
    Xdplb second = opened(new Xdplb(two.balancer().netns()));
    awaitProgrammed(first.standalone(folderOne), "web", VIP4);
    awaitProgrammed(second.standalone(folderTwo), "web", VIP4);
    assertThat(answers(one.client().netns(), VIP4)).containsExactly("http1");
    assertThat(answers(two.client().netns(), VIP4)).containsExactly("http1", "http2");
    assertThat(first.status().at("/vips/0/backends")).hasSize(1);
    assertThat(second.status().at("/vips/0/backends")).hasSize(2);
  }

  @Test
  void anUnreachableBackendIsNamed() throws IOException {
    Topology lan = opened(Topology.oneArmed(1, 1, Topology.PeerXdp.STUB));
    Xdplb xdplb = opened(new Xdplb(lan.balancer().netns()));
    write(
        "web.yaml",
        balancer("web", "TCP", 80, lan.backends(), VIP4)
            .replace("[198.51.100.101]", "[198.51.100.101, 192.0.2.77]"));
    RunningProcess process = xdplb.standalone(folder);
    awaitProgrammed(process, "web", VIP4);
    Xdplb.awaitLine(process, "LoadBalancer default/web: NoRoute: 192.0.2.77:80");
  }

  /**
   * Edge and servers have the same manifest. A server has no address of the VIP, and answers the
   * client itself: the edge sees one direction only.
   */
  @ParameterizedTest
  @ValueSource(strings = {"IPIP", "GUE", "L2"})
  void aMachineWhoseAddressIsABackendDeliversToItself(String encapsulation) throws IOException {
    Topology lan = opened(Topology.oneArmed(1, 2, Topology.PeerXdp.STUB));
    lan.backends().forEach(host -> opened(EchoServer.start(host, 7)));
    for (String protocol : List.of("TCP", "UDP")) {
      write(
          protocol + ".yaml",
          balancer(protocol.toLowerCase(Locale.ROOT), protocol, 7, lan.backends(), VIP4, VIP6)
              .replace("port: 7}", "port: 7, encapsulation: %s}".formatted(encapsulation)));
    }
    Xdplb edge = opened(new Xdplb(lan.balancer().netns()));
    awaitProgrammed(edge.standalone(folder), "tcp", VIP4);
    for (Host server : lan.backends()) {
      Xdplb xdplb = opened(new Xdplb(server.netns()));
      String peers = lan.balancer().ipv4() + "," + lan.balancer().ipv6();
      RunningProcess process = xdplb.standalone(folder, "--peer", peers);
      awaitProgrammed(process, "tcp", VIP6);
      awaitProgrammed(process, "udp", VIP6);
    }
    Netns client = lan.client().netns();
    for (String vip : List.of(VIP4, VIP6)) {
      try (Connections connections = connections(client, vip, 7, 30)) {
        connections.awaitRounds(3);
        assertThat(connections.broken()).isEmpty();
        assertThat(connections.perServer()).containsOnlyKeys("http1", "http2");
      }
      assertThat(Clients.udp(client, vip, 7, "hi", SECOND)).matches("http[12] .* hi");
    }
    for (JsonNode vip : edge.status().at("/vips")) {
      for (JsonNode backend : vip.get("backends")) {
        assertThat(backend.get("mode").asText()).isEqualTo("DSR");
        assertThat(backend.get("packetsToClient").asLong()).as("answers by the edge").isZero();
      }
    }
    assertThat(edge.run("status")).contains("DSR, " + encapsulation);
  }

  @Test
  void encapsulatedPacketsAreAcceptedFromPeersOnly() throws IOException {
    Topology lan = opened(Topology.oneArmed(1, 1, Topology.PeerXdp.STUB));
    Host server = lan.backends().get(0);
    opened(EchoServer.start(server, 7));
    write(
        "a.yaml",
        balancer("a", "UDP", 7, lan.backends(), VIP4)
            .replace("port: 7}", "port: 7, encapsulation: GUE}"));
    awaitProgrammed(opened(new Xdplb(lan.balancer().netns())).standalone(folder), "a", VIP4);
    Xdplb xdplb = opened(new Xdplb(server.netns()));
    RunningProcess stranger = xdplb.standalone(folder, "--peer", "198.51.100.77");
    awaitProgrammed(stranger, "a", VIP4);
    Netns client = lan.client().netns();
    assertThatThrownBy(() -> Clients.udp(client, VIP4, 7, "hi", Duration.ofMillis(300)))
        .isInstanceOf(IllegalStateException.class);
    assertThat(xdplb.status().at("/drops/unknown_peer").asLong()).isPositive();
    stranger.close();
    awaitProgrammed(
        xdplb.standalone(folder, "--peer", "198.51.100.77", "--peer", lan.balancer().ipv4()),
        "a",
        VIP4);
    assertThat(Clients.udp(client, VIP4, 7, "hi", SECOND)).matches("http1 .* hi");
  }

  @Test
  void detachLeavesNothingBehind() throws IOException {
    Topology lan = opened(Topology.oneArmed(1, 1, Topology.PeerXdp.STUB));
    Xdplb xdplb = opened(new Xdplb(lan.balancer().netns()));
    write("web.yaml", balancer("web", "TCP", 80, lan.backends(), VIP4));
    RunningProcess process = xdplb.standalone(folder);
    awaitProgrammed(process, "web", VIP4);
    process.close();
    assertThat(lan.balancer().netns().run("ip", "-d", "link", "show", "dev", "eth0"))
        .contains("prog/xdp");
    xdplb.detach();
    assertThat(xdplb.pinPath()).doesNotExist();
    assertThat(lan.balancer().netns().run("ip", "-d", "link", "show", "dev", "eth0"))
        .doesNotContain("xdp");
  }

  /** From the rename of the file to a packet that is answered by the new table. */
  @Test
  void anEditTakesEffectWithinTwentyMilliseconds() throws IOException {
    Topology lan = opened(Topology.oneArmed(1, 2, Topology.PeerXdp.STUB));
    lan.backends().forEach(host -> opened(EchoServer.start(host, 7)));
    Xdplb xdplb = opened(new Xdplb(lan.balancer().netns()));
    write("a.yaml", balancer("a", "UDP", 7, lan.backends().subList(0, 1), VIP4));
    awaitProgrammed(xdplb.standalone(folder), "a", VIP4);
    List<Long> micros =
        lan.client()
            .netns()
            .call(
                () -> {
                  List<Long> all = new ArrayList<>();
                  for (int i = 1; i <= 41; i++) {
                    all.add(microsUntilAnsweredBy(lan.backends().get(i % 2)));
                  }
                  return all;
                });
    List<Long> sorted = micros.stream().sorted().toList();
    System.out.printf(
        "file event to packet: median %.1f ms, p90 %.1f ms, max %.1f ms%n",
        sorted.get(sorted.size() / 2) / 1e3,
        sorted.get(sorted.size() * 9 / 10) / 1e3,
        sorted.get(sorted.size() - 1) / 1e3);
    assertThat(sorted.get(sorted.size() / 2)).as("microseconds, median").isLessThan(20_000);
  }

  private long microsUntilAnsweredBy(Host backend) throws IOException {
    Path next = folder.resolve(".a.yaml.next");
    Files.writeString(next, balancer("a", "UDP", 7, List.of(backend), VIP4));
    long start = System.nanoTime();
    Files.move(next, folder.resolve("a.yaml"), StandardCopyOption.ATOMIC_MOVE);
    while (System.nanoTime() - start < DEADLINE.toNanos()) {
      // A port that was never used: a flow that is under way stays where it is.
      try (var socket = new DatagramSocket(nextPort++)) {
        String answer = Clients.ask(socket, new InetSocketAddress(VIP4, 7), "x", SECOND);
        if (answer.startsWith(backend.name() + " ")) {
          return (System.nanoTime() - start) / 1000;
        }
      }
    }
    throw new AssertionError("not answered by " + backend.name() + " in time");
  }

  private static void awaitProgrammed(RunningProcess process, String name, String text) {
    Awaitility.await(name + " " + text)
        .atMost(Xdplb.DEADLINE)
        .pollInterval(Duration.ofMillis(5))
        .until(
            () -> {
              process.mustBeAlive();
              return process
                  .output()
                  .lines()
                  .anyMatch(
                      line ->
                          line.contains("LoadBalancer default/" + name + ": ")
                              && line.contains(text)
                              && line.endsWith("(programmed)"));
            });
  }

  private static void await(Callable<Boolean> condition) {
    Awaitility.await().atMost(DEADLINE).pollInterval(Duration.ofMillis(20)).until(condition);
  }

  /** Who answers new connections, ordered by name; nobody if they are not answered. */
  private static List<String> answers(Netns client, String vip) {
    try {
      return List.copyOf(Clients.whoAnswers(client, vip, 80, 30, Duration.ofMillis(500)).keySet());
    } catch (IllegalStateException notAnswered) {
      return List.of();
    }
  }

  private static String answersEcho(Netns client, String vip) {
    try (Connections one = connections(client, vip, 7, 1)) {
      one.awaitRounds(1);
      return one.perServer().keySet().iterator().next().substring(0, 4);
    }
  }

  private static Connections connections(Netns client, String vip, int port, int count) {
    return Connections.open(client, vip, port, count, Duration.ofMillis(5), Duration.ofSeconds(2));
  }

  private <T extends AutoCloseable> T opened(T resource) {
    open.add(resource);
    return resource;
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(folder.resolve(name), text);
  }

  private static String balancer(
      String name, String protocol, int port, List<Host> backends, String... vips) {
    boolean ipv6 = List.of(vips).contains(VIP6);
    String addresses =
        backends.stream()
            .map(host -> ipv6 ? host.ipv4() + ", \"" + host.ipv6() + "\"" : host.ipv4())
            .collect(Collectors.joining(", "));
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: LoadBalancer
        metadata: {name: %s}
        spec:
          addresses: {requested: ["%s"]}
          listeners:
          - name: main
            protocol: %s
            port: %d
            backends:
            - static: {addresses: [%s], port: %d}
        """
        .formatted(name, String.join("\", \"", vips), protocol, port, addresses, port);
  }
}
