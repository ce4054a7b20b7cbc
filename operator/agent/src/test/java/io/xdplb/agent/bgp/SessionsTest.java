// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import static io.xdplb.agent.bgp.Lab.eventually;
import static io.xdplb.agent.bgp.NodeBird.route;
import static io.xdplb.agent.bgp.PeerBuilder.peer;
import static io.xdplb.agent.bgp.PeerBuilder.peerOn;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.model.Ip;
import io.xdplb.testing.bgp.Router;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Ways to reach a peer, and what is said when it cannot be reached. */
@RequiresBpf
class SessionsTest {

  private static final String VIP4 = "203.0.113.1";
  private static final String VIP6 = "2001:db8:0:2::1";

  /** Up to a character that BIRD must not take for anything else. */
  private static final String PASSWORD = "a'b\\c #d;{e}";

  private Lab lab;
  private Lab.Machine machine;
  private Lab.Machine far;
  private NodeBird node;

  @BeforeEach
  void start() {
    lab = new Lab();
    machine = lab.machine("node", 11);
    far = lab.machine("router", 1);
    node = NodeBird.start(lab, machine);
  }

  @AfterEach
  void stop() throws Exception {
    lab.close();
  }

  @Test
  void aRouterOnAnInterfaceThatHasNoAddressOfOurs() throws Exception {
    far.netns().ip("addr flush dev eth0 scope global");
    machine.netns().ip("addr flush dev eth0 scope global");
    node.apply(
        List.of(peerOn("any", "eth0").build()), List.of(route(VIP4, "any"), route(VIP6, "any")));
    assertThat(state("any").state()).isEqualTo("Passive");
    assertThat(state("any").problem()).hasValueSatisfying(p -> assertThat(p).contains("nobody"));
    Router router =
        lab.router(
            far,
            Router.session(
                "node",
                "neighbor fe80::11 port %d external; interface \"eth0\""
                    .formatted(BgpSettings.DEFAULT_LISTEN_PORT),
                64501,
                "bfd on;"));
    eventually(
        () -> {
          assertThat(router.paths(VIP4)).containsExactly("fe80::11");
          assertThat(router.paths(VIP6)).containsExactly("fe80::11");
          assertThat(state("any").isEstablished()).isTrue();
          assertThat(state("any").bfd()).contains("Up");
        });
    assertThat(state("any").neighbor()).contains("fe80::1%eth0");
    assertThat(state("any").exported()).hasSize(2);
  }

  @Test
  void aLinkLocalAddress() throws Exception {
    Router router =
        lab.router(
            far,
            Router.session(
                "node", "neighbor fe80::11 external; interface \"eth0\"", 64501, "bfd on;"));
    node.apply(
        List.of(peer("router", "fe80::1").on("eth0").build()), List.of(route(VIP4, "router")));
    eventually(
        () -> {
          assertThat(router.paths(VIP4)).containsExactly("fe80::11");
          assertThat(state("router").bfd()).contains("Up");
        });
  }

  @Test
  void anAddressOfAFamilyThatTheNodeDoesNotHaveIsNotAnnouncedAndTheOthersAre() throws Exception {
    machine.netns().sysctl("net.ipv6.conf.all.disable_ipv6", "1");
    Router router = lab.router(far, Lab.session(machine, ""));
    node.apply(
        List.of(peer("router", far.ipv4()).withoutBfd().build()),
        List.of(route(VIP4, "router"), route(VIP6, "router")));
    eventually(() -> assertThat(router.paths(VIP4)).containsExactly(machine.ipv4()));
    assertThat(state("router").exported()).containsExactly(Ip.parse(VIP4));
    assertThat(state("router").problem())
        .contains(
            "the node has no IPv6 address on the way to it, so such routes are not announced");
    assertThat(router.paths(VIP6)).isEmpty();
    node.apply(
        List.of(peer("router", far.ipv4()).withoutBfd().build()), List.of(route(VIP4, "router")));
    assertThat(state("router").problem()).isEmpty();
  }

