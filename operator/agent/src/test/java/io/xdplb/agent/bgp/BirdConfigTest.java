// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import static io.xdplb.agent.bgp.NodeBird.route;
import static io.xdplb.agent.bgp.PeerBuilder.peer;
import static io.xdplb.agent.bgp.PeerBuilder.peerOn;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.xdplb.core.model.Ip;
import io.xdplb.testing.Checkout;
import io.xdplb.testing.kernel.Command;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The text, and what its parts refuse. */
class BirdConfigTest {

  private static final Ip ROUTER_ID = Ip.parse("198.51.100.11");

  @TempDir private Path folder;

  @Test
  void theTextIsThis() {
    BirdConfig config =
        BirdConfig.of(
            settings(
                peer("tor-1", "198.51.100.1")
                    .source("198.51.100.11")
                    .gracefulRestart(60)
                    .password("secret")
                    .build()),
            List.of(
                new BgpRoute(
                    Ip.parse("203.0.113.1"),
                    Set.of("tor-1", "elsewhere"),
                    Set.of("64512:100", "64512:1:2"),
                    OptionalLong.of(200)),
                route("2001:db8::1", "tor-1"),
                route("203.0.113.2", "elsewhere")),
            Optional.empty());
    assertThat(config.text())
        .isEqualTo(
            """
            # Written by the agent of xdplb, which replaces it.
            log stderr all;
            debug protocols { states };
            timeformat protocol "%s.%f";
            router id 198.51.100.11;
            protocol device {}
            graceful restart wait 5;
            protocol bfd {}
            ipv4 table '4.tor-1';
            protocol static 'static.4.tor-1' {
              ipv4 { table '4.tor-1'; };
              route 203.0.113.1/32 blackhole { bgp_large_community.add((64512,1,2));\
             bgp_community.add((64512,100)); bgp_local_pref = 200; };
            }
            ipv6 table '6.tor-1';
            protocol static 'static.6.tor-1' {
              ipv6 { table '6.tor-1'; };
              route 2001:db8::1/128 blackhole;
            }
            protocol bgp 'bgp.tor-1' {
              local 198.51.100.11 port 10179 as 64500;
              neighbor 198.51.100.1 port 179 as 64501;
              direct;
              password "secret";
              hold time 90; keepalive time 30;
              connect delay time 1; connect retry time 2; error wait time 1, 2;
              bfd { min tx interval 100 ms; min rx interval 100 ms; multiplier 3; };
              graceful restart on; graceful restart time 60;
              ipv4 { table '4.tor-1'; import none; export all; };
              ipv6 { table '6.tor-1'; import none; export all; };
            }
            define xdplb_configuration = "%s";
            """
                .replace("%s\";\n", config.id() + "\";\n"));
    assertThat(config.toString()).doesNotContain("secret");
  }

  @Test
  void theOrderOfPeersAndRoutesDoesNotMatter() {
    List<BgpPeer> peers =
        List.of(peer("a", "198.51.100.1").build(), peer("b", "198.51.100.2").build());
    List<BgpRoute> routes =
        IntStream.range(0, 20).mapToObj(i -> route("203.0.113." + i, "a", "b")).toList();
    BirdConfig config =
        BirdConfig.of(new BgpSettings(ROUTER_ID, 10179, peers), routes, Optional.empty());
    List<BgpPeer> otherPeers = new ArrayList<>(peers);
    List<BgpRoute> otherRoutes = new ArrayList<>(routes);
    Collections.reverse(otherPeers);
    Collections.reverse(otherRoutes);
    assertThat(
            BirdConfig.of(
                new BgpSettings(ROUTER_ID, 10179, otherPeers), otherRoutes, Optional.empty()))
        .isEqualTo(config);
    assertThat(BirdConfig.of(new BgpSettings(ROUTER_ID, 10179, peers), List.of(), Optional.empty()))
        .extracting(BirdConfig::id)
        .isNotEqualTo(config.id());
  }

  @Test
  void birdTakesAllThatTheRecordsTake() throws Exception {
    String longest = "x".repeat(253);
    BgpSettings settings =
        settings(
            peer("bfd", "198.51.100.1").build(),
            peer("7", "2001:db8::7").asns(4294967294L, 4294967294L).build(),
            peer("a.b-c.d", "fe80::1").on("eth0.100@x:y+z").build(),
            peer(longest, "198.51.100.3").password("~ !#$%&'()*+,-./\\;:{}[]").build(),
            peer("x".repeat(252) + "y", "198.51.100.4").multihop(255).withoutBfd().build(),
            peerOn("any", "eth1").build(),
            peerOn("x".repeat(251) + "yz", "br-0123456789ab").gracefulRestart(4095).build());
    List<String> names = settings.peers().stream().map(BgpPeer::name).toList();
    BgpRoute route =
        new BgpRoute(
            Ip.parse("203.0.113.1"),
            Set.copyOf(names),
            Set.of(
                "no-export",
                "no-advertise",
                "no-export-subconfed",
                "no-peer",
                "graceful-shutdown",
                "blackhole",
                "0:0",
                "65535:65535",
                "4294967295:0:4294967295"),
            OptionalLong.of(0xffff_ffffL));
    Optional<Path> log = Optional.of(folder.resolve("a log"));
    BirdConfig config =
        BirdConfig.of(
            settings, List.of(route, route("2001:db8::1", names.toArray(String[]::new))), log);
    Path file = folder.resolve("bird.conf");
    for (BirdConfig each : List.of(config, BirdConfig.empty(log))) {
      Files.writeString(file, each.text());
      Command.run(List.of("bird", "-p", "-c", file.toString()));
    }
    assertThat(names.stream().map(BirdConfig::protocol)).doesNotHaveDuplicates();
    assertThat(names)
        .allSatisfy(name -> assertThat(BirdConfig.protocol(name).length()).isLessThan(48));
  }

