// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.announce.Hello;
import io.xdplb.core.announce.SipHash;
import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.XdpAction;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * What this machine answers on its LANs: ARP requests, neighbour solicitations, and hellos. The
 * rules are those of docs/announcing.md, RFC 826, 4861 and 5227.
 */
final class Announcing {
  static final int HELLO_PORT = Table.TUNNEL_PORT - 1;
  static final int OWN_SLOT = 3;
  static final int PEER_SLOT = 9;
  static final long INSTANCE = 0x0123_4567_89ab_cdefL;
  static final long FENCE = 480;
  static final long RUN = 0x7777_0000_1111L;
  static final long APPLIED = 100;
  static final SipHash TAGS = new SipHash(0x0706_0504_0302_0100L, 0x0f0e_0d0c_0b0a_0908L);

  /** The only tag that frames of a LAN have. */
  static final int VLAN = 100;

  /** LAN ports: eth0 without a tag and with one, eth1 without. */
  static final int PORTS = 3;

  private static final int NO_LAN = -1;
  private static final int ETHERNET = 14;
  private static final int ARP_TYPE = 0x0806;
  private static final int ARP_LENGTH = 28;
  private static final byte[] ARP_REQUEST = {0, 1, 8, 0, 6, 4, 0, 1};
  private static final int SOLICITATION = 135;
  private static final int SOLICITATION_LENGTH = 24;
  private static final int MOST = 128;
  private static final int ADVERTISEMENT_LENGTH = 32;
  private static final int HOP_LIMIT = 255;
  private static final byte[] ALL_NODES_MAC = {0x33, 0x33, 0, 0, 0, 1};
  private static final Ip ALL_NODES = Ip.parse("ff02::1");
  private static final Ip UNSPECIFIED = Ip.parse("::");
  private static final byte[] HELLO = {'x', 'd', 'p', 'H', 1, 1};

  /**
   * A claim.
   *
   * @param enough whether its votes are
   * @param ports a bit for each LAN port
   */
  record Claim(boolean enough, int ports) {}

  /** In the order of the datapath's counters. */
  enum Count {
    HELLOS_TAKEN,
    HELLOS_REFUSED,
    HELLOS_BAD,
    ARP_ANSWERED,
    ARP_WITHHELD,
    NDP_ANSWERED,
    NDP_WITHHELD
  }

  final Map<Ip, Claim> claims = new HashMap<>();
  final long[] counts = new long[Count.values().length];

  /** Of {@link #PEER_SLOT}. */
  long until;

  long epoch;

  private final int[] links;
  private final byte[][] macs;

  /**
   * @param links the two interfaces
   * @param macs what is answered on the LAN ports
   */
  Announcing(int[] links, byte[][] macs) {
    this.links = links;
    this.macs = macs;
  }

  /** Other addresses are claimed, or by others. */
  void change(Set<Ip> addresses, Random random) {
    claims.clear();
    for (Ip address : addresses) {
      if (random.nextInt(4) > 0) {
        boolean everywhere = random.nextBoolean();
        int ports = everywhere ? (1 << PORTS) - 1 : random.nextInt(1 << PORTS);
        claims.put(address, new Claim(random.nextInt(4) > 0, ports));
      }
    }
  }

  /** The LAN that a frame with these tags is of. */
  static int vlan(byte[] frame, int tags) {
    if (tags == 0) {
      return 0;
    }
    return tags == 4 && IpPacket.word(frame, 12) == 0x8100
        ? IpPacket.word(frame, 14) & 0xfff
        : NO_LAN;
  }

  private int port(int ifindex, int vlan) {
    if (ifindex == links[1]) {
      return vlan == 0 ? 2 : -1;
    }
    return vlan == 0 ? 0 : vlan == VLAN ? 1 : -1;
  }

  /** What is done with a question for an address; PASS if nobody here is asked. */
  private XdpAction verdict(Ip address, int port) {
    Claim claim = claims.get(address);
    if (claim == null || (claim.ports >> port & 1) == 0) {
      return XdpAction.PASS;
    }
    return claim.enough ? XdpAction.TX : XdpAction.DROP;
  }

  private void count(Count what) {
    counts[what.ordinal()]++;
  }

  private boolean isForUs(byte[] destinationMac, byte[] sourceMac, int port) {
    return (sourceMac[0] & 1) == 0
        && ((destinationMac[0] & 1) != 0 || Arrays.equals(destinationMac, macs[port]));
  }

  // ---- ARP

