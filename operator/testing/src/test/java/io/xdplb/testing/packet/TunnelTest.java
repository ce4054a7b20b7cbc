// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Encapsulations are, to the byte, what was computed by hand (and not by this code). */
class TunnelTest {
  private static final String EDGE = "192.0.2.11";
  private static final String NODE = "192.0.2.21";
  private static final String EDGE_V6 = "2001:db8:0:3::11";
  private static final String NODE_V6 = "2001:db8:0:3::21";
  private static final byte[] HI = "hi".getBytes(StandardCharsets.US_ASCII);

  private static final Frame INNER =
      Frame.udp("198.51.100.10", 4000, "203.0.113.1", 53).tos(0xb9).payload(HI);
  private static final Frame INNER_V6 =
      Frame.udp("2001:db8:0:1::10", 4000, "2001:db8:0:2::1", 53).payload(HI);

  private static final String INNER_HEX =
      "45b9001e123440004011c1a2c633640acb007101" + "0fa00035000a215c" + "6869";
  private static final String INNER_V6_HEX =
      "60012345000a1140"
          + "20010db8000000010000000000000010"
          + "20010db8000000020000000000000001"
          + "0fa00035000a2c16"
          + "6869";
  private static final String NODES_V6_HEX =
      "20010db8000000030000000000000011" + "20010db8000000030000000000000021";

  private static final Tunnel.Gue GUE = new Tunnel.Gue(0x81, 0x01020304050607L);
  private static final String GUE_HEX = "02040000" + "81" + "01020304050607";
  private static final String GUE_V6_HEX = "02290000" + "81" + "01020304050607";

  @Test
  void innerPacketsAreWhatTheyAreOutside() {
    assertThat(HexFormat.of().formatHex(INNER.ipPacket())).isEqualTo(INNER_HEX);
    assertThat(HexFormat.of().formatHex(INNER_V6.ipPacket())).isEqualTo(INNER_V6_HEX);
  }

  @Test
  void gueOverIpv4HasNoUdpChecksum() {
    Frame outer = Tunnel.gue(INNER, GUE, EDGE, 0xc000, NODE, Tunnel.GUE_PORT).tos(0xb9);
    is(
        "45b90046000040004011b5cdc000020bc0000215" + "c00017c000320000" + GUE_HEX + INNER_HEX,
        outer);
    Frame outerOfV6 = Tunnel.gue(INNER_V6, GUE, EDGE, 0xc000, NODE, Tunnel.GUE_PORT).tos(0xb9);
    is(
        "45b9005a000040004011b5b9c000020bc0000215" + "c00017c000460000" + GUE_V6_HEX + INNER_V6_HEX,
        outerOfV6);
  }

  @Test
  void gueOverIpv6HasUdpChecksumAndFlowLabel() {
    Frame outer = Tunnel.gue(INNER, GUE, EDGE_V6, 0xc000, NODE_V6, Tunnel.GUE_PORT);
    is(
        "6b9abcde00321140" + NODES_V6_HEX + "c00017c00032a366" + GUE_HEX + INNER_HEX,
        outer.tos(0xb9).flowLabel(0xabcde));
    Frame outerOfV6 = Tunnel.gue(INNER_V6, GUE, EDGE_V6, 0xc000, NODE_V6, Tunnel.GUE_PORT);
    is(
        "6b9abcde00461140" + NODES_V6_HEX + "c00017c00046a848" + GUE_V6_HEX + INNER_V6_HEX,
        outerOfV6.tos(0xb9).flowLabel(0xabcde));
  }

  @Test
  void ipInIpNamesTheInnerFamily() {
    is("45000032000040004004b6a7c000020bc0000215" + INNER_HEX, Tunnel.ipInIp(INNER, EDGE, NODE));
    is(
        "45000046000040004029b66ec000020bc0000215" + INNER_V6_HEX,
        Tunnel.ipInIp(INNER_V6, EDGE, NODE));
    is("60012345001e0440" + NODES_V6_HEX + INNER_HEX, Tunnel.ipInIp(INNER, EDGE_V6, NODE_V6));
    is("6001234500322940" + NODES_V6_HEX + INNER_V6_HEX, Tunnel.ipInIp(INNER_V6, EDGE_V6, NODE_V6));
  }

