// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import static io.xdplb.agent.bgp.Lab.eventually;
import static io.xdplb.agent.bgp.NodeBird.route;
import static io.xdplb.agent.bgp.PeerBuilder.peer;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.xdplb.core.model.Ip;
import io.xdplb.testing.bgp.Router;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Two nodes and two routers, one of them in the nodes' AS, all with a real BIRD. */
@RequiresBpf
class AnnouncingTest {

  private static final String VIP4 = "203.0.113.1";
  private static final String VIP6 = "2001:db8:0:2::1";

  private static Lab lab;
  private static Lab.Machine machine1;
  private static Lab.Machine machine2;
  private static NodeBird node1;
  private static NodeBird node2;
  private static Router outside;
  private static Router inside;

  private static final BgpPeer OUTSIDE = peer("outside", "198.51.100.1").build();
  private static final BgpPeer INSIDE =
      peer("inside.with.a-long-name-" + "x".repeat(200), "2001:db8:0:1::2")
          .asns(64500, 64500)
          .build();
  private static final List<BgpPeer> BOTH = List.of(OUTSIDE, INSIDE);

  @BeforeAll
  static void start() {
    lab = new Lab();
    machine1 = lab.machine("node1", 11);
    machine2 = lab.machine("node2", 12);
    outside =
        lab.router(
            lab.machine("outside", 1),
            Lab.session(machine1, "bfd on;"),
            Lab.session(machine2, "bfd on;"));
    inside =
        lab.router(
            lab.machine("inside", 2),
            Router.session("node1", "neighbor 2001:db8:0:1::11 as 64500", 64500, "direct; bfd on;"),
            Router.session(
                "node2", "neighbor 2001:db8:0:1::12 as 64500", 64500, "direct; bfd on;"));
    node1 = NodeBird.start(lab, machine1);
    node2 = NodeBird.start(lab, machine2);
  }

  @AfterAll
  static void stop() throws Exception {
    lab.close();
  }

  @Test
  void anAddressIsInBothRoutersByWayOfBothNodes() throws Exception {
    for (NodeBird node : List.of(node1, node2)) {
      node.apply(BOTH, List.of(toBoth(VIP4), toBoth(VIP6)));
    }
    for (Router router : List.of(outside, inside)) {
      eventually(
          () -> {
            assertThat(router.paths(VIP4)).containsExactly(machine1.ipv4(), machine2.ipv4());
            assertThat(router.paths(VIP6)).containsExactly(machine1.ipv6(), machine2.ipv6());
          });
    }
    for (NodeBird node : List.of(node1, node2)) {
      eventually(
          () ->
              assertThat(node.sessions().values())
                  .hasSize(2)
                  .allSatisfy(
                      session -> {
                        assertThat(session.isEstablished()).isTrue();
                        assertThat(session.bfd()).contains("Up");
                        assertThat(session.problem()).isEmpty();
                        assertThat(session.since().orElseThrow())
                            .isBetween(
                                Instant.now().minusSeconds(60), Instant.now().plusSeconds(1));
                        assertThat(session.exported())
                            .containsExactlyInAnyOrder(Ip.parse(VIP4), Ip.parse(VIP6));
                      }));
    }
  }

