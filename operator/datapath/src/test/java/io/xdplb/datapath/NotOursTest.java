// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever is not for a VIP reaches the stack as it was, to the last byte. */
@RequiresBpf
class NotOursTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int GRE = 47;
  private static final int IPIP = 4;
  private static final int GUE_PORT = 6080;

  /** Both addresses are a VIP's and NAT's own, so that nothing passes by the filter alone. */
  @BeforeEach
  void vips() {
    for (Kind kind : Kind.values()) {
      LAB.program(kind.vipOf(1, 1));
    }
  }

  @Test
  void row1_arpLldpUnknownEthertypesAndRunts() {
    LAB.passes(Frame.arpRequest("198.51.100.10", "198.51.100.1"));
    LAB.passes(Frame.arpRequest("198.51.100.10", Kind.TCP4.vip(11)));
    LAB.passes(
        Frame.ethernet(
            "01:80:c2:00:00:0e", "02:00:00:00:00:0a", 0x88cc, new byte[] {2, 7, 4, 0, 0, 0}));
    LAB.passes(Frame.ethernet(PacketLab.MAC, "02:00:00:00:00:0a", 0x88b5, new byte[46]));
    for (Kind kind : Kind.values()) {
      byte[] whole = kind.opening(1, 4000).bytes();
      int header = 14 + (kind.ipv6 ? 40 : 20);
      for (int length = 14; length <= 60; length++) {
        byte[] runt = Arrays.copyOf(whole, length);
        if (length < header) {
          LAB.passes(runt); // its destination cannot be known
        } else if (length < whole.length) {
          LAB.drops(DropReason.MALFORMED, runt); // it is known, and it is a VIP
        }
      }
      byte[] other = kind.opening(1, 4000).to(kind.vip(11), 80).bytes();
      for (int length = 14; length <= 60; length++) {
        LAB.passes(Arrays.copyOf(other, length));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void row2_otherAddresses(Kind kind) {
    Frame plain = kind.data(1, 4000);
    for (String other : new String[] {kind.vip(11), kind.balancer(), kind.client(7)}) {
      Frame to = plain.to(other, 80);
      LAB.passes(to);
      LAB.passes(to.flags(Frame.SYN));
      LAB.passes(to.fragment(0, true).payload(new byte[64]));
      LAB.passes(to.fragment(1480, true).payload(new byte[64]));
      LAB.passes(to.fragment(2960, false).payload(new byte[64]));
      LAB.passes(to.flags(0)); // malformed is the stack's business
      LAB.passes(to.ttl(1));
      if (kind.ipv6) {
        LAB.passes(to.extension(Frame.HOP_BY_HOP).extension(Frame.DESTINATION_OPTIONS));
        LAB.passes(to.extension(Frame.ROUTING));
      } else {
        LAB.passes(to.ipOptions(new byte[] {7, 7, 4, 0, 0, 0, 0, 0}));
        LAB.passes(Frame.ip(kind.client(1), other, Frame.IGMP, new byte[8]));
        byte[] bytes = to.bytes();
        bytes[14] = 0x4f; // options up to byte 60, which the frame does not have
        LAB.passes(bytes);
      }
      LAB.passes(Frame.ip(kind.client(1), other, Frame.SCTP, new byte[32]));
      int echo = kind.ipv6 ? 128 : 8;
      LAB.passes(Frame.icmp(kind.client(1), other, echo, 0, new byte[60]));
    }
  }

  @ParameterizedTest
  @EnumSource
  void row41_portsOfAVipThatNobodyHasAreSilentIfThePolicySaysSo(Kind kind) {
    LAB.program(BalanceTest.silent(kind.vipOf(1)));
    LAB.drops(DropReason.NO_LISTENER, kind.opening(1, 4000).to(kind.vip(10), 81));
    LAB.drops(DropReason.NO_LISTENER, Frame.udp(kind.client(1), 4000, kind.vip(10), 81));
  }

  @ParameterizedTest
  @EnumSource
  void row2_framesForEverybody(Kind kind) {
    // broadcast and multicast frames are for everybody, whatever address they carry
    LAB.passes(kind.opening(1, 4000).macs("02:00:00:00:00:0a", "ff:ff:ff:ff:ff:ff"));
    LAB.passes(kind.opening(1, 4000).macs("02:00:00:00:00:0a", "01:00:5e:00:00:01"));
  }

  @ParameterizedTest
  @EnumSource
  void row3_encapsulatedPackets(Kind kind) {
    byte[] whole = kind.opening(1, 4000).to(kind.vip(11), 80).bytes();
    byte[] inner = Arrays.copyOfRange(whole, 14, whole.length);
    Frame gue = Frame.udp(kind.client(1), 4000, kind.balancer(), GUE_PORT);
    LAB.passes(gue.payload(inner));
    LAB.passes(Frame.ip(kind.client(1), kind.balancer(), kind.ipv6 ? 41 : IPIP, inner));
    LAB.passes(Frame.ip(kind.client(1), kind.balancer(), GRE, inner));
  }

  @ParameterizedTest
  @EnumSource
  void row47_packetsOfTheHostsOwnSockets(Kind kind) {
    Random random = new Random(47);
    for (int i = 0; i < 200; i++) {
      // the host asks a backend from an ephemeral port, and by chance from one of the NAT range
      int port = i % 2 == 0 ? 32768 + random.nextInt(28000) : 10000 + random.nextInt(20000);
      LAB.passes(kind.answer(kind.backend(1), Kind.BACKEND_PORT, port));
    }
  }
}
