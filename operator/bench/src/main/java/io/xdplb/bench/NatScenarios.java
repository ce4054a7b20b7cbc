// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.xdplb.testing.packet.Frame;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * NAT: a million established connections to the first VIP. A balancer for either family: both
 * together would want a larger table of flows.
 */
final class NatScenarios {

  private static final int MANY = 1_000_000;

  /**
   * A backend's flows have their places where its 20,000 ports are; where the ports of several
   * meet, a table of four times the flows is too full for one flow in a hundred.
   */
  private static final List<String> ROOM_FOR_FLOWS = List.of("--max-flows", "" + (8 << 20));

  /**
   * So often all connections are opened: a million at once look like a flood, in which some push
   * others out that are not yet confirmed.
   */
  private static final int HANDSHAKES = 3;

  /** Where the clients of a scenario begin, 64 of them: nobody else's flows are in their way. */
  private static final int ESTABLISHED = 1;

  private static final int NEW = 129;

  /** With backends, and so places in the flow table, of its own. */
  private static final int NEW_VIP = SpeedManifests.FIRST_VIP + 1;

  private static final Limit ONE_FLOW = Limit.ofRewrite(2.5);
  private static final Limit MILLION = Limit.ofRewrite(6);
  private static final Limit NOT_OURS = Limit.ofRewrite(0.5);

  private NatScenarios() {}

  static Setting setting(boolean ipv6) {
    byte[] syn = SpeedPackets.syn(ipv6, ESTABLISHED, SpeedManifests.FIRST_VIP);
    byte[] accepted = SpeedPackets.answer(ipv6, Frame.SYN | Frame.ACK);
    List<Traffic> established = new ArrayList<>();
    for (int i = 0; i < HANDSHAKES; i++) {
      established.add(Traffic.flows(syn, MANY));
      established.add(Traffic.answers(accepted, MANY));
      established.add(Traffic.flows(ack(ipv6), MANY));
    }
    List<Scenario> scenarios = new ArrayList<>(established(ipv6));
    byte[] datagram = SpeedPackets.datagram(ipv6, ESTABLISHED, SpeedManifests.FIRST_VIP);
    Family family = Family.of(ipv6);
    scenarios.add(
        Scenario.forwarded(
                family.id("nat-udp"),
                family.title("NAT, to the backend, UDP, 1 flow"),
                Traffic.flows(datagram, 1))
            .within(ONE_FLOW));
    scenarios.add(
        Scenario.forwarded(
            family.id("nat-new"),
            family.title("NAT, every packet opens a flow"),
            Traffic.newFlows(SpeedPackets.syn(ipv6, NEW, NEW_VIP))));
    scenarios.addAll(notOurs(ipv6));
    return new Setting(
        family.title("NAT"),
        List.of(SpeedHosts.BALANCER),
        ROOM_FOR_FLOWS,
        List.of(SpeedManifests.all(ipv6, Optional.empty())),
        established,
        scenarios);
  }

  private static byte[] ack(boolean ipv6) {
    return SpeedPackets.ack(ipv6, ESTABLISHED, SpeedManifests.FIRST_VIP);
  }

  private static List<Scenario> established(boolean ipv6) {
    Family family = Family.of(ipv6);
    byte[] answer = SpeedPackets.answer(ipv6, Frame.ACK);
    return List.of(
        Scenario.forwarded(
                family.id("nat"),
                family.title("NAT, to the backend, 1 flow"),
                Traffic.flows(ack(ipv6), 1))
            .within(ONE_FLOW),
        Scenario.forwarded(
                family.id("nat-many"),
                family.title("NAT, to the backend, 1 M flows"),
                Traffic.flows(ack(ipv6), MANY))
            .within(MILLION),
        Scenario.forwarded(
                family.id("nat-answer"),
                family.title("NAT, to the client, 1 flow"),
                Traffic.answers(answer, 1))
            .after(Traffic.flows(ack(ipv6), 1))
            .within(ONE_FLOW),
        Scenario.forwarded(
                family.id("nat-answer-many"),
                family.title("NAT, to the client, 1 M flows"),
                Traffic.answers(answer, MANY))
            .after(Traffic.flows(ack(ipv6), MANY))
            .within(MILLION));
  }

  private static List<Scenario> notOurs(boolean ipv6) {
    Family family = Family.of(ipv6);
    Scenario packets =
        Scenario.passed(family.id("pass"), family.title("not ours"), SpeedPackets.notOurs(ipv6))
            .within(NOT_OURS);
    byte[] request =
        Frame.arpRequest(
            SpeedHosts.host(false, SpeedHosts.FIRST_BACKEND),
            SpeedHosts.host(false, SpeedHosts.BALANCER));
    Scenario arp = Scenario.passed("pass-arp", "not ours, ARP", request).within(NOT_OURS);
    return ipv6 ? List.of(packets) : List.of(packets, arp);
  }
}