  @Test
  void eachPeerGetsItsRoutesWithTheirAttributes() throws Exception {
    node1.apply(
        BOTH,
        List.of(
            new BgpRoute(
                Ip.parse("203.0.113.2"),
                Set.of("outside"),
                Set.of("64512:100", "no-advertise", "4200000000:1:2"),
                OptionalLong.empty()),
            new BgpRoute(
                Ip.parse("203.0.113.2"), Set.of(INSIDE.name()), Set.of(), OptionalLong.of(321)),
            route("203.0.113.3", "outside", "not-ours"),
            route("203.0.113.4", "not-ours")));
    eventually(
        () -> {
          assertThat(outside.paths("203.0.113.3")).containsExactly(machine1.ipv4());
          assertThat(outside.route("203.0.113.2"))
              .contains("BGP.community: (64512,100) (65535,65282)")
              .contains("BGP.large_community: (4200000000, 1, 2)")
              .contains("BGP.as_path: 64500");
          assertThat(inside.route("203.0.113.2")).contains("BGP.local_pref: 321");
        });
    assertThat(inside.route("203.0.113.2")).doesNotContain("community");
    assertThat(inside.paths("203.0.113.3")).isEmpty();
    assertThat(outside.paths("203.0.113.4")).isEmpty();
    assertThat(node1.sessions().get("outside").exported())
        .containsExactlyInAnyOrder(Ip.parse("203.0.113.2"), Ip.parse("203.0.113.3"));
    assertThat(node1.sessions().get(INSIDE.name()).exported())
        .containsExactly(Ip.parse("203.0.113.2"));
  }

  @Test
  void aRouteIsWithdrawnAndNothingElseHappens() throws Exception {
    node1.apply(BOTH, List.of(toBoth("203.0.113.5"), toBoth("203.0.113.6")));
    eventually(() -> assertThat(established(node1)).isEqualTo(2));
    eventually(() -> assertThat(outside.paths("203.0.113.5")).isNotEmpty());
    Map<String, SessionState> before = node1.sessions();
    node1.apply(BOTH, List.of(toBoth("203.0.113.6")));
    assertThat(node1.sessions().get("outside").exported()).containsExactly(Ip.parse("203.0.113.6"));
    eventually(() -> assertThat(outside.paths("203.0.113.5")).isEmpty());
    eventually(() -> assertThat(inside.paths("203.0.113.5")).isEmpty());
    assertThat(outside.paths("203.0.113.6")).isNotEmpty();
    assertThat(node1.sessions().get("outside").since()).isEqualTo(before.get("outside").since());
  }

  @Test
  void peersComeGoAndChangeWithoutTheOthersNoticing() throws Exception {
    node1.apply(List.of(OUTSIDE), List.of(toBoth(VIP4)));
    eventually(() -> assertThat(established(node1)).isEqualTo(1));
    Optional<Instant> since = node1.sessions().get("outside").since();
    long routersSince = outside.since("node1");

    node1.apply(BOTH, List.of(toBoth(VIP4)));
    eventually(() -> assertThat(established(node1)).isEqualTo(2));
    eventually(() -> assertThat(inside.paths(VIP4)).contains(machine1.ipv4()));

    BgpPeer changed = peer(INSIDE.name(), "2001:db8:0:1::2").asns(64500, 64500).holdTime(9).build();
    Optional<Instant> insideSince = node1.sessions().get(INSIDE.name()).since();
    node1.apply(List.of(OUTSIDE, changed), List.of(toBoth(VIP4)));
    eventually(
        () -> {
          SessionState session = node1.sessions().get(INSIDE.name());
          assertThat(session.isEstablished()).isTrue();
          assertThat(session.since()).isNotEqualTo(insideSince);
        });

    node1.apply(List.of(OUTSIDE), List.of(toBoth(VIP4)));
    eventually(() -> assertThat(inside.paths(VIP4)).doesNotContain(machine1.ipv4()));
    assertThat(node1.sessions()).containsOnlyKeys("outside");
    assertThat(node1.sessions().get("outside").since()).isEqualTo(since);
    assertThat(outside.since("node1")).isCloseTo(routersSince, within(1L));
  }

  @Test
  void anAgentThatStartsAnewChangesNothing() throws Exception {
    node1.apply(BOTH, List.of(toBoth(VIP4)));
    eventually(() -> assertThat(established(node1)).isEqualTo(2));
    String before = statusWithoutClock();
    Instant written = Files.getLastModifiedTime(node1.folder().resolve("bird.conf")).toInstant();
    node1.newAgent();
    node1.apply(BOTH, List.of(toBoth(VIP4)));
    assertThat(statusWithoutClock()).isEqualTo(before).contains("Last reconfiguration");
    assertThat(Files.getLastModifiedTime(node1.folder().resolve("bird.conf")).toInstant())
        .isEqualTo(written);
    assertThat(established(node1)).isEqualTo(2);
  }

