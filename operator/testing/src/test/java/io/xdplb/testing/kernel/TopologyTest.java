// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@RequiresBpf
class TopologyTest {

  private static final Duration SECOND = Duration.ofSeconds(1);

  @ParameterizedTest
  @EnumSource(Topology.PeerXdp.class)
  void clientReachesWebServersOverBothFamilies(Topology.PeerXdp peerXdp) {
    try (Topology lan = Topology.oneArmed(1, 2, peerXdp);
        Nginx first = Nginx.web(lan.backends().get(0));
        Nginx second = Nginx.web(lan.backends().get(1))) {
      Netns client = lan.client().netns();
      for (Host backend : lan.backends()) {
        assertThat(Clients.curl(client, "http://" + backend.ipv4() + "/", SECOND))
            .isEqualTo(
                "Hostname: %s\nServer: %s\nClient: %s\n"
                    .formatted(backend.name(), backend.ipv4(), lan.client().ipv4()));
        assertThat(Clients.curl(client, "http://[" + backend.ipv6() + "]/", SECOND))
            .isEqualTo(
                "Hostname: %s\nServer: %s\nClient: %s\n"
                    .formatted(backend.name(), backend.ipv6(), lan.client().ipv6()));
      }
      assertThat(Clients.whoAnswers(client, lan.backends().get(1).ipv6(), 80, 5, SECOND))
          .isEqualTo(Map.of("http2", 5));
      assertThat(first.process().isAlive() && second.process().isAlive()).isTrue();
    }
  }

  @Test
  void twoArmedBalancerRoutesBetweenItsNetworks() {
    try (Topology lan = Topology.twoArmed(1, 1, Topology.PeerXdp.STUB);
        EchoServer server = EchoServer.start(lan.backends().get(0), 7)) {
      Host backend = lan.backends().get(0);
      assertThat(Clients.udp(lan.client().netns(), backend.ipv4(), 7, "hi", SECOND))
          .startsWith("http1 198.51.100.10:")
          .endsWith(" hi");
      assertThat(Clients.udp(lan.client().netns(), backend.ipv6(), 7, "hi", SECOND))
          .startsWith("http1 2001:db8:0:1:0:0:0:10:");
      assertThat(server).isNotNull();
    }
  }

  @Test
  void clientsSendVipsToTheBalancer() {
    try (Topology lan = Topology.oneArmed(1, 0, Topology.PeerXdp.STUB)) {
      lan.balancer().netns().ip("addr add 203.0.113.1/32 dev lo");
      lan.balancer().netns().ip("addr add 2001:db8:0:2::1/128 dev lo nodad");
      Host balancer = lan.balancer();
      try (EchoServer server = EchoServer.start(balancer, 7)) {
        assertThat(Clients.udp(lan.client().netns(), "203.0.113.1", 7, "x", SECOND))
            .startsWith("lb ");
        assertThat(Clients.udp(lan.client().netns(), "2001:db8:0:2::1", 7, "x", SECOND))
            .startsWith("lb ");
        assertThat(server).isNotNull();
      }
    }
  }

  @Test
  void aBackendCanJoinLater() {
    try (Topology lan = Topology.oneArmed(1, 1, Topology.PeerXdp.NONE)) {
      Host third = lan.addBackend();
      assertThat(third.name()).isEqualTo("http2");
      assertThat(third.ipv4()).isEqualTo("198.51.100.102");
      assertThat(third.netns().mac(third.device())).isEqualTo("02:00:c6:33:64:66");
      assertThat(third.netns().index("lo")).isEqualTo(1);
      try (Nginx web = Nginx.web(third, 8080)) {
        assertThat(Clients.whoAnswers(lan.client().netns(), third.ipv4(), 8080, 1, SECOND))
            .containsOnlyKeys("http2");
        assertThat(web.process().isAlive()).isTrue();
      }
    }
  }