  @Test
  void anAddressOfAFamilyThatThePeerDoesNotTakeIsNotAnnouncedAndTheOthersAre() throws Exception {
    Router router =
        lab.router(
            far,
            """
            protocol bgp node {
              local as 64501; neighbor 198.51.100.11 as 64500;
              ipv6 { import all; export where false; };
            }
            """);
    node.apply(
        List.of(peer("router", far.ipv4()).withoutBfd().build()),
        List.of(route(VIP4, "router"), route(VIP6, "router")));
    eventually(() -> assertThat(router.paths(VIP6)).containsExactly(machine.ipv6()));
    assertThat(state("router").exported()).containsExactly(Ip.parse(VIP6));
  }

  @Test
  void aPeerBehindARouterIsWatchedByBfdToo() throws Exception {
    far.netns().ip("addr add 192.0.2.1/32 dev lo");
    machine.netns().ip("route add 192.0.2.1 via " + far.ipv4());
    Router router =
        lab.router(
            far,
            Router.session(
                "node",
                "neighbor 198.51.100.11 as 64500; multihop 3; source address 192.0.2.1",
                64501,
                "bfd on;"));
    node.apply(
        List.of(peer("far", "192.0.2.1").multihop(3).source(machine.ipv4()).build()),
        List.of(route(VIP4, "far")));
    eventually(
        () -> {
          assertThat(router.paths(VIP4)).containsExactly(machine.ipv4());
          assertThat(state("far").isEstablished()).isTrue();
          assertThat(state("far").bfd()).contains("Up");
        });
  }

  @Test
  void aWrongPasswordIsSaidAndTheRightOneWorks() throws Exception {
    Router router = lab.router(far, Lab.session(machine, "password \"" + PASSWORD + "\";"));
    node.apply(
        List.of(peer("router", far.ipv4()).password("wrong").build()),
        List.of(route(VIP4, "router")));
    eventually(
        () -> {
          assertThat(state("router").state()).isIn("Connect", "Active");
          assertThat(state("router").problem())
              .hasValueSatisfying(p -> assertThat(p).contains("password is another one"));
        });
    assertThat(state("router").exported()).isEmpty();
    node.apply(
        List.of(peer("router", far.ipv4()).password(PASSWORD).build()),
        List.of(route(VIP4, "router")));
    eventually(() -> assertThat(router.paths(VIP4)).containsExactly(machine.ipv4()));
    assertThat(node.log()).doesNotContain(PASSWORD);
  }

  @Test
  void whatAPeerComplainsAboutIsSaid() throws Exception {
    lab.router(far, Router.session("node", "neighbor 198.51.100.11 as 64999", 64501, ""));
    node.apply(
        List.of(peer("router", far.ipv4()).build(), peer("elsewhere", "192.0.2.77").build()),
        List.of());
    eventually(
        () ->
            assertThat(state("router").problem())
                .hasValueSatisfying(p -> assertThat(p).contains("Bad peer AS")));
    assertThat(state("elsewhere").state()).isEqualTo("Idle");
    assertThat(state("elsewhere").problem())
        .contains("192.0.2.77 is in no network of an interface that is up");
  }

  @Test
  void whileBirdIsNotThereItIsSaidAndItBeginsWithWhatWasWritten() throws Exception {
    Router router = lab.router(far, Lab.session(machine, ""));
    node.kill();
    List<BgpPeer> peers = List.of(peer("router", far.ipv4()).build());
    assertThatThrownBy(() -> node.apply(peers, List.of(route(VIP4, "router"))))
        .isInstanceOf(BirdException.class)
        .hasMessageContaining("no answer of BIRD at " + node.folder());
    assertThatThrownBy(() -> node.agent().sessions()).isInstanceOf(BirdException.class);
    node.start();
    eventually(() -> assertThat(router.paths(VIP4)).containsExactly(machine.ipv4()));
    node.apply(peers, List.of(route(VIP4, "router")));
    assertThat(state("router").exported()).hasSize(1);
  }

  @Test
  void aFileThatBirdCannotReadIsReplaced() throws Exception {
    node.kill();
    Files.writeString(node.folder().resolve("bird.conf"), "nonsense");
    node.start();
    assertThat(node.log()).contains("bird.conf:1");
    node.apply(List.of(peer("router", far.ipv4()).build()), List.of());
    assertThat(state("router").state()).isNotEqualTo(SessionState.ABSENT);
  }

  private SessionState state(String peer) throws BirdException {
    return node.sessions().get(peer);
  }
}