  @Test
  void outerFieldsAndInnerPacketAreReadBack() {
    byte[] frame =
        Tunnel.gue(INNER_V6.extension(Frame.HOP_BY_HOP), GUE, EDGE, 50000, NODE, 6081)
            .tos(0x2e)
            .macs("02:00:00:00:00:11", "02:00:00:00:00:21")
            .vlans(7)
            .bytes();
    Packet outer = Packet.of(frame, 6081);
    assertThat(outer.problems()).isEmpty();
    assertThat(outer.vlans()).containsExactly(7);
    assertThat(outer.destinationMac()).isEqualTo("02:00:00:00:00:21");
    assertThat(outer.source()).isEqualTo(EDGE);
    assertThat(outer.sourcePort()).isEqualTo(50000);
    assertThat(outer.tos()).isEqualTo(0x2e);
    assertThat(outer.id()).isZero();
    assertThat(outer.dontFragment()).isTrue();
    assertThat(outer.gue()).isEqualTo(GUE);
    Packet inner = outer.inner();
    assertThat(inner.ipPacket()).isEqualTo(INNER_V6.extension(Frame.HOP_BY_HOP).ipPacket());
    assertThat(inner.extensions()).containsExactly(Frame.HOP_BY_HOP);
    assertThat(inner.destinationPort()).isEqualTo(53);
    assertThat(inner.payload()).isEqualTo(HI);
    assertThatThrownBy(inner::sourceMac).isInstanceOf(IllegalStateException.class);

    Packet v6 = Packet.of(Tunnel.ipInIp(INNER, EDGE_V6, NODE_V6).flowLabel(0xfffff).bytes());
    assertThat(v6.flowLabel()).isEqualTo(0xfffff);
    assertThat(v6.inner().tos()).isEqualTo(0xb9);
    assertThat(Packet.of(frame).hasInner()).as("UDP of which GUE is not known").isFalse();
  }

  @Test
  void problemsOfTheInnerPacketAreProblemsOfTheOuterOne() {
    Frame badHeader = INNER.patch(10, 0, 0);
    Frame badLayer4 = INNER.patchLayer4(8, 'H');
    Frame tooShort = INNER.patch(2, 0, 0x1d).checksumOfPatchedHeader();
    assertThat(problems(Tunnel.ipInIp(badHeader, EDGE, NODE)))
        .containsExactly("inner: IPv4 header checksum");
    assertThat(problems(Tunnel.gue(badLayer4, GUE, EDGE, 1, NODE, Tunnel.GUE_PORT)))
        .containsExactly("inner: layer 4 checksum");
    assertThat(problems(Tunnel.gue(tooShort, GUE, EDGE_V6, 1, NODE_V6, Tunnel.GUE_PORT)))
        .contains("inner: 1 bytes behind the packet");
    Frame cut = Tunnel.gue(new byte[] {0x45, 0}, GUE, EDGE, 1, NODE, Tunnel.GUE_PORT);
    assertThat(problems(cut)).singleElement().asString().startsWith("inner: 2 bytes");
    Frame wrongProtocol =
        Tunnel.gue(INNER, GUE, EDGE, 1, NODE, Tunnel.GUE_PORT).patchLayer4(9, Tunnel.IPV6);
    assertThat(problems(wrongProtocol)).singleElement().asString().contains("not the GUE header");
  }

  @Test
  void anyFlippedBitOfAnInnerPacketIsAProblem() {
    byte[] inner = INNER.ipPacket();
    for (int bit = 0; bit < inner.length * 8; bit++) {
      byte[] broken = inner.clone();
      broken[bit / 8] ^= (byte) (1 << bit % 8);
      assertThat(problems(Tunnel.ipInIp(broken, EDGE, NODE))).as("bit %d", bit).isNotEmpty();
    }
  }

  private static List<String> problems(Frame frame) {
    return Packet.of(frame.bytes(), Tunnel.GUE_PORT).problems();
  }

  private static void is(String hex, Frame frame) {
    assertThat(HexFormat.of().formatHex(frame.ipPacket())).isEqualTo(hex);
    Packet packet = Packet.of(frame.bytes(), Tunnel.GUE_PORT);
    assertThat(packet.problems()).as("%s", packet).isEmpty();
    assertThat(packet.hasInner()).isTrue();
  }
}