  @Test
  void longLivedConnectionsNoticeTheLossOfTheirServer() {
    try (Topology lan = Topology.oneArmed(1, 2, Topology.PeerXdp.NONE)) {
      Netns client = lan.client().netns();
      EchoServer first = EchoServer.start(lan.backends().get(0), 7);
      try (EchoServer second = EchoServer.start(lan.backends().get(1), 7);
          Connections toFirst =
              Connections.open(
                  client, lan.backends().get(0).ipv4(), 7, 20, Duration.ofMillis(1), SECOND);
          Connections toSecond =
              Connections.open(
                  client, lan.backends().get(1).ipv6(), 7, 20, Duration.ofMillis(1), SECOND)) {
        toFirst.awaitRounds(2);
        assertThat(toFirst.broken()).isEmpty();
        assertThat(toFirst.perServer()).isEqualTo(Map.of("http1", 20));
        first.close();
        toFirst.awaitRounds(2);
        toSecond.awaitRounds(2);
        assertThat(toFirst.broken()).hasSize(20);
        assertThat(toFirst.perServer()).isEmpty();
        assertThat(toSecond.broken()).isEmpty();
        assertThat(toSecond.perServer()).isEqualTo(Map.of("http2", 20));
        assertThat(second).isNotNull();
      } finally {
        first.close();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void nothingIsLeftAlsoWhenTheTestFails(boolean fails) {
    List<String> names = new ArrayList<>();
    List<Long> pids = new ArrayList<>();
    Runnable test =
        () -> {
          try (Topology lan = Topology.oneArmed(1, 1, Topology.PeerXdp.STUB);
              Nginx web = Nginx.web(lan.backends().get(0));
              RunningProcess sleep = lan.client().netns().start("sleep", "600")) {
            names.addAll(namespaces(Cleanup.PREFIX));
            pids.add(sleep.pid());
            pids.add(web.process().pid());
            ProcessHandle.of(web.process().pid())
                .orElseThrow()
                .children()
                .forEach(worker -> pids.add(worker.pid()));
            if (fails) {
              throw new IllegalStateException("the test fails");
            }
          }
        };
    if (fails) {
      assertThatThrownBy(test::run).hasMessage("the test fails");
    } else {
      test.run();
    }
    assertThat(names).hasSize(4);
    assertThat(namespaces(Cleanup.PREFIX)).isEmpty();
    assertThat(pids).hasSize(3).noneMatch(pid -> Files.exists(Path.of("/proc/" + pid)));
    assertThat(leftFiles(Cleanup.PREFIX)).isEmpty();
  }

  /** Makes what a test makes, and ends without closing it. */
  static final class Careless {
    public static void main(String[] args) {
      Topology lan = Topology.oneArmed(1, 1, Topology.PeerXdp.STUB);
      Nginx web = Nginx.web(lan.backends().get(0));
      System.out.println(web.process().pid());
      System.exit(0);
    }
  }

  @Test
  void nothingIsLeftWhenTheJvmEndsWithoutClosing() throws Exception {
    Process jvm =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Careless.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String printed = new String(jvm.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(jvm.waitFor()).isZero();
    assertThat(Path.of("/proc/" + printed.strip())).doesNotExist();
    String prefix = "xl-" + jvm.pid() + "-";
    assertThat(namespaces(prefix)).isEmpty();
    assertThat(leftFiles(prefix)).isEmpty();
  }

  @Test
  void kernelParametersBelongToTheNamespace() {
    try (Netns one = Netns.create("one");
        Netns other = Netns.create("other")) {
      one.sysctl("net.ipv4.ip_local_port_range", "2000 3000");
      assertThat(one.sysctl("net.ipv4.ip_local_port_range")).isEqualTo("2000\t3000");
      assertThat(other.sysctl("net.ipv4.ip_local_port_range")).isEqualTo("32768\t60999");
    }
  }

  @Test
  void aCommandThatFailsIsQuotedWithItsOutput() {
    try (Netns netns = Netns.create("t")) {
      assertThatThrownBy(() -> netns.run("sh", "-c", "echo because; exit 3"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("sh -c echo because; exit 3: exit status 3")
          .hasMessageContaining("because");
      assertThatThrownBy(() -> netns.ip("link set nosuch up"))
          .hasMessageContaining("link set nosuch up")
          .hasMessageContaining("Cannot find device");
    }
  }

  @Test
  void bpffsIsVisibleToCommandsInside() {
    try (Netns netns = Netns.create("t")) {
      String outside = Command.run(List.of("stat", "-fc", "%T", "/sys/fs/bpf"));
      assertThat(netns.run("stat", "-fc", "%T", "/sys/fs/bpf")).isEqualTo(outside);
    }
  }

  private static List<String> namespaces(String prefix) {
    return Command.run(List.of("ip", "netns", "list"))
        .lines()
        .filter(line -> line.startsWith(prefix))
        .map(line -> line.split(" ")[0])
        .toList();
  }

  private static List<String> leftFiles(String prefix) {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files.map(f -> f.getFileName().toString()).filter(f -> f.startsWith(prefix)).toList();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
