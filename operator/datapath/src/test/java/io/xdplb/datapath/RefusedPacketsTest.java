// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Packets to a VIP that nobody may send: dropped, counted by their reason, and no flow begun. */
@RequiresBpf
class RefusedPacketsTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int IP = 14;

  private long flowsExpected;

  @BeforeEach
  void vips() {
    for (Kind kind : Kind.values()) {
      LAB.program(kind.vipOf(1, 1));
    }
  }

  @AfterEach
  void noFlowsBegun() {
    assertThat(LAB.flowsBegun()).as("flows begun").isEqualTo(flowsExpected);
  }

  /** The opening packet with one byte changed. */
  private static void malformed(Kind kind, int at, int value) {
    byte[] frame = kind.opening(1, 4000).payload(new byte[30]).bytes();
    frame[at] = (byte) value;
    LAB.drops(DropReason.MALFORMED, frame);
  }

  private static void malformedWord(Kind kind, int at, int value) {
    byte[] frame = kind.opening(1, 4000).payload(new byte[30]).bytes();
    ByteBuffer.wrap(frame).putShort(at, (short) value);
    LAB.drops(DropReason.MALFORMED, frame);
  }

  @ParameterizedTest
  @EnumSource
  void row5_lengthsAndVersionsThatContradictEachOther(Kind kind) {
    int header = kind.ipv6 ? 40 : 20;
    int layer4 = IP + header;
    int frame = kind.opening(1, 4000).payload(new byte[30]).bytes().length;
    for (int version = 0; version < 16; version++) {
      if (version != (kind.ipv6 ? 6 : 4)) {
        malformed(kind, IP, version << 4 | 5);
      }
    }
    if (kind.ipv6) {
      malformedWord(kind, IP + 4, frame - IP - header + 1);
      malformedWord(kind, IP + 4, 0xffff);
      malformedWord(kind, IP + 4, 0); // no room for layer 4
    } else {
      for (int words = 0; words < 5; words++) {
        malformed(kind, IP, 4 << 4 | words);
      }
      malformed(kind, IP, 4 << 4 | 15); // its options leave no room for layer 4
      for (int length = 0; length < header; length++) {
        malformedWord(kind, IP + 2, length);
      }
      malformedWord(kind, IP + 2, frame - IP + 1);
      malformedWord(kind, IP + 2, 0xffff);
    }
    int least = kind.tcp() ? 20 : 8;
    for (int length = 0; length < least; length++) {
      int ipLength = kind.ipv6 ? length : header + length;
      malformedWord(kind, IP + (kind.ipv6 ? 4 : 2), ipLength); // the IP length cuts layer 4
      byte[] cut = Arrays.copyOf(kind.opening(1, 4000).bytes(), layer4 + length);
      ByteBuffer.wrap(cut).putShort(IP + (kind.ipv6 ? 4 : 2), (short) ipLength);
      LAB.drops(DropReason.MALFORMED, cut); // so does the frame
    }
    if (kind.tcp()) {
      for (int words = 0; words < 5; words++) {
        malformed(kind, layer4 + 12, words << 4);
      }
      malformed(kind, layer4 + 12, 13 << 4); // 52 bytes of 50
    } else {
      for (int length = 0; length < 8; length++) {
        malformedWord(kind, layer4 + 4, length);
      }
      malformedWord(kind, layer4 + 4, 8 + 31);
      malformedWord(kind, layer4 + 4, 0xffff);
    }
  }

  @ParameterizedTest
  @EnumSource
  void row9_sourcesThatNoClientCanHave(Kind kind) {
    String[] bad =
        kind.ipv6
            ? new String[] {kind.vip(10), "::", "::1", "ff02::1", "ff0e::1", "ff00::"}
            : new String[] {
              kind.vip(10),
              "0.0.0.0",
              "0.255.255.255",
              "127.0.0.1",
              "127.255.255.255",
              "224.0.0.1",
              "239.255.255.255",
              "240.0.0.0",
              "255.255.255.255"
            };
    for (String source : bad) {
      LAB.drops(DropReason.BAD_SOURCE, kind.opening(1, 4000).from(source, 4000));
    }
    String[] good =
        kind.ipv6
            ? new String[] {"::2", "fe80::1", "feff::1", "1::"}
            : new String[] {"1.0.0.0", "126.255.255.255", "128.0.0.1", "223.255.255.255"};
    for (String source : good) {
      LAB.forwards(kind, kind.opening(1, 4000).from(source, 4000));
    }
    flowsExpected = good.length;
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row10_flagsThatNoTcpSends(Kind kind) {
    int[] bad = {
      0,
      Frame.PSH,
      Frame.URG,
      0xc0, // ECE and CWR alone
      Frame.FIN | Frame.PSH | Frame.URG,
      Frame.SYN | Frame.FIN,
      Frame.SYN | Frame.FIN | Frame.ACK,
      Frame.SYN | Frame.RST,
      Frame.SYN | Frame.RST | Frame.ACK,
      0xff
    };
    for (int flags : bad) {
      LAB.drops(DropReason.BAD_TCP_FLAGS, kind.data(1, 4000).flags(flags));
    }
    LAB.establish(kind, 1, 4000);
    for (int flags : bad) {
      LAB.drops(DropReason.BAD_TCP_FLAGS, kind.data(1, 4000).flags(flags));
    }
    LAB.forwards(kind, kind.opening(1, 4001).flags(Frame.SYN | 0xc0)); // RFC 3168's SYN
    flowsExpected = 2;
  }

  @ParameterizedTest
  @EnumSource
  void fragmentsToAVip(Kind kind) {
    Frame frame = kind.opening(1, 4000).payload(new byte[64]);
    LAB.drops(DropReason.FRAGMENT, frame.fragment(0, true));
    LAB.drops(DropReason.FRAGMENT, frame.fragment(64, true));
    LAB.drops(DropReason.FRAGMENT, frame.fragment(1480, false));
    LAB.drops(DropReason.FRAGMENT, frame.fragment(65528, false).payload(new byte[7]));
    // row 12: so small that the ports are elsewhere
    LAB.drops(
        DropReason.FRAGMENT,
        Frame.ip(kind.client(1), kind.vip(10), kind.tcp() ? Frame.TCP : Frame.UDP, new byte[4])
            .fragment(0, true));
    LAB.establish(kind, 1, 4000);
    LAB.drops(DropReason.FRAGMENT, kind.data(1, 4000).payload(new byte[64]).fragment(0, true));
    flowsExpected = 1;
  }

  @ParameterizedTest
  @EnumSource
  void row26_ttlThatEndsHere(Kind kind) {
    LAB.drops(DropReason.TTL_EXCEEDED, kind.opening(1, 4000).ttl(1));
    LAB.drops(DropReason.TTL_EXCEEDED, kind.opening(1, 4000).ttl(0));
    PacketLab.Translation to = LAB.forwards(kind, kind.opening(1, 4000).ttl(2));
    LAB.forwards(kind, kind.opening(1, 4000).ttl(255));
    Frame answer =
        kind.answer(to.backend(), to.backendPort(), to.natPort()).flags(Frame.SYN | Frame.ACK);
    LAB.drops(DropReason.TTL_EXCEEDED, answer.ttl(1));
    LAB.drops(DropReason.TTL_EXCEEDED, answer.ttl(0));
    LAB.returns(kind, answer.ttl(2), kind.client(1), 4000);
    flowsExpected = 1;
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void segmentsOfUnknownConnections(Kind kind) {
    for (int flags :
        new int[] {Frame.ACK, Frame.SYN | Frame.ACK, Frame.FIN | Frame.ACK, Frame.RST}) {
      LAB.drops(DropReason.NO_FLOW, kind.data(1, 4000).flags(flags));
    }
  }
}
