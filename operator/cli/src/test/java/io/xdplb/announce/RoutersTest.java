// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import static io.xdplb.announce.AnnouncingRouters.eventually;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.cli.Xdplb;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Three machines that announce to two routers by BGP, and what a client notices of faults of the
 * one that its probes go through; its connections are spread over all. BFD and all the rest of the
 * sessions are as they are by default, but for the time after which another attempt is made. Each
 * test but the last two leaves the machines as it found them.
 */
@RequiresBpf
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class RoutersTest {

  private static final Logger log = LoggerFactory.getLogger(RoutersTest.class);

  private static final List<String> VIPS =
      List.of(AnnouncingMachines.VIP4, AnnouncingMachines.VIP6);
  private static final List<String> SERVICE = List.of("203.0.113.20", "2001:db8:0:2::20");
  private static final int MANY = 100;
  private static final Duration SECOND = Duration.ofSeconds(1);

  /** While a router replaces a route by another one, which should cost nothing. */
  private static final Duration REPLACED = Duration.ofMillis(100);

  /** What BFD takes at least to notice a lost path, less the time between two packets of it. */
  private static final Duration FELT = Duration.ofMillis(300);

  /** By then what comes with a fault has come. */
  private static final Duration SHORTLY = Duration.ofMillis(300);

  private final List<String> table = new ArrayList<>();
  private final List<String> times = new ArrayList<>();

  private AnnouncingRouters machines;
  private ClusterNode node;
  private List<ClusterNode> others;
  private Traffic traffic;

  @BeforeAll
  void start(@TempDir Path folder, @TempDir Path folders) {
    machines = new AnnouncingRouters(folder, folders, 3, VIPS);
    machines.announce();
    machines.startAll();
    node = machines.nodes().get(0);
    others = machines.nodes().subList(1, 3);
    machines.awaitAnnounced();
    List<Probe> probes = VIPS.stream().map(vip -> machines.probe(vip, node)).toList();
    traffic = machines.opened(Traffic.start(machines, probes, VIPS));
  }

  @AfterAll
  void stop() {
    machines
        .processes()
        .forEach((each, process) -> log.info("{}:\n{}", each.name(), process.output()));
    machines.close();
    log.info("\n{}\n\n{}", String.join("\n", table), String.join("\n", times));
    write();
  }

  /** By then the probes go by way of the same node again. */
  @BeforeEach
  void heal() {
    machines.awaitAnnounced();
  }

  /**
   * What is noticed.
   *
   * @param routes how often the first router's kernel got another route to one of the addresses
   */
  private record Noticed(Traffic.Cost cost, int routes) {

    void isNothing() {
      cost.isNothing();
      assertThat(routes).as("changes of routes").isZero();
    }

    /** BFD has noticed it, and in time. */
    void isLossOfPath() {
      assertThat(cost.gap()).as("gap").isGreaterThan(FELT);
      cost.isLessThan(SECOND);
    }
  }

  private Noticed during(String what, Duration time, Runnable fault) {
    sleep(Duration.ofMillis(200));
    int before = machines.routes();
    traffic.begin();
    fault.run();
    sleep(time);
    Traffic.Cost cost = traffic.cost();
    Noticed noticed = new Noticed(cost, machines.routes() - before);
    table.add("| %s | %s | %d |".formatted(what, cost.cells(), noticed.routes()));
    return noticed;
  }

  /** How long it takes until it is so. */
  private void until(String what, Runnable change, Duration limit, ThrowingRunnable assertion) {
    long start = System.nanoTime();
    change.run();
    eventually(assertion);
    Duration time = Duration.ofNanos(System.nanoTime() - start);
    times.add("| %s | %.2f s |".formatted(what, time.toMillis() / 1000.0));
    assertThat(time).as(what).isLessThan(limit);
  }

  private static void sleep(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  @Order(1)
  void anAgentThatIsKilledAndStartedAgainCostsNothing() {
    during(
            "agent killed (SIGKILL), started again after 1 s",
            SHORTLY,
            () -> {
              machines.process(node).kill();
              sleep(SECOND);
              machines.start(node);
            })
        .isNothing();
  }

  @Test
  @Order(2)
  void anAgentThatIsStoppedAndStartedAgainCostsNothing() {
    during(
            "agent stopped (SIGTERM), started again after 2 s",
            SHORTLY,
            () -> {
              machines.stop(node);
              sleep(Duration.ofSeconds(2));
              machines.start(node);
            })
        .isNothing();
  }

  @Test
  @Order(3)
  void anAgentThatIsFrozenAndThawedCostsNothing() {
    during(
            "agent frozen (SIGSTOP) for 10 s and thawed",
            SHORTLY,
            () -> {
              signal("STOP");
              sleep(Duration.ofSeconds(10));
              signal("CONT");
            })
        .isNothing();
  }

  private void signal(String signal) {
    node.netns().run("kill", "-" + signal, Long.toString(machines.process(node).pid()));
  }

  @Test
  @Order(4)
  void aSwitchThatCarriesNothingForANodeCostsLessThanASecond() {
    Noticed noticed =
        during(
            "the node's switch port dead, carrier stays",
            SECOND,
            () -> machines.cluster().mute(node, true));
    VIPS.forEach(vip -> machines.assertPaths(vip, others));
    noticed.isLossOfPath();
    during(
            "… and alive again",
            SHORTLY,
            () -> {
              machines.cluster().mute(node, false);
              machines.awaitAnnounced();
            })
        .cost()
        .isLessThan(REPLACED);
  }

  @Test
  @Order(5)
  void aLostLinkCostsLessThanASecond() {
    Noticed noticed =
        during("the node's link down", SECOND, () -> node.netns().ip("link set eth0 down"));
    VIPS.forEach(vip -> machines.assertPaths(vip, others));
    noticed.isLossOfPath();
    during(
            "… and up again",
            SHORTLY,
            () -> {
              machines.cluster().linkUp(node);
              machines.awaitAnnounced();
            })
        .cost()
        .isLessThan(SECOND);
  }

  @Test
  @Order(6)
  void twoOfThreeNodesAtOnceCostLessThanASecond() {
    during(
            "two of three nodes' switch ports dead at once",
            SECOND,
            () -> {
              machines.cluster().mute(node, true);
              machines.cluster().mute(others.get(0), true);
            })
        .isLossOfPath();
    VIPS.forEach(vip -> machines.assertPaths(vip, others.subList(1, 2)));
    machines.nodes().forEach(each -> machines.cluster().mute(each, false));
  }

  @Test
  @Order(7)
  void aBirdThatIsKilledIsStartedAgainAndCostsNothing() {
    during(
            "the node's BIRD killed (SIGKILL); its agent starts another",
            Duration.ofSeconds(2),
            () -> machines.killBird(node))
        .cost()
        .isLessThan(REPLACED);
    eventually(() -> assertThat(machines.command(node).bird()).isPresent());
  }

  @Test
  @Order(8)
  void aSessionThatTheRouterEndsCostsNothing() {
    Noticed noticed =
        during(
            "the router ends the session with the node",
            SECOND,
            () -> machines.routers().get(0).run("disable '%s'".formatted(node.name())));
    assertThat(machines.routers().get(0).paths(VIPS.get(0))).hasSize(2);
    assertThat(machines.routers().get(1).paths(VIPS.get(0))).hasSize(3);
    noticed.cost().isLessThan(REPLACED);
    machines.routers().get(0).run("enable '%s'".formatted(node.name()));
  }

  @Test
  @Order(9)
  void aRouterWhoseBirdIsKilledGoesOnByItsKernelsRoutes() {
    Noticed noticed =
        during(
            "the router's BIRD killed (SIGKILL), started again after 0.5 s",
            Duration.ofSeconds(4),
            () -> {
              machines.routers().get(0).kill();
              sleep(Duration.ofMillis(500));
              machines.routers().get(0).start();
            });
    // It does not recognize the IPv6 route in the kernel as its own, and writes it again.
    assertThat(noticed.routes()).as("changes of routes").isLessThanOrEqualTo(1);
    noticed.cost().isLessThan(REPLACED);
  }

  @Test
  @Order(10)
  void addressesComeWithoutTheOthersNoticing() {
    long before = machines.paths();
    during(
            MANY + " more addresses, and gone again",
            Duration.ZERO,
            () -> {
              until(
                  MANY + " addresses in a file, until both routers send all by way of all nodes",
                  () -> machines.addBalancers(MANY),
                  Duration.ofSeconds(5),
                  () ->
                      assertThat(machines.paths())
                          .isEqualTo(before + MANY * machines.nodes().size() * 2L));
              until(
                  "the file removed, until no router sends any",
                  machines::removeBalancers,
                  Duration.ofSeconds(5),
                  () -> assertThat(machines.paths()).isEqualTo(before));
            })
        .isNothing();
  }

  @Test
  @Order(11)
  void anAddressWithoutBackendsIsWithdrawnAndTheOthersAreNot() {
    machines.writeService(SERVICE, List.of(machines.server()));
    eventually(() -> SERVICE.forEach(vip -> machines.assertPaths(vip, machines.nodes())));
    during(
            "the last backend of another address gone",
            Duration.ZERO,
            () ->
                until(
                    "the last backend gone, until no router sends the address",
                    () -> machines.writeService(SERVICE, List.of()),
                    SECOND,
                    () -> SERVICE.forEach(vip -> machines.assertPaths(vip, List.of()))))
        .isNothing();
  }

  @Test
  @Order(12)
  void whatAPeerRefusesIsSaidAndTheOthersDoNotNotice() {
    machines.addStranger("wrong-password", 64501, "another one");
    machines.addStranger("wrong-asn", 64999, "of the routers");
    during(
            "two more BGPPeers, one with a wrong password, one with a wrong ASN",
            SECOND,
            () ->
                machines
                    .processes()
                    .values()
                    .forEach(
                        process -> {
                          Xdplb.awaitLine(process, "its password is another one");
                          Xdplb.awaitLine(process, "Bad peer AS");
                        }))
        .isNothing();
    // Once, not with each attempt; of the ASN nothing is known before the first one.
    assertThat(lines("BGP peer wrong-password: "))
        .singleElement()
        .asString()
        .contains("its password is another one");
    assertThat(lines("BGP peer wrong-asn: "))
        .hasSizeBetween(1, 2)
        .last()
        .asString()
        .contains("Bad peer AS");
    machines.removePeer("wrong-password");
    machines.removePeer("wrong-asn");
  }

  private List<String> lines(String text) {
    return machines.process(node).output().lines().filter(line -> line.contains(text)).toList();
  }

  @Test
  @Order(13)
  void withoutAPolicyNothingIsAnnounced() {
    until(
        "the policy deleted, until no router sends any address",
        machines::announceNothing,
        SECOND,
        () -> assertThat(machines.paths()).isZero());
    until(
        "the policy there again, until both routers send all by way of all nodes",
        machines::announce,
        SECOND,
        machines::awaitAnnounced);
  }

  @Test
  @Order(14)
  void aNodeThatIsDetachedIsWithdrawnFirst() {
    during(
            "`xdplb detach` on the node while its agent runs, which is refused",
            SHORTLY,
            () ->
                assertThatThrownBy(machines.command(node)::detach)
                    .hasMessageContaining("another agent has"))
        .isNothing();
    Noticed noticed =
        during(
            "`xdplb detach` on the node, its agent stopped",
            SHORTLY,
            () -> {
              machines.stop(node);
              machines.command(node).detach();
            });
    VIPS.forEach(vip -> machines.assertPaths(vip, others));
    assertThat(machines.command(node).bird()).isEmpty();
    noticed.cost().isLessThan(REPLACED);
  }

  @Test
  @Order(15)
  void aRouterThatIsLostCostsNoConnection() {
    Traffic.Cost cost =
        during(
                "the router lost; client and servers use the other one at once",
                SECOND,
                machines.cluster()::failOver)
            .cost();
    assertThat(cost.broken()).as("connections broken").isZero();
    cost.isLessThan(SECOND);
  }

  /** Kept in docs: {@code make bench} writes it. */
  private void write() {
    if (Boolean.getBoolean("xdplb.failover.write")) {
      FailoverDoc.write("bgp", table);
      FailoverDoc.write("bgp times", times);
    }
  }
}
