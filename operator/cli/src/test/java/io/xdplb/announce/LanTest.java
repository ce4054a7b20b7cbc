// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.Announcements;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
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
 * Five machines that announce by ARP and NDP, and what a client notices of faults: a probe a
 * thousand times a second over each family, a thousand connections, and questions on the LAN that
 * nobody but one machine may answer. Each test leaves the machines as it found them.
 */
@RequiresBpf
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class LanTest {

  private static final Logger log = LoggerFactory.getLogger(LanTest.class);

  private static final List<String> VIPS = List.of(AnnouncingLan.VIP4, AnnouncingLan.VIP6);
  private static final Duration SECOND = Duration.ofSeconds(1);

  /** Within this a machine that came back is in step with the others. */
  private static final Duration SETTLED = Duration.ofMillis(1500);

  private final List<String> table = new ArrayList<>();
  private final List<AutoCloseable> open = new ArrayList<>();

  private AnnouncingLan lan;
  private OwnersWatch watch;
  private Traffic traffic;

  @BeforeAll
  void start(@TempDir Path folder) {
    lan = new AnnouncingLan(folder, 5, VIPS);
    lan.announce();
    lan.startAll();
    lan.awaitOwned(VIPS);
    lan.awaitInStep();
  }

  @AfterAll
  void print() {
    for (ClusterNode node : lan.nodes()) {
      log.info("{}:\n{}", node.name(), lan.process(node).output());
    }
    lan.close();
    log.info("\n{}", String.join("\n", table));
    write();
  }

  @BeforeEach
  void watch() {
    watch = opened(OwnersWatch.start(lan.router(), VIPS));
    traffic =
        opened(
            Traffic.start(
                lan,
                VIPS.stream()
                    .map(vip -> Probe.start(lan.client(), vip, AnnouncingLan.PORT))
                    .toList(),
                List.of(AnnouncingLan.VIP4)));
  }

  private <T extends AutoCloseable> T opened(T closeable) {
    open.add(closeable);
    return closeable;
  }

  @AfterEach
  void heal() throws Exception {
    for (AutoCloseable closeable : open) {
      closeable.close();
    }
    open.clear();
    lan.awaitInStep();
    sleep(SETTLED);
    lan.awaitOwned(VIPS);
  }

  /**
   * What is noticed.
   *
   * @param owners hardware addresses that answered for the IPv4 address, in order
   * @param silence the longest time in which nobody did
   */
  private record Noticed(Traffic.Cost cost, List<String> owners, Duration silence) {}

  private Noticed during(String what, Duration time, Consumer<ClusterNode> fault) {
    ClusterNode owner = lan.owners().get(AnnouncingLan.VIP4);
    sleep(Duration.ofMillis(200));
    traffic.begin();
    watch.begin();
    fault.accept(owner);
    sleep(time);
    Noticed noticed =
        new Noticed(
            traffic.cost(),
            watch.owners(AnnouncingLan.VIP4),
            watch.longestSilence(AnnouncingLan.VIP4));
    table.add(
        "| %s | %s | %d | %d ms |"
            .formatted(
                what,
                noticed.cost().cells(),
                noticed.owners().size() - 1,
                noticed.silence().toMillis()));
    return noticed;
  }

  private static void sleep(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void nothing(Noticed noticed) {
    noticed.cost().isNothing();
    assertThat(noticed.owners()).as("owners").hasSize(1);
  }

  private static void oneMove(Noticed noticed) {
    noticed.cost().isLessThan(SECOND);
    assertThat(noticed.owners()).as("owners, one after the other").hasSize(2);
  }

  @Test
  @Order(1)
  void anAgentThatIsKilledAndStartedAgainCostsNothing() {
    nothing(
        during(
            "agent killed (SIGKILL), started again after 1 s",
            Duration.ofSeconds(4),
            owner -> {
              lan.process(owner).kill();
              sleep(SECOND);
              lan.start(owner);
            }));
  }

  @Test
  @Order(2)
  void anAgentThatIsStoppedAndStartedAgainCostsNothing() {
    nothing(
        during(
            "agent stopped (SIGTERM), started again after 5 s",
            Duration.ofSeconds(4),
            owner -> {
              lan.stop(owner);
              sleep(Duration.ofSeconds(5));
              lan.start(owner);
            }));
  }

  @Test
  @Order(3)
  void anAgentThatIsFrozenAndThawedCostsNothing() {
    nothing(
        during(
            "agent frozen (SIGSTOP) for 10 s and thawed",
            Duration.ofSeconds(3),
            owner -> {
              signal("STOP", owner);
              sleep(Duration.ofSeconds(10));
              signal("CONT", owner);
            }));
  }

  private void signal(String signal, ClusterNode node) {
    node.netns().run("kill", "-" + signal, Long.toString(lan.process(node).pid()));
  }

  @Test
  @Order(4)
  void aSwitchThatCarriesNothingForANodeCostsLessThanASecond() {
    oneMove(
        during(
            "the node's switch port dead, carrier stays",
            Duration.ofSeconds(3),
            owner -> lan.cluster().mute(owner, true)));
    // The node that comes back takes nothing back, and answers nobody.
    nothing(
        during(
            "… and alive again",
            Duration.ofSeconds(3),
            owner -> lan.nodes().forEach(node -> lan.cluster().mute(node, false))));
  }

  @Test
  @Order(5)
  void aLostLinkCostsLessThanASecond() {
    ClusterNode[] lost = new ClusterNode[1];
    oneMove(
        during(
            "the node's link down",
            Duration.ofSeconds(3),
            owner -> {
              lost[0] = owner;
              owner.netns().ip("link set eth0 down");
            }));
    nothing(
        during("… and up again", Duration.ofSeconds(4), owner -> lan.cluster().linkUp(lost[0])));
  }

  @Test
  @Order(6)
  void agentsThatDoNotHearEachOtherLeaveTheAddressUnansweredRatherThanTwice() {
    Noticed noticed =
        during(
            "all agents cut off from each other for 3 s, not from the LAN",
            Duration.ofSeconds(3),
            owner -> {
              lan.cluster().dropBetweenNodes(Announcements.HELLO_PORT);
              sleep(Duration.ofSeconds(3));
              lan.cluster().dropNothing();
            });
    assertThat(noticed.cost().broken()).as("connections broken").isZero();
    assertThat(noticed.owners()).as("owners, one after the other").hasSizeLessThanOrEqualTo(2);
    assertThat(noticed.silence()).as("without a majority").isGreaterThan(SECOND);
  }

  @Test
  @Order(7)
  void anAgentThatIsCutOffFromTheOthersIsReplaced() {
    oneMove(
        during(
            "the owner's agent cut off from the others for 3 s, not from the LAN",
            Duration.ofSeconds(3),
            owner -> {
              lan.cluster().dropBetween(owner, Announcements.HELLO_PORT);
              sleep(Duration.ofSeconds(3));
              lan.cluster().dropNothing();
            }));
  }

  @Test
  @Order(8)
  void twoNodesAtOnceCostLessThanASecond() {
    oneMove(
        during(
            "two of five nodes' switch ports dead at once",
            Duration.ofSeconds(3),
            owner -> {
              lan.cluster().mute(owner, true);
              lan.cluster().mute(other(owner), true);
            }));
    lan.nodes().forEach(node -> lan.cluster().mute(node, false));
  }

  private ClusterNode other(ClusterNode node) {
    return lan.nodes().get((lan.nodes().indexOf(node) + 1) % lan.nodes().size());
  }

  @Test
  @Order(9)
  void aNodeWhoseNetworkIsDeletedCostsLessThanASecond() {
    oneMove(
        during(
            "the node's network deleted",
            Duration.ofSeconds(3),
            owner -> owner.netns().ip("link del eth0")));
  }

  /** Kept in docs: {@code make bench} writes it. */
  private void write() {
    if (Boolean.getBoolean("xdplb.failover.write")) {
      FailoverDoc.write("lan", table);
    }
  }
}
