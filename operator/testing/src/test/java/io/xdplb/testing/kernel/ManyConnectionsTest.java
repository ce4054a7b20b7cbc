// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@RequiresBpf
class ManyConnectionsTest {

  private static final Duration TIMEOUT = Duration.ofSeconds(5);
  private static final int MOST_SECONDS = 20;

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void tenThousandAreOpenedAndChecked(boolean ipv6) {
    ClusterPlan plan = ClusterPlan.plain().withClients(2).withNodes(0, 0, 1);
    try (NodeCluster cluster = NodeCluster.create(plan)) {
      Host pod = cluster.workers().get(0).addPod();
      try (EchoProcess server = EchoProcess.start(List.of(pod), 7)) {
        long start = System.nanoTime();
        try (ManyConnections connections =
            ManyConnections.open(
                cluster.clients(), ipv6 ? pod.ipv6() : pod.ipv4(), 7, 10_000, TIMEOUT)) {
          long opened = System.nanoTime();
          assertThat(connections.broken()).isEmpty();
          assertThat(connections.check()).isEmpty();
          long checked = System.nanoTime();
          System.out.printf(
              "10000 connections, IPv%d: opened in %d ms, checked in %d ms%n",
              ipv6 ? 6 : 4,
              TimeUnit.NANOSECONDS.toMillis(opened - start),
              TimeUnit.NANOSECONDS.toMillis(checked - opened));
          assertThat(connections.perServer()).isEqualTo(Map.of("worker1-pod1", 10_000));
          assertThat(connections.seenFrom())
              .hasSize(2)
              .contains(ipv6 ? "2001:db8:0:1:0:0:0:10" : "198.51.100.10");
          assertThat(checked - start).isLessThan(TimeUnit.SECONDS.toNanos(MOST_SECONDS));
        }
        assertThat(server.process().isAlive()).isTrue();
      }
    }
  }

  @Test
  void connectionsOfAServerThatEndsBreakAndNoOthers() {
    try (Topology lan = Topology.oneArmed(1, 2, Topology.PeerXdp.NONE);
        EchoProcess first = EchoProcess.start(List.of(lan.backends().get(0)), 7)) {
      EchoServer second = EchoServer.start(lan.backends().get(1), 7);
      try (ManyConnections toFirst = open(lan, lan.backends().get(0).ipv4(), 300);
          ManyConnections toSecond = open(lan, lan.backends().get(1).ipv6(), 300)) {
        assertThat(toFirst.openMore(50)).isEmpty();
        assertThat(toFirst.perServer()).isEqualTo(Map.of("http1", 350));
        first.process().kill();
        assertThat(toFirst.check())
            .hasSize(350)
            .allSatisfy(
                broken -> {
                  assertThat(broken.client()).startsWith("198.51.100.10:");
                  assertThat(broken.server()).isEqualTo("http1");
                });
        assertThat(toFirst.perServer()).isEmpty();
        assertThat(toSecond.check()).isEmpty();
        assertThat(toSecond.perServer()).isEqualTo(Map.of("http2", 300));
        second.close();
        assertThat(toSecond.check()).hasSize(300);
        assertThat(toSecond.forgetBroken()).hasSize(300);
        assertThat(toSecond.openMore(1))
            .singleElement()
            .satisfies(refused -> assertThat(refused.reason()).contains("refused"));
      } finally {
        second.close();
      }
    }
  }

  @Test
  void wrongAnswersBreakAConnection() throws IOException {
    try (Topology lan = Topology.oneArmed(1, 1, Topology.PeerXdp.NONE)) {
      assertThat(reason(lan, answer -> answer)).isNull();
      assertThat(reason(lan, answer -> answer.replace("http1", "http2")))
          .isEqualTo("now answered by http2");
      assertThat(reason(lan, answer -> answer.replace("round", "ruond")))
          .contains("asked \"round-2\", was answered \"http1 ");
      assertThat(reason(lan, answer -> answer + "\n" + answer)).contains("was answered");
      assertThat(reason(lan, answer -> "x".repeat(1000))).isEqualTo("an answer without end");
      assertThat(reason(lan, answer -> "")).isEqualTo("no answer in time");
      assertThat(reason(lan, answer -> null)).isEqualTo("the server closed the connection");
    }
  }

  /** Why a connection breaks whose second answer is this; null if it does not. */
  private static String reason(Topology lan, UnaryOperator<String> second) throws IOException {
    Host host = lan.backends().get(0);
    ServerSocket listening =
        host.netns().call(() -> new ServerSocket(7, 1, InetAddress.getByName(host.ipv4())));
    Thread server = new Thread(() -> answer(listening, second));
    server.start();
    try (listening;
        ManyConnections one =
            ManyConnections.open(lan.clients(), host.ipv4(), 7, 1, Duration.ofMillis(300))) {
      assertThat(one.broken()).isEmpty();
      List<ManyConnections.Broken> broken = one.check();
      broken = broken.isEmpty() ? one.check() : broken;
      return broken.isEmpty() ? null : broken.get(0).reason();
    }
  }

  private static void answer(ServerSocket listening, UnaryOperator<String> second) {
    try (Socket socket = listening.accept()) {
      var lines =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      String line;
      while ((line = lines.readLine()) != null) {
        String right = "http1 198.51.100.10:1 " + line;
        String answer = line.equals("round-2") ? second.apply(right) : right;
        if (answer == null) {
          return;
        }
        String end = answer.isEmpty() || answer.length() == 1000 ? "" : "\n";
        socket.getOutputStream().write((answer + end).getBytes(StandardCharsets.US_ASCII));
      }
    } catch (IOException gone) {
      // The client closed: the test has what it wants.
    }
  }

  @Test
  void moreThanTheProcessMayHaveIsRefusedAtOnce() {
    try (Topology lan = Topology.oneArmed(1, 0, Topology.PeerXdp.NONE)) {
      assertThatThrownBy(() -> open(lan, "198.51.100.1", 1 << 30))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("ulimit -Hn");
    }
  }

  @Test
  void serversEndWithTheProcessThatStartedThem() throws Exception {
    try (Topology lan = Topology.oneArmed(1, 1, Topology.PeerXdp.NONE)) {
      Host host = lan.backends().get(0);
      Process parent =
          new ProcessBuilder(
                  System.getProperty("java.home") + "/bin/java",
                  "-cp",
                  System.getProperty("java.class.path"),
                  Careless.class.getName(),
                  host.netns().name())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      long pid = Long.parseLong(parent.inputReader().readLine());
      assertThat(ProcessHandle.of(pid)).isPresent();
      parent.destroyForcibly(); // SIGKILL: it can clean up nothing
      ProcessHandle.of(pid)
          .ifPresent(server -> server.onExit().orTimeout(5, TimeUnit.SECONDS).join());
      assertThat(ProcessHandle.of(pid)).isEmpty();
      removeTemporaryFiles("xl-" + parent.pid() + "-");
    }
  }

  private static void removeTemporaryFiles(String prefix) throws IOException {
    Path folder = Path.of(System.getProperty("java.io.tmpdir"));
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, prefix + "*")) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
  }

  /** Starts a server, says which process it is, and waits to be killed. */
  static final class Careless {
    public static void main(String[] netns) throws InterruptedException {
      Host host = new Host(Netns.existing(netns[0]), "http1", "eth0", "", "");
      System.out.println(EchoProcess.start(List.of(host), 7).process().pid());
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  private static ManyConnections open(Topology lan, String address, int count) {
    return ManyConnections.open(lan.clients(), address, 7, count, TIMEOUT);
  }
}
