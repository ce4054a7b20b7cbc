// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.announce.Hello;
import io.xdplb.core.announce.Output;
import io.xdplb.core.announce.SipHash;
import io.xdplb.core.model.Ip;
import io.xdplb.testing.packet.Frame;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;

/**
 * What neighbours ask on a LAN and are answered, each frame to the last byte; and agents' hellos.
 */
final class Lan {
  static final byte[] KEY = "sixteen bytes of".getBytes(StandardCharsets.US_ASCII);
  static final SipHash TAGS = SipHash.of(KEY);
  static final long FENCE = 480;

  /** Our slot. */
  static final int SLOT = 3;

  /** What is answered, which need not be the interface's own. */
  static final String PORT_MAC = "02:00:00:00:00:01";

  static final String ASKER = "02:00:00:00:00:0a";
  static final String EVERYBODY = "ff:ff:ff:ff:ff:ff";
  static final int REQUEST = 1;
  static final int REPLY = 2;

  private static final int ARP = 0x0806;
  private static final int SOLICITATION = 135;
  private static final int ADVERTISEMENT = 136;
  private static final int SOLICITED = 0x4000_0000;
  private static final int OVERRIDE = 0x2000_0000;

  private Lan() {}

  /** Milliseconds of the datapath's clock. */
  static long now() {
    return System.nanoTime() / 1_000_000;
  }

  static byte[] mac(String text) {
    return HexFormat.ofDelimiter(":").parseHex(text);
  }

  static byte[] address(String text) {
    try {
      return InetAddress.getByName(text).getAddress();
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(text, e);
    }
  }

  // ---- ARP

  static byte[] arp(
      String ethernetTo,
      String ethernetFrom,
      int operation,
      String senderMac,
      String sender,
      String targetMac,
      String target) {
    ByteBuffer arp = ByteBuffer.allocate(28);
    arp.putShort((short) 1).putShort((short) 0x0800).put((byte) 6).put((byte) 4);
    arp.putShort((short) operation);
    arp.put(mac(senderMac)).put(address(sender)).put(mac(targetMac)).put(address(target));
    return Frame.ethernet(ethernetTo, ethernetFrom, ARP, arp.array());
  }

  /** Who has {@code target}? */
  static byte[] request(String sender, String target) {
    return arp(EVERYBODY, ASKER, REQUEST, ASKER, sender, "00:00:00:00:00:00", target);
  }

  /** The answer to that. */
  static byte[] reply(String sender, String target) {
    return arp(ASKER, PORT_MAC, REPLY, PORT_MAC, target, ASKER, sender);
  }

  // ---- neighbour discovery

  /** ff02::1:ff00:0/104 and the address' last three bytes. */
  static String solicitedNode(String target) {
    byte[] bytes = address(target);
    return "ff02:0:0:0:0:1:ff%02x:%02x%02x".formatted(bytes[13], bytes[14], bytes[15]);
  }

  static String multicastMac(String group) {
    byte[] bytes = address(group);
    return "33:33:%02x:%02x:%02x:%02x".formatted(bytes[12], bytes[13], bytes[14], bytes[15]);
  }

  static byte[] option(int type, String mac) {
    return ByteBuffer.allocate(8).put((byte) type).put((byte) 1).put(mac(mac)).array();
  }

  static byte[] none() {
    return new byte[0];
  }

  /** Who has {@code target}? Sent to some address, with some options. */
  static Frame solicitation(String source, String to, String target, byte[] options) {
    ByteBuffer rest = ByteBuffer.allocate(20 + options.length);
    rest.putInt(0).put(address(target)).put(options);
    String mac = to.startsWith("ff") ? multicastMac(to) : PORT_MAC;
    return Frame.icmp(source, to, SOLICITATION, 0, rest.array()).ttl(255).macs(ASKER, mac);
  }

  /** As hosts ask for an address whose MAC address they do not know. */
  static Frame solicitation(String source, String target) {
    return solicitation(source, solicitedNode(target), target, option(1, ASKER));
  }

  /** The answer to a host that has an address. */
  static Frame advertisement(String target, String to) {
    return advertisement(target, to, ASKER, SOLICITED | OVERRIDE);
  }

  /** The answer to one that wants to know whether it may have the address. */
  static Frame advertisementToAll(String target) {
    return advertisement(target, "ff02:0:0:0:0:0:0:1", "33:33:00:00:00:01", OVERRIDE);
  }

  private static Frame advertisement(String target, String to, String mac, int flags) {
    ByteBuffer rest = ByteBuffer.allocate(28);
    rest.putInt(flags).put(address(target)).put(option(2, PORT_MAC));
    return Frame.icmp(target, to, ADVERTISEMENT, 0, rest.array())
        .ttl(255)
        .flowLabel(0)
        .macs(PORT_MAC, mac);
  }

  // ---- hellos

  /** With its tag. */
  static byte[] tagged(byte[] hello) {
    ByteBuffer.wrap(hello)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(Hello.LENGTH - 8, TAGS.tag(hello, 0, Hello.LENGTH - 8));
    return hello;
  }

  static byte[] tagged(Hello hello) {
    return tagged(hello.encode());
  }

  // ---- what the agent writes

  /** Our own vote, which is enough, and all LAN ports there are. */
  static void ownVoteIsEnough(Announcements announcements, int ifindex) {
    announcements.configure(SLOT, TAGS.key0(), TAGS.key1(), FENCE);
    announcements.ports(List.of(new LanPort(ifindex, 0, mac(PORT_MAC))));
    announcements.write(new Output.Vote(SLOT, Long.MAX_VALUE, 1));
    announcements.write(new Output.Count(1, 1, 1L << SLOT));
  }

  static Output.Claim claim(String address) {
    return new Output.Claim(Ip.parse(address), 1L << SLOT, 7);
  }
}
