// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.xdplb.testing.packet.Frame;

/**
 * Packets as the clients of the table of speed send them, to port 80 of a VIP; port 0 is varied.
 */
final class SpeedPackets {

  static final int PORT = 80;

  private SpeedPackets() {}

  /** A segment without data of an established connection. */
  static byte[] ack(boolean ipv6, int client, int vip) {
    return tcp(SpeedHosts.client(ipv6, client), SpeedHosts.vip(ipv6, vip)).bytes();
  }

  static byte[] syn(boolean ipv6, int client, int vip) {
    return tcp(SpeedHosts.client(ipv6, client), SpeedHosts.vip(ipv6, vip)).flags(Frame.SYN).bytes();
  }

  /** As long as a question to a name server. */
  static byte[] datagram(boolean ipv6, int client, int vip) {
    return Frame.udp(SpeedHosts.client(ipv6, client), 0, SpeedHosts.vip(ipv6, vip), PORT)
        .macs(SpeedHosts.mac(SpeedHosts.ROUTER), SpeedHosts.mac(SpeedHosts.BALANCER))
        .payload(new byte[32])
        .bytes();
  }

  /** From a backend; which one, and the ports, the tool fills in. */
  static byte[] answer(boolean ipv6, int flags) {
    return tcp(
            SpeedHosts.host(ipv6, SpeedHosts.FIRST_BACKEND),
            SpeedHosts.host(ipv6, SpeedHosts.BALANCER))
        .macs(SpeedHosts.mac(SpeedHosts.FIRST_BACKEND), SpeedHosts.mac(SpeedHosts.BALANCER))
        .flags(flags)
        .bytes();
  }

  /** From a client to the balancer itself. */
  static byte[] notOurs(boolean ipv6) {
    return tcp(SpeedHosts.client(ipv6, 1), SpeedHosts.host(ipv6, SpeedHosts.BALANCER)).bytes();
  }

  private static Frame tcp(String from, String to) {
    return Frame.tcp(from, 0, to, PORT)
        .macs(SpeedHosts.mac(SpeedHosts.ROUTER), SpeedHosts.mac(SpeedHosts.BALANCER))
        .tcpOptions(SpeedHosts.TIMESTAMP);
  }
}
