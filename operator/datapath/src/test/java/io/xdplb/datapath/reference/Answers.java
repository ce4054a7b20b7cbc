// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.reference.Routes.Hop;
import io.xdplb.datapath.reference.Table.Backend;
import java.nio.ByteBuffer;

/** What is answered in a VIP's name: echo, RST, unreachable, too big. Rows 13, 20, 40, 41, 61. */
final class Answers {
  private static final int TTL = 64;
  private static final int QUOTED = 8;
  private static final int ICMP_HEADER = 8;
  private static final int DONT_FRAGMENT = 0x4000;

  private final Machine machine;

  Answers(Machine machine) {
    this.machine = machine;
  }

  /** As the kernel would send it, or else back to where the packet came from. */
  Outcome send(Arrival arrival, Ip to, byte[] packet) {
    boolean ipv6 = !to.isIpv4();
    if (machine.routes().to(to) instanceof Hop hop) {
      return Outcome.send(
          Plain.between(hop.destinationMac(), hop.sourceMac(), ipv6, packet),
          hop.ifindex(),
          arrival.ifindex());
    }
    Plain frame = arrival.frame();
    return Outcome.send(
        Plain.between(frame.sourceMac(), frame.destinationMac(), ipv6, packet),
        arrival.ifindex(),
        arrival.ifindex());
  }

  Outcome echo(Arrival arrival) {
    IpPacket request = arrival.packet();
    byte[] reply =
        new Rewrite(request)
            .source(request.destination())
            .destination(request.source())
            .ttl(TTL)
            .icmpType(request.ipv6() ? 129 : 0)
            .bytes();
    return send(arrival, request.source(), reply);
  }

  /**
   * Nobody has the packet.
   *
   * @param byPolicy it is for the VIP's policy to say; else only the client's TCP is told
   * @param may what the policy says, and whether the source may know of the VIP at all
   */
  Outcome refuse(Arrival arrival, DropReason reason, boolean byPolicy, boolean may) {
    IpPacket packet = arrival.packet();
    arrival.note("refused:", reason, may ? "and told" : "in silence");
    if (!may || packet.ports() == null || !packet.faults().isEmpty()) {
      return Outcome.drop(reason);
    }
    if (Machine.isBadSource(packet)
        || packet.has(IpPacket.RST)
        || Machine.hasBadFlags(packet)) { // row 10: nobody is told
      return Outcome.drop(reason);
    }
    if (packet.tcp()) {
      return send(arrival, packet.source(), reset(packet)).counted(reason);
    }
    byte[] unreachable =
        byPolicy ? icmp(packet, packet.ipv6() ? 1 : 3, packet.ipv6() ? 4 : 3, 0) : null;
    return unreachable == null
        ? Outcome.drop(reason)
        : send(arrival, packet.source(), unreachable).counted(reason);
  }

  /** What the client's path MTU discovery is told; the packet counts as dropped in any case. */
  Outcome tooBig(Arrival arrival, Backend backend) {
    IpPacket packet = arrival.packet();
    boolean may = packet.ports() != null && packet.dontFragment() && !Machine.isBadSource(packet);
    byte[] message =
        may ? icmp(packet, packet.ipv6() ? 2 : 3, packet.ipv6() ? 0 : 4, backend.mtu) : null;
    return message == null
        ? Outcome.drop(DropReason.TOO_BIG)
        : send(arrival, packet.source(), message).counted(DropReason.TOO_BIG);
  }

  /** RFC 9293, section 3.10.7.1. */
  private static byte[] reset(IpPacket packet) {
    ByteBuffer tcp = ByteBuffer.allocate(IpPacket.TCP_HEADER);
    tcp.putShort((short) packet.ports().destination()).putShort((short) packet.ports().source());
    if (packet.has(IpPacket.ACK)) {
      tcp.putInt(packet.acknowledgement()).putInt(0);
      tcp.put((byte) 0x50).put((byte) IpPacket.RST);
    } else {
      int length =
          packet.length()
              - packet.layer4()
              - packet.tcpHeader()
              + (packet.has(IpPacket.SYN) ? 1 : 0)
              + (packet.has(IpPacket.FIN) ? 1 : 0);
      tcp.putInt(0).putInt(packet.sequence() + length);
      tcp.put((byte) 0x50).put((byte) (IpPacket.RST | IpPacket.ACK));
    }
    return ip(packet, IpPacket.TCP, tcp.array(), 16);
  }

  /** An error about a packet; null if what it quotes would not reach as far as the ports. */
  private static byte[] icmp(IpPacket packet, int type, int code, int word) {
    if (!packet.ipv6() && packet.layer4() != IpPacket.IPV4_HEADER) {
      return null;
    }
    int header = packet.ipv6() ? IpPacket.IPV6_HEADER : IpPacket.IPV4_HEADER;
    ByteBuffer message = ByteBuffer.allocate(ICMP_HEADER + header + QUOTED);
    message.put((byte) type).put((byte) code).putShort((short) 0).putInt(word);
    message.put(packet.bytes(), 0, header + QUOTED);
    return ip(packet, packet.ipv6() ? IpPacket.ICMPV6 : IpPacket.ICMP, message.array(), 2);
  }

  /** From the VIP to the client, with the checksum at an offset of the payload. */
  private static byte[] ip(IpPacket packet, int protocol, byte[] payload, int checksumAt) {
    Ip from = packet.destination();
    Ip to = packet.source();
    int header = packet.ipv6() ? IpPacket.IPV6_HEADER : IpPacket.IPV4_HEADER;
    ByteBuffer out = ByteBuffer.allocate(header + payload.length);
    if (packet.ipv6()) {
      out.putInt(6 << 28).putShort((short) payload.length).put((byte) protocol).put((byte) TTL);
      out.put(from.bytes()).put(to.bytes());
    } else {
      out.putShort((short) 0x4500).putShort((short) out.capacity()).putShort((short) 0);
      out.putShort((short) DONT_FRAGMENT).put((byte) TTL).put((byte) protocol).putShort((short) 0);
      out.put(from.bytes()).put(to.bytes());
      out.putShort(10, (short) Sums.checksum(Sums.RIGHT, Sums.of(out.array(), 0, header)));
    }
    int sum = Sums.of(payload, 0, payload.length);
    if (protocol != IpPacket.ICMP) {
      sum = Sums.add(sum, Sums.pseudoHeader(from, to, payload.length, protocol));
    }
    out.put(payload);
    out.putShort(header + checksumAt, (short) Sums.checksum(Sums.RIGHT, sum));
    return out.array();
  }
}
