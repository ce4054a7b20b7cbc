// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Icmp;
import io.xdplb.testing.packet.Packet;
import java.nio.ByteBuffer;

/** What the VIP itself answers to a frame, by way of the {@link PacketLab}'s router. */
final class Answers {
  private static final int TCP_HEADER = 20;
  private static final int EXPERIMENTAL = 253;

  private Answers() {}

  private static Frame byTheRouter(Frame answer) {
    return answer.id(0).flowLabel(0).macs(PacketLab.MAC, PacketLab.ROUTER_MAC);
  }

  /** RFC 9293, section 3.10.7.1: what a connection that is not there answers. */
  static Frame reset(Frame segment) {
    Packet packet = Packet.of(segment.bytes());
    byte[] ip = segment.ipPacket();
    int headers = segment.quote(0).length;
    ByteBuffer tcp = ByteBuffer.wrap(ip, headers, TCP_HEADER).slice();
    int flags = packet.tcpFlags();
    boolean acknowledges = (flags & Frame.ACK) != 0;
    int length = ip.length - headers - (tcp.get(12) >> 4 & 0xf) * 4;
    length += (flags & Frame.SYN) != 0 ? 1 : 0;
    length += (flags & Frame.FIN) != 0 ? 1 : 0;
    ByteBuffer reset = ByteBuffer.allocate(TCP_HEADER);
    reset.putShort((short) packet.destinationPort()).putShort((short) packet.sourcePort());
    reset.putInt(acknowledges ? tcp.getInt(8) : 0);
    reset.putInt(acknowledges ? 0 : tcp.getInt(4) + length);
    reset.put((byte) (TCP_HEADER / 4 << 4));
    reset.put((byte) (acknowledges ? Frame.RST : Frame.RST | Frame.ACK));
    reset.putShort((short) 0).putInt(0); // no window
    byte[] addresses = addresses(ip, packet.ipv6());
    reset.putShort(16, (short) checksum(reset.array(), addresses));
    // of no protocol, so that the frame does not add a TCP header of its own
    Frame answer =
        Frame.ip(packet.destination(), packet.source(), EXPERIMENTAL, reset.array())
            .patch(packet.ipv6() ? 6 : 9, Frame.TCP);
    return byTheRouter(packet.ipv6() ? answer : answer.checksumOfPatchedHeader());
  }

  private static byte[] addresses(byte[] ip, boolean ipv6) {
    byte[] addresses = new byte[ipv6 ? 32 : 8];
    System.arraycopy(ip, ipv6 ? 8 : 12, addresses, 0, addresses.length);
    return addresses;
  }

  /** RFC 9293, section 3.1; sums do not care for the order of the addresses. */
  private static int checksum(byte[] tcp, byte[] addresses) {
    long sum = Frame.TCP + tcp.length;
    for (byte[] bytes : new byte[][] {tcp, addresses}) {
      ByteBuffer words = ByteBuffer.wrap(bytes);
      while (words.hasRemaining()) {
        sum += words.getShort() & 0xffff;
      }
    }
    while (sum > 0xffff) {
      sum = (sum & 0xffff) + (sum >> 16);
    }
    return (int) ~sum & 0xffff;
  }

  /** Quotes the IP header and 8 bytes. */
  static Frame portUnreachable(Frame datagram) {
    Packet packet = Packet.of(datagram.bytes());
    return byTheRouter(
        Icmp.portUnreachable(packet.destination(), packet.source(), datagram.quote(8)));
  }

  /**
   * Quotes the IP header and 8 bytes.
   *
   * @param mtu the largest packet that fits
   */
  static Frame tooBig(Frame frame, int mtu) {
    Packet packet = Packet.of(frame.bytes());
    return byTheRouter(Icmp.tooBig(packet.destination(), packet.source(), mtu, frame.quote(8)));
  }
}