  /**
   * What becomes of a frame that may be an ARP request, in place; null if it passes.
   *
   * @param tagged the frame as it came; changed if it is answered
   */
  XdpAction arp(byte[] tagged, int ifindex) {
    int tags = 0;
    if (tagged.length >= ETHERNET && IpPacket.word(tagged, 12) == 0x8100) {
      tags = 4;
    }
    int arp = ETHERNET + tags;
    if (tagged.length < arp + ARP_LENGTH || IpPacket.word(tagged, arp - 2) != ARP_TYPE) {
      return null;
    }
    int port = port(ifindex, vlan(tagged, tags));
    byte[] requesterMac = Arrays.copyOfRange(tagged, 6, 12);
    byte[] sender = Arrays.copyOfRange(tagged, arp + 14, arp + 18);
    byte[] target = Arrays.copyOfRange(tagged, arp + 24, arp + 28);
    if (!Arrays.equals(Arrays.copyOfRange(tagged, arp, arp + 8), ARP_REQUEST)
        || port < 0
        || !isForUs(Arrays.copyOf(tagged, 6), requesterMac, port)
        || Arrays.equals(sender, target)) {
      return null;
    }
    XdpAction verdict = verdict(Ip.ofBytes(target), port);
    if (verdict == XdpAction.PASS) {
      return null;
    }
    count(verdict == XdpAction.TX ? Count.ARP_ANSWERED : Count.ARP_WITHHELD);
    if (verdict == XdpAction.TX) {
      byte[] hardware = Arrays.copyOfRange(tagged, arp + 8, arp + 14);
      ByteBuffer answer = ByteBuffer.wrap(tagged);
      answer.put(0, requesterMac).put(6, macs[port]).put(arp + 7, (byte) 2);
      answer.put(arp + 8, macs[port]).put(arp + 14, target);
      answer.put(arp + 18, hardware).put(arp + 24, sender);
    }
    return verdict;
  }

  // ---- neighbour discovery

  /** Where neighbours ask for an address. */
  static Ip solicitedNode(Ip address) {
    byte[] group = Ip.parse("ff02::1:ff00:0").bytes();
    System.arraycopy(address.bytes(), 13, group, 13, 3);
    return Ip.ofBytes(group);
  }

  /**
   * What becomes of what may be a solicitation; null if it is none that anybody here is asked by.
   */
  Outcome solicitation(Arrival arrival) {
    IpPacket packet = arrival.packet();
    byte[] bytes = packet.bytes();
    int at = IpPacket.IPV6_HEADER;
    int length = packet.length() - at;
    if (!packet.ipv6()
        || !packet.faults().isEmpty()
        || packet.extensions() > 0
        || packet.protocol() != IpPacket.ICMPV6
        || packet.ttl() != HOP_LIMIT
        || length < SOLICITATION_LENGTH
        || length > MOST
        || bytes[at] != (byte) SOLICITATION
        || bytes[at + 1] != 0) {
      return null;
    }
    Ip target = Ip.ofBytes(Arrays.copyOfRange(bytes, at + 8, at + 24));
    boolean toGroup = packet.destination().equals(solicitedNode(target));
    boolean toTarget = packet.destination().equals(target) && !arrival.frame().toGroup();
    boolean noAddress = packet.source().equals(UNSPECIFIED);
    boolean hasMac = false;
    for (int option = at + SOLICITATION_LENGTH; option < packet.length(); ) {
      int size = option + 1 < packet.length() ? (bytes[option + 1] & 0xff) * 8 : 0;
      if (size == 0 || option + size > packet.length()) {
        return null;
      }
      hasMac |= bytes[option] == 1;
      option += size;
    }
    int port = port(arrival.ifindex(), arrival.vlan());
    if (!toGroup && !toTarget
        || noAddress && (toTarget && !toGroup || hasMac)
        || packet.source().bytes()[0] == -1
        || packet.source().equals(target)
        || checksum(packet.source(), packet.destination(), bytes, at, length) != Sums.RIGHT
        || port < 0
        || !isForUs(arrival.frame().destinationMac(), arrival.frame().sourceMac(), port)) {
      return null;
    }
    XdpAction verdict = verdict(target, port);
    if (verdict == XdpAction.PASS) {
      return null;
    }
    count(verdict == XdpAction.TX ? Count.NDP_ANSWERED : Count.NDP_WITHHELD);
    if (verdict == XdpAction.DROP) {
      return new Outcome(XdpAction.DROP, null, Set.of());
    }
    byte[] to = noAddress ? ALL_NODES_MAC : arrival.frame().sourceMac();
    byte[] answer = advertisement(target, noAddress ? ALL_NODES : packet.source(), macs[port]);
    return new Outcome(XdpAction.TX, Plain.between(to, macs[port], true, answer), Set.of());
  }

  private static int checksum(Ip source, Ip destination, byte[] bytes, int at, int length) {
    return Sums.add(
        Sums.pseudoHeader(source, destination, length, IpPacket.ICMPV6),
        Sums.of(bytes, at, at + length));
  }

