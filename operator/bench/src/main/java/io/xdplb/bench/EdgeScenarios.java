// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** DSR as an edge sees it: packets go out in GUE, to a server that runs xdplb itself. */
final class EdgeScenarios {

  static final Optional<String> ENCAPSULATION = Optional.of("GUE");

  private static final int CLIENT = 1;
  private static final int MANY = 1_000_000;

  /** 10 % of the slots of the first VIP move when its last backends go. */
  private static final int BACKENDS_LEFT = SpeedHosts.BACKENDS * 9 / 10;

  private static final String MANY_FLOWS = "edge-many";

  /** "No more than": by as much as two measurements of one thing differ. */
  private static final double NO_MORE = 1.05;

  private EdgeScenarios() {}

  /** At rest. */
  static Setting setting(boolean ipv6) {
    Family family = Family.of(ipv6);
    Limit oneFlow = Limit.ofRewrite(ipv6 ? 1.8 : 1.4);
    byte[] ack = SpeedPackets.ack(ipv6, CLIENT, SpeedManifests.FIRST_VIP);
    byte[] syn = SpeedPackets.syn(ipv6, CLIENT, SpeedManifests.FIRST_VIP);
    byte[] datagram = SpeedPackets.datagram(ipv6, CLIENT, SpeedManifests.FIRST_VIP);
    return new Setting(
        family.title("DSR, edge"),
        List.of(SpeedHosts.BALANCER),
        List.of(),
        List.of(SpeedManifests.all(ipv6, ENCAPSULATION)),
        List.of(),
        List.of(
            row(family, "edge", "TCP, 1 flow", Traffic.flows(ack, 1)).within(oneFlow),
            row(family, "edge-udp", "UDP, 1 flow", Traffic.flows(datagram, 1)).within(oneFlow),
            row(family, MANY_FLOWS, "1 M flows to one VIP", Traffic.flows(ack, MANY))
                .within(Limit.ofRewrite(ipv6 ? 2.5 : 2)),
            row(
                    family,
                    "edge-spread",
                    "1 M flows to 100 VIPs",
                    Traffic.flows(ack, MANY).over(SpeedHosts.VIPS))
                .within(Limit.ofRewrite(3)),
            row(family, "edge-flood", "SYN flood", Traffic.newFlows(syn))
                .within(Limit.of(family.id(MANY_FLOWS), NO_MORE))));
  }

  /** While slots of the first VIP move. */
  static Setting moving(boolean ipv6) {
    Family family = Family.of(ipv6);
    Map<String, String> fewer =
        SpeedManifests.one(ipv6, SpeedManifests.FIRST_VIP, BACKENDS_LEFT, ENCAPSULATION);
    byte[] ack = SpeedPackets.ack(ipv6, CLIENT, SpeedManifests.FIRST_VIP);
    return new Setting(
        family.title("DSR, edge, slots that move"),
        List.of(SpeedHosts.BALANCER),
        List.of(),
        List.of(SpeedManifests.all(ipv6, ENCAPSULATION), fewer),
        List.of(),
        List.of(
            row(
                    family,
                    "edge-moving",
                    "1 M flows, 10 % of the slots are moving",
                    Traffic.flows(ack, MANY))
                .within(Limit.of(family.id(MANY_FLOWS), 1.5))));
  }

  private static Scenario row(Family family, String id, String title, Traffic traffic) {
    return Scenario.forwarded(family.id(id), family.title("DSR edge, " + title), traffic);
  }
}
