// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import java.util.Arrays;

/** A copy of a packet with other fields, and with checksums summed up anew when it is done. */
final class Rewrite {
  /** Options that are looked at for the MSS: every TCP there is puts it first. */
  private static final int OPTIONS = 6;

  private static final int OPTION_END = 0;
  private static final int OPTION_NOP = 1;
  private static final int OPTION_MSS = 2;

  private final IpPacket before;
  private final byte[] bytes;

  Rewrite(IpPacket packet) {
    before = packet;
    bytes = packet.bytes().clone();
  }

  Rewrite source(Ip address) {
    put(before.ipv6() ? 8 : 12, address.bytes());
    return this;
  }

  Rewrite destination(Ip address) {
    put(before.ipv6() ? 24 : 16, address.bytes());
    return this;
  }

  Rewrite sourcePort(int port) {
    word(before.layer4(), port);
    return this;
  }

  Rewrite destinationPort(int port) {
    word(before.layer4() + 2, port);
    return this;
  }

  Rewrite ttl(int value) {
    bytes[before.ipv6() ? 7 : 8] = (byte) value;
    return this;
  }

  Rewrite icmpType(int type) {
    bytes[before.layer4()] = (byte) type;
    return this;
  }

  /** The MSS that a SYN announces is at most this; 0: whatever it is. */
  Rewrite mssAtMost(int most) {
    int header = before.tcpHeader();
    int at = IpPacket.TCP_HEADER;
    for (int option = 0; option < OPTIONS && most > 0 && at + 4 <= header; option++) {
      int here = before.layer4() + at;
      int kind = bytes[here];
      int length = bytes[here + 1] & 0xff;
      if (kind == OPTION_MSS && length == 4) {
        if (IpPacket.word(bytes, here + 2) > most) {
          word(here + 2, most);
        }
        return this;
      }
      if (kind == OPTION_END || kind != OPTION_NOP && length < 2) {
        return this;
      }
      at += kind == OPTION_NOP ? 1 : length;
    }
    return this;
  }

  private void put(int at, byte[] value) {
    System.arraycopy(value, 0, bytes, at, value.length);
  }

  private void word(int at, int value) {
    bytes[at] = (byte) (value >> 8);
    bytes[at + 1] = (byte) value;
  }

  /** The new packet. */
  byte[] bytes() {
    return bytes(before.layer4Sum());
  }

  /** The new packet, with what layer 4 is to sum up to. */
  byte[] bytes(int wanted) {
    if (!before.ipv6()) {
      word(10, 0);
      word(10, Sums.checksum(before.headerSum(), Sums.of(bytes, 0, before.layer4())));
    }
    int at = before.checksumAt();
    if (before.udp() && IpPacket.word(bytes, at) == 0) {
      return bytes; // the sender has computed none, and it stays so: row 28
    }
    word(at, 0);
    Ip source = address(before.ipv6() ? 8 : 12);
    Ip destination = address(before.ipv6() ? 24 : 16);
    int rest = Sums.of(bytes, before.layer4(), before.layer4End());
    if (before.protocol() != IpPacket.ICMP) {
      int length = before.layer4End() - before.layer4();
      rest = Sums.add(rest, Sums.pseudoHeader(source, destination, length, before.protocol()));
    }
    word(at, before.udp() ? Sums.udpChecksum(wanted, rest) : Sums.checksum(wanted, rest));
    return bytes;
  }

  private Ip address(int at) {
    return Ip.ofBytes(Arrays.copyOfRange(bytes, at, at + (before.ipv6() ? 16 : 4)));
  }
}