  @Test
  void birdTakesTheRouterOfTheDocumentation() throws Exception {
    String text = Files.readString(Checkout.path("docs/bgp.md"));
    String router = text.split("BIRD 2:\n\n```\n")[1].split("```")[0];
    Path file = folder.resolve("bird.conf");
    Files.writeString(file, "router id 198.51.100.1;\n" + router);
    Command.run(List.of("bird", "-p", "-c", file.toString()));
  }

  @Test
  void twoRoutesToOneAddressForOnePeerAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                BirdConfig.of(
                    settings(peer("a", "198.51.100.1").build()),
                    List.of(
                        route("203.0.113.1", "a"),
                        new BgpRoute(
                            Ip.parse("203.0.113.1"),
                            Set.of("a"),
                            Set.of("1:1"),
                            OptionalLong.empty())),
                    Optional.empty()))
        .withMessage("two BGP routes to 203.0.113.1 are for the peer a: it can have one");
  }

  @Test
  void whatNeverWorksIsRefusedWithThePeersName() {
    refused(() -> peer("A", "198.51.100.1").build(), "\"A\" cannot be a BGP peer's name");
    refused(() -> peer("a", "0.0.0.0").build(), "BGP peer a: 0.0.0.0 is no address of a single");
    refused(() -> peer("a", "224.0.0.1").build(), "no address of a single machine");
    refused(() -> peer("a", "ff02::1").build(), "no address of a single machine");
    refused(() -> peer("a", "fe80::1").build(), "fe80::1 is link-local: it needs an interface");
    refused(() -> peer("a", "2001:db8::1").on("eth0").build(), "eth0 must be left out");
    refused(() -> peer("a", "fe80::1").on("eth0").multihop(2).build(), "several hops away");
    refused(() -> peerOn("a", "eth*").build(), "\"eth*\" is no interface");
    refused(() -> peer("a", "198.51.100.1").asns(0, 1).build(), "the peer's AS number is 0");
    refused(() -> peer("a", "198.51.100.1").asns(1, 23456).build(), "local AS number is 23456");
    refused(() -> peer("a", "198.51.100.1").holdTime(2).build(), "hold time in seconds is 2");
    refused(() -> peer("a", "198.51.100.1").gracefulRestart(0).build(), "restart time");
    refused(() -> peer("a", "198.51.100.1").source("2001:db8::1").build(), "same family");
    refused(() -> peer("a", "198.51.100.1").multihop(2).build(), "source address must be given");
    refused(() -> peer("a", "198.51.100.1").password("").build(), "0 characters");
    refused(() -> peer("a", "198.51.100.1").password("x".repeat(81)).build(), "81 characters");
    refused(() -> peer("a", "198.51.100.1").password("a\"b").build(), "double quote");
    refused(() -> peer("a", "198.51.100.1").password("secret\n").build(), "end in a new line");
    refused(
        () -> new BgpPeer.Bfd(Duration.ofMillis(9), Duration.ofMillis(100), 3),
        "BFD's interval for sending in milliseconds is 9: it must be 10 to 60000");
  }

  @Test
  void aPasswordIsInNoMessage() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> peer("a", "198.51.100.1").password("hidden\"").build())
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("hidden"));
    assertThat(peer("a", "198.51.100.1").password("hidden").build().toString())
        .doesNotContain("hidden");
  }

  @Test
  void whatNeverWorksTogetherIsRefused() {
    refused(() -> new BgpSettings(Ip.parse("2001:db8::1"), 10179, List.of()), "is no IPv4 address");
    refused(() -> new BgpSettings(ROUTER_ID, 0, List.of()), "the listen port is 0");
    refused(
        () -> settings(peer("a", "198.51.100.1").build(), peer("a", "198.51.100.2").build()),
        "two BGP peers are named a");
    refused(
        () -> settings(peer("a", "198.51.100.1").build(), peer("b", "198.51.100.1").build()),
        "the BGP peers a and b are both 198.51.100.1");
    refused(
        () -> settings(peerOn("a", "eth0").build(), peerOn("b", "eth0").build()),
        "both any router on eth0");
  }

  @Test
  void whatIsNoCommunityIsRefusedWithTheAddress() {
    for (String community : List.of("65536:1", "1", "1:2:3:4", "internet", "4294967296:1:1", "")) {
      refused(
          () ->
              new BgpRoute(
                  Ip.parse("203.0.113.1"), Set.of(), Set.of(community), OptionalLong.empty()),
          "BGP route to 203.0.113.1: ");
    }
  }

  private static BgpSettings settings(BgpPeer... peers) {
    return new BgpSettings(ROUTER_ID, BgpSettings.DEFAULT_LISTEN_PORT, List.of(peers));
  }

  private static void refused(Runnable attempt, String message) {
    assertThatIllegalArgumentException().isThrownBy(attempt::run).withMessageContaining(message);
  }
}
