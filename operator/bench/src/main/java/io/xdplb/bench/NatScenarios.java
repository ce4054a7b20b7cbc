// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.xdplb.testing.packet.Frame;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * NAT: 100 VIPs of 100 backends each, a million established connections to the first one. A
 * balancer for either family: both together would want a larger table of flows.
 */
final class NatScenarios {

  private static final int PORT = 80;
  private static final int FIRST_TARGET_PORT = 8000;
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

  /** With backends, and so places in the flow table, of their own. */
  private static final int ESTABLISHED_VIP = 1;

  private static final int NEW_VIP = 2;

  private static final Limit ONE_FLOW = Limit.ofRewrite(2.5);
  private static final Limit MILLION = Limit.ofRewrite(6);
  private static final Limit NOT_OURS = Limit.ofRewrite(0.5);

  private NatScenarios() {}

  static Setting setting(boolean ipv6) {
    List<Traffic> established = new ArrayList<>();
    for (int i = 0; i < HANDSHAKES; i++) {
      established.add(Traffic.flows(syn(ipv6, ESTABLISHED, ESTABLISHED_VIP), MANY));
      established.add(Traffic.answers(answer(ipv6, Frame.SYN | Frame.ACK), MANY));
      established.add(Traffic.flows(ack(ipv6), MANY));
    }
    List<Scenario> scenarios = new ArrayList<>(established(ipv6));
    scenarios.add(datagrams(ipv6));
    scenarios.add(
        Scenario.forwarded(
            id("nat-new", ipv6),
            title("NAT, every packet opens a flow", ipv6),
            Traffic.newFlows(syn(ipv6, NEW, NEW_VIP))));
    scenarios.addAll(notOurs(ipv6));
    return new Setting(
        title("NAT", ipv6), ROOM_FOR_FLOWS, List.of(manifests(ipv6)), established, scenarios);
  }

  private static List<Scenario> notOurs(boolean ipv6) {
    byte[] toBalancer =
        tcp(SpeedHosts.client(ipv6, 1), SpeedHosts.host(ipv6, SpeedHosts.BALANCER)).bytes();
    Scenario packets =
        Scenario.passed(id("pass", ipv6), title("not ours", ipv6), toBalancer).within(NOT_OURS);
    byte[] request =
        Frame.arpRequest(
            SpeedHosts.host(false, SpeedHosts.FIRST_BACKEND),
            SpeedHosts.host(false, SpeedHosts.BALANCER));
    Scenario arp = Scenario.passed("pass-arp", "not ours, ARP", request).within(NOT_OURS);
    return ipv6 ? List.of(packets) : List.of(packets, arp);
  }

  private static List<Scenario> established(boolean ipv6) {
    byte[] answer = answer(ipv6, Frame.ACK);
    return List.of(
        Scenario.forwarded(
                id("nat", ipv6),
                title("NAT, to the backend, 1 flow", ipv6),
                Traffic.flows(ack(ipv6), 1))
            .within(ONE_FLOW),
        Scenario.forwarded(
                id("nat-many", ipv6),
                title("NAT, to the backend, 1 M flows", ipv6),
                Traffic.flows(ack(ipv6), MANY))
            .within(MILLION),
        Scenario.forwarded(
                id("nat-answer", ipv6),
                title("NAT, to the client, 1 flow", ipv6),
                Traffic.answers(answer, 1))
            .after(Traffic.flows(ack(ipv6), 1))
            .within(ONE_FLOW),
        Scenario.forwarded(
                id("nat-answer-many", ipv6),
                title("NAT, to the client, 1 M flows", ipv6),
                Traffic.answers(answer, MANY))
            .after(Traffic.flows(ack(ipv6), MANY))
            .within(MILLION));
  }

  private static Scenario datagrams(boolean ipv6) {
    Traffic traffic =
        Traffic.flows(
            Frame.udp(
                    SpeedHosts.client(ipv6, ESTABLISHED),
                    0,
                    SpeedHosts.vip(ipv6, ESTABLISHED_VIP),
                    PORT)
                .macs(SpeedHosts.mac(SpeedHosts.ROUTER), SpeedHosts.mac(SpeedHosts.BALANCER))
                .payload(new byte[32])
                .bytes(),
            1);
    return Scenario.forwarded(
            id("nat-udp", ipv6), title("NAT, to the backend, UDP, 1 flow", ipv6), traffic)
        .within(ONE_FLOW);
  }

  private static Frame tcp(String from, String to) {
    return Frame.tcp(from, 0, to, PORT)
        .macs(SpeedHosts.mac(SpeedHosts.ROUTER), SpeedHosts.mac(SpeedHosts.BALANCER))
        .tcpOptions(SpeedHosts.TIMESTAMP);
  }

  private static byte[] syn(boolean ipv6, int client, int vip) {
    return tcp(SpeedHosts.client(ipv6, client), SpeedHosts.vip(ipv6, vip)).flags(Frame.SYN).bytes();
  }

  private static byte[] ack(boolean ipv6) {
    return tcp(SpeedHosts.client(ipv6, ESTABLISHED), SpeedHosts.vip(ipv6, ESTABLISHED_VIP)).bytes();
  }

  /** From a backend; which one, and the ports, the tool fills in. */
  private static byte[] answer(boolean ipv6, int flags) {
    return tcp(
            SpeedHosts.host(ipv6, SpeedHosts.FIRST_BACKEND),
            SpeedHosts.host(ipv6, SpeedHosts.BALANCER))
        .macs(SpeedHosts.mac(SpeedHosts.FIRST_BACKEND), SpeedHosts.mac(SpeedHosts.BALANCER))
        .flags(flags)
        .bytes();
  }

  /** One file a VIP, with backends that no other VIP has; the first one has UDP as well. */
  private static Map<String, String> manifests(boolean ipv6) {
    Map<String, String> files = new LinkedHashMap<>();
    List<String> backends =
        IntStream.range(SpeedHosts.FIRST_BACKEND, SpeedHosts.FIRST_BACKEND + SpeedHosts.BACKENDS)
            .mapToObj(host -> SpeedHosts.host(ipv6, host))
            .toList();
    for (int vip = 1; vip <= SpeedHosts.VIPS; vip++) {
      String name = "vip" + vip;
      List<String> protocols = vip == ESTABLISHED_VIP ? List.of("TCP", "UDP") : List.of("TCP");
      files.put(
          name + ".yaml",
          Manifest.loadBalancer(
              name, SpeedHosts.vip(ipv6, vip), protocols, PORT, backends, FIRST_TARGET_PORT + vip));
    }
    return files;
  }

  private static String id(String name, boolean ipv6) {
    return name + (ipv6 ? "-ipv6" : "-ipv4");
  }

  private static String title(String what, boolean ipv6) {
    return what + (ipv6 ? ", IPv6" : ", IPv4");
  }
}