  @Test
  void theFileIsForBirdAndAgentOnly() throws Exception {
    node1.apply(List.of(peer("outside", "198.51.100.1").password("secret").build()), List.of());
    Path file = node1.folder().resolve("bird.conf");
    assertThat(Files.readString(file)).contains("secret");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    assertThat(node1.folder().resolve("bird.conf.new")).doesNotExist();
  }

  @Test
  void whatBirdRefusesIsSaidAndTheRestGoesOn() throws Exception {
    node1.apply(BOTH, List.of(toBoth(VIP4)));
    eventually(() -> assertThat(established(node1)).isEqualTo(2));
    String file = Files.readString(node1.folder().resolve("bird.conf"));
    Bird wrong = new Bird(node1.folder(), Optional.of(Path.of("/no/such/folder/bird.log")));
    BgpSettings settings =
        new BgpSettings(
            Ip.parse(machine1.ipv4()), BgpSettings.DEFAULT_LISTEN_PORT, List.of(OUTSIDE));
    assertThatThrownBy(() -> wrong.apply(settings, List.of()))
        .isInstanceOf(BirdException.class)
        .hasMessageContaining("bird.conf.new:2")
        .hasMessageContaining("/no/such/folder/bird.log");
    assertThat(established(node1)).isEqualTo(2);
    assertThat(Files.readString(node1.folder().resolve("bird.conf"))).isEqualTo(file);
  }

  @Test
  void aThousandRoutesAreCheap() throws Exception {
    node1.apply(BOTH, List.of());
    eventually(() -> assertThat(established(node1)).isEqualTo(2));
    List<BgpRoute> routes =
        Stream.concat(
                IntStream.range(0, 500)
                    .mapToObj(i -> toBoth("203.0.%d.%d".formatted(113 + i / 256, i % 256))),
                IntStream.range(0, 500)
                    .mapToObj(i -> toBoth("2001:db8:0:2::" + Integer.toHexString(i + 1))))
            .toList();
    long start = System.nanoTime();
    node1.apply(BOTH, routes);
    long applied = System.nanoTime();
    eventually(
        () -> {
          assertThat(outside.kernelRoutes(4)).isGreaterThanOrEqualTo(500);
          assertThat(outside.kernelRoutes(6)).isGreaterThanOrEqualTo(500);
        });
    long inKernel = System.nanoTime();
    assertThat(node1.sessions().get("outside").exported()).hasSize(1000);
    long readBack = System.nanoTime();
    node1.apply(BOTH, routes);
    node1.sessions();
    long again = System.nanoTime();
    node1.apply(BOTH, routes.subList(1, 1000));
    long one = System.nanoTime();
    System.out.printf(
        "1,000 routes: applied %d ms, in the router's kernel %d ms, read back %d ms;"
            + " looked at again %d ms; one taken away %d ms%n",
        ms(start, applied),
        ms(start, inKernel),
        ms(inKernel, readBack),
        ms(readBack, again),
        ms(again, one));
    assertThat(Duration.ofNanos(inKernel - start)).isLessThan(Duration.ofSeconds(5));
    assertThat(node1.sessions().get("outside").exported()).hasSize(999);
  }

  private static long ms(long from, long to) {
    return (to - from) / 1_000_000;
  }

  private static BgpRoute toBoth(String vip) {
    return route(vip, "outside", INSIDE.name());
  }

  private static long established(NodeBird node) throws BirdException {
    return node.sessions().values().stream().filter(SessionState::isEstablished).count();
  }

  private static String statusWithoutClock() throws BirdException {
    return node1.control().run("show status").text().replaceAll("Current server time.*", "");
  }
}
