// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import static io.xdplb.agent.bgp.Lab.eventually;
import static io.xdplb.agent.bgp.NodeBird.route;
import static io.xdplb.agent.bgp.PeerBuilder.peer;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import io.xdplb.testing.bgp.RouteMonitor;
import io.xdplb.testing.bgp.Router;
import io.xdplb.testing.kernel.Command;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.kernel.RunningProcess;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What a router does when a node, its BIRD or the path to it is lost: four nodes with and without
 * BFD and graceful restart, each with an address of its own, which its kernel answers pings to.
 */
@RequiresBpf
class LossTest {

  /** BGP's own way to notice a loss: the shortest that there is, the usual one is 90 s. */
  private static final int HOLD_SECONDS = 3;

  private static final int RESTART_SECONDS = 4;
  private static final Pattern RECEIVED = Pattern.compile("(\\d+) packets transmitted, (\\d+) rec");
  private static final Duration AT_ONCE = Duration.ofMillis(500);
  private static final Duration SECOND = Duration.ofSeconds(1);

  /** Announced by all nodes, so that some of them are sent to any one of these. */
  private static final List<String> SHARED =
      IntStream.range(100, 140).mapToObj(i -> "203.0.113." + i).toList();

  private static final List<String> TABLE = new ArrayList<>();

  private static Lab lab;
  private static Router router;
  private static RouteMonitor monitor;
  private static Node fast;
  private static Node plain;
  private static Node bfdGraceful;
  private static Node graceful;

  /** A node that announces an address of its own. */
  private record Node(Lab.Machine machine, NodeBird bird, BgpPeer peer, String vip) {

    static Node start(String name, int host, BgpPeer peer) throws BirdException {
      Lab.Machine machine = lab.machine(name, host);
      String vip = "203.0.113." + host;
      machine
          .netns()
          .ip(
              Stream.concat(Stream.of(vip), SHARED.stream())
                  .map(address -> "addr add " + address + "/32 dev lo")
                  .toArray(String[]::new));
      Node node = new Node(machine, NodeBird.start(lab, machine), peer, vip);
      node.announce(Stream.concat(Stream.of(vip), SHARED.stream()));
      return node;
    }

    void announce(Stream<String> vips) throws BirdException {
      bird.apply(List.of(peer), vips.map(address -> route(address, "router")).toList());
    }

    void isAnnounced() {
      eventually(() -> assertThat(router.paths(vip)).containsExactly(machine.ipv4()));
      eventually(
          () -> assertThat(bird.sessions().get("router").exported()).contains(Ip.parse(vip)));
    }

    /** Whether the router's kernel has lost the route since {@code start}. */
    boolean isWithdrawnSince(Instant start) {
      return monitor.changes(vip).stream()
          .anyMatch(change -> change.text().startsWith("Deleted") && change.time().isAfter(start));
    }

    /** How long after {@code start} the router's kernel lost the route: ten seconds at most. */
    Duration withdrawal(Instant start) {
      Awaitility.await().atMost(Duration.ofSeconds(10)).until(() -> isWithdrawnSince(start));
      return Duration.between(
          start,
          monitor.changes(vip).stream()
              .filter(change -> change.text().startsWith("Deleted") && change.time().isAfter(start))
              .findFirst()
              .orElseThrow()
              .time());
    }
  }

  @BeforeAll
  static void start() throws Exception {
    lab = new Lab();
    Lab.Machine machine = lab.machine("router", 1);
    router = lab.router(machine);
    monitor = lab.opened(new RouteMonitor(machine.netns()));
    fast = Node.start("fast", 11, toRouter().build());
    plain = Node.start("plain", 12, toRouter().withoutBfd().holdTime(HOLD_SECONDS).build());
    bfdGraceful = Node.start("both", 13, toRouter().gracefulRestart(60).build());
    graceful =
        Node.start("kept", 14, toRouter().withoutBfd().gracefulRestart(RESTART_SECONDS).build());
    router.configure(
        Lab.session(fast.machine, "bfd on;"),
        Lab.session(plain.machine, ""),
        Lab.session(bfdGraceful.machine, "bfd on;"),
        Lab.session(graceful.machine, ""));
    router.reload();
  }

  @AfterAll
  static void stop() throws Exception {
    System.out.println("| event | until the router's kernel has no route |\n|---|---|");
    TABLE.forEach(System.out::println);
    lab.close();
  }

  @Test
  void aPathThatIsCutFarAwayIsNoticedByBfdInLessThanASecond() {
    fast.isAnnounced();
    plain.isAnnounced();
    Instant start = Instant.now();
    lab.cut(fast.machine);
    lab.cut(plain.machine);
    Duration withBfd = note("path cut, BFD 100 ms x 3", fast.withdrawal(start));
    Duration without =
        note("path cut, no BFD, hold time " + HOLD_SECONDS + " s", plain.withdrawal(start));
    lab.mend(fast.machine);
    lab.mend(plain.machine);
    assertThat(withBfd).isLessThan(SECOND);
    assertThat(without).isGreaterThan(SECOND);
    fast.isAnnounced();
  }