  private static byte[] advertisement(Ip target, Ip to, byte[] mac) {
    ByteBuffer out = ByteBuffer.allocate(IpPacket.IPV6_HEADER + ADVERTISEMENT_LENGTH);
    out.putInt(6 << 28).putShort((short) ADVERTISEMENT_LENGTH);
    out.put((byte) IpPacket.ICMPV6).put((byte) HOP_LIMIT).put(target.bytes()).put(to.bytes());
    int at = out.position();
    out.put((byte) (SOLICITATION + 1)).put((byte) 0).putShort((short) 0);
    out.put((byte) (to.equals(ALL_NODES) ? 0x20 : 0x60)).put(new byte[3]).put(target.bytes());
    out.put(new byte[] {2, 1}).put(mac);
    int rest = checksum(target, to, out.array(), at, ADVERTISEMENT_LENGTH);
    return out.putShort(at + 2, (short) Sums.checksum(Sums.RIGHT, rest)).array();
  }

  // ---- hellos

  /** What becomes of a packet to one of our addresses that may be a hello; null if it is none. */
  Outcome hello(Arrival arrival) {
    IpPacket packet = arrival.packet();
    int ipHeader = packet.ipv6() ? IpPacket.IPV6_HEADER : IpPacket.IPV4_HEADER;
    int at = ipHeader + IpPacket.UDP_HEADER;
    byte[] bytes = packet.bytes();
    if (!packet.udp()
        || packet.ports() == null
        || packet.ports().destination() != HELLO_PORT
        || packet.layer4() != ipHeader) {
      return null;
    }
    int length = IpPacket.word(bytes, ipHeader + 4) - IpPacket.UDP_HEADER;
    if (length < 8 || !Arrays.equals(Arrays.copyOfRange(bytes, at, at + HELLO.length), HELLO)) {
      return null;
    }
    byte[] payload = Arrays.copyOfRange(bytes, at, at + length);
    int from = payload[6] & 0xff;
    if (length != Hello.LENGTH
        || from >= 63
        || payload[7] != OWN_SLOT
        || tag(payload) != TAGS.tag(payload, 0, Hello.LENGTH - 8)) {
      count(Count.HELLOS_BAD);
      return new Outcome(XdpAction.DROP, null, Set.of());
    }
    Hello hello = Hello.decode(payload);
    boolean taken =
        hello.instance() == INSTANCE
            && hello.run() == (from == PEER_SLOT ? RUN : 0)
            && hello.withdrawn() <= (from == PEER_SLOT ? APPLIED : 0);
    count(taken ? Count.HELLOS_TAKEN : Count.HELLOS_REFUSED);
    if (taken && from == PEER_SLOT) {
      epoch = Math.max(epoch, hello.epoch());
      until = Math.max(until, hello.seen() + FENCE);
    }
    return new Outcome(XdpAction.TX, reflected(arrival, hello, at), Set.of());
  }

  private static long tag(byte[] payload) {
    return ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN).getLong(Hello.LENGTH - 8);
  }

  /** The time in it is the datapath's own. */
  private static Plain reflected(Arrival arrival, Hello hello, int at) {
    IpPacket packet = arrival.packet();
    byte[] out = packet.bytes().clone();
    int seen = Plain.MACS + arrival.tags() + 2 + at + Hello.LENGTH - 16;
    long now =
        arrival.emitted().length < seen + 8
            ? 0
            : ByteBuffer.wrap(arrival.emitted()).order(ByteOrder.LITTLE_ENDIAN).getLong(seen);
    byte[] payload = hello.reflect(INSTANCE, now).encode();
    long tag = TAGS.tag(payload, 0, Hello.LENGTH - 8);
    ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN).putLong(Hello.LENGTH - 8, tag);
    int size = packet.ipv6() ? 16 : 4;
    int addresses = packet.ipv6() ? 8 : 12;
    int udp = at - IpPacket.UDP_HEADER;
    int length = IpPacket.UDP_HEADER + Hello.LENGTH;
    ByteBuffer.wrap(out)
        .put(addresses, packet.destination().bytes())
        .put(addresses + size, packet.source().bytes())
        .putShort(udp, (short) packet.ports().destination())
        .putShort(udp + 2, (short) packet.ports().source())
        .putShort(udp + 6, (short) 0)
        .put(at, payload);
    int rest =
        Sums.add(
            Sums.pseudoHeader(packet.destination(), packet.source(), length, IpPacket.UDP),
            Sums.of(out, udp, udp + length));
    ByteBuffer.wrap(out).putShort(udp + 6, (short) Sums.udpChecksum(Sums.RIGHT, rest));
    return Plain.between(
        arrival.frame().sourceMac(), arrival.frame().destinationMac(), packet.ipv6(), out);
  }

  @Override
  public String toString() {
    return claims + " MACs " + Arrays.stream(macs).map(HexFormat.of()::formatHex).toList();
  }
}