  @Test
  void aBirdThatIsKilledIsNoticedAtOnceAndIsBackWithoutTheAgent() {
    fast.isAnnounced();
    Instant start = Instant.now();
    fast.bird.kill();
    assertThat(note("BIRD killed, no graceful restart", fast.withdrawal(start)))
        .isLessThan(AT_ONCE);
    fast.bird.start();
    fast.isAnnounced();
  }

  @Test
  void aBirdThatIsKilledCostsNothingIfAnotherNodeAnnouncesTheSame() {
    fast.isAnnounced();
    plain.isAnnounced();
    String vip =
        SHARED.stream()
            .filter(address -> routed(address).contains(" via " + fast.machine.ipv4() + " "))
            .findFirst()
            .orElseThrow();
    try (RunningProcess ping = ping(vip)) {
      fast.bird.kill();
      eventually(() -> assertThat(routed(vip)).doesNotContain(" via " + fast.machine.ipv4() + " "));
      fast.bird.start();
      fast.isAnnounced();
      hasLostNothing(ping);
    }
  }

  @Test
  void aWithdrawalTakesNoTime() throws Exception {
    fast.isAnnounced();
    Instant start = Instant.now();
    fast.announce(SHARED.stream());
    assertThat(note("withdrawn by the agent", fast.withdrawal(start))).isLessThan(AT_ONCE);
    fast.announce(Stream.concat(Stream.of(fast.vip), SHARED.stream()));
    fast.isAnnounced();
  }

  @Test
  void aRestartOfBirdLosesNothingWithGracefulRestart() throws Exception {
    graceful.isAnnounced();
    Instant start = Instant.now();
    try (RunningProcess ping = ping(graceful.vip)) {
      graceful.bird.control().run("graceful restart");
      graceful.bird.close();
      graceful.bird.start();
      eventually(() -> assertThat(graceful.bird.sessions().get("router").exported()).isNotEmpty());
      graceful.bird.kill();
      graceful.bird.start();
      eventually(() -> assertThat(graceful.bird.sessions().get("router").exported()).isNotEmpty());
      hasLostNothing(ping);
    }
    assertThat(graceful.isWithdrawnSince(start)).isFalse();
    TABLE.add("| BIRD restarted or killed and restarted, graceful restart, no BFD | never |");
    graceful.isAnnounced();
  }

  @Test
  void aBirdThatDoesNotComeBackIsForgottenAfterTheRestartTime() {
    graceful.isAnnounced();
    Instant start = Instant.now();
    graceful.bird.kill();
    Duration kept =
        note(
            "BIRD killed for good, graceful restart " + RESTART_SECONDS + " s, no BFD",
            graceful.withdrawal(start));
    assertThat(kept).isBetween(Duration.ofSeconds(RESTART_SECONDS - 1), Duration.ofSeconds(8));
    graceful.bird.start();
  }

  @Test
  void gracefulRestartDoesNotKeepTheRoutesOfANodeThatBfdSaysIsGone() {
    bfdGraceful.isAnnounced();
    Instant start = Instant.now();
    bfdGraceful.bird.kill();
    assertThat(note("BIRD killed, graceful restart 60 s, BFD", bfdGraceful.withdrawal(start)))
        .isLessThan(SECOND);
    bfdGraceful.bird.start();
  }

  @Test
  void aRouterThatIsRestartedGetsAllAgain() throws Exception {
    graceful.isAnnounced();
    fast.isAnnounced();
    Instant start = Instant.now();
    router.kill();
    router.start();
    for (Node node : List.of(fast, plain, bfdGraceful, graceful)) {
      node.isAnnounced();
      eventually(
          () ->
              assertThat(node.bird.sessions().get("router").since().orElseThrow()).isAfter(start));
    }
    assertThat(graceful.isWithdrawnSince(start)).isFalse();
  }

  private static PeerBuilder toRouter() {
    return peer("router", "198.51.100.1");
  }

  /** A thousand pings a second. */
  private static RunningProcess ping(String vip) {
    return router.netns().start("ping", "-q", "-n", "-i", "0.001", "-w", "30", vip);
  }

  /** Ends it; the answer to the last ping may still be on its way. */
  private static void hasLostNothing(RunningProcess ping) {
    Command.run(List.of("kill", "-INT", String.valueOf(ping.pid())));
    Awaitility.await().atMost(Duration.ofSeconds(10)).until(() -> !ping.isAlive());
    Matcher received = RECEIVED.matcher(ping.output());
    assertThat(received.find()).as(ping.output()).isTrue();
    long sent = Long.parseLong(received.group(1));
    assertThat(sent).isGreaterThan(500);
    assertThat(Long.parseLong(received.group(2))).isBetween(sent - 1, sent);
  }

  /** Where the router's kernel sends what goes to an address. */
  private static String routed(String vip) {
    return router.netns().run("ip", "route", "get", vip);
  }

  private static Duration note(String event, Duration withdrawal) {
    TABLE.add("| %s | %.2f s |".formatted(event, withdrawal.toMillis() / 1000.0));
    return withdrawal;
  }
}
