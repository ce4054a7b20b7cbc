// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** ICMP messages are, to the byte, what was computed by hand (and not by this code). */
class IcmpTest {
  private static final String CLIENT = "198.51.100.10";
  private static final String ROUTER = "198.51.100.1";
  private static final String VIP = "203.0.113.1";
  private static final String CLIENT_V6 = "2001:db8:0:1::10";
  private static final String ROUTER_V6 = "2001:db8:0:1::1";
  private static final String VIP_V6 = "2001:db8:0:2::1";

  /** An answer of the VIP, with record route among its options. */
  private static final Frame ANSWER =
      Frame.udp(VIP, 53, CLIENT, 4000)
          .id(0)
          .ipOptions(new byte[] {7, 7, 4, 0, 0, 0, 0, 0})
          .payload(ascii("abcdefgh"));

  private static final String QUOTE_HEX =
      "4700002c000040004011c77acb007101c633640a" + "0707040000000000" + "00350fa00010f823";
  private static final String ROUTER_TO_VIP_HEX = "c6336401" + "cb007101";

  @Test
  void tooBigQuotesOptionsAndEightBytes() {
    byte[] quote = ANSWER.quote(8);
    is(
        "45000040123440004001c252" + ROUTER_TO_VIP_HEX + "0304ef7a" + "00000578" + QUOTE_HEX,
        Icmp.tooBig(ROUTER, VIP, 1400, quote));
    is(
        "45000040123440004001c252" + ROUTER_TO_VIP_HEX + "0b00ecf6" + "00000000" + QUOTE_HEX,
        Icmp.timeExceeded(ROUTER, VIP, quote));
  }

  @Test
  void parameterProblemPointsAndQuotesAll() {
    is(
        "45000048123440004001c24a"
            + ROUTER_TO_VIP_HEX
            + "0c004661"
            + "14000000"
            + QUOTE_HEX
            + "6162636465666768",
        Icmp.parameterProblem(ROUTER, VIP, 20, ANSWER.ipPacket()));
  }

  @Test
  void tooBigOfIpv6QuotesALaterFragmentBehindDestinationOptions() {
    Frame fragment =
        Frame.udp(VIP_V6, 53, CLIENT_V6, 4000)
            .extension(Frame.DESTINATION_OPTIONS)
            .fragment(1480, true)
            .payload(ascii("01234567"));
    Frame error = Icmp.tooBig(ROUTER_V6, VIP_V6, 1280, fragment.ipPacket());
    is(
        "6001234500483a40"
            + "20010db8000000010000000000000001"
            + "20010db8000000020000000000000001"
            + "02005f0f00000500"
            + "6001234500183c40"
            + "20010db8000000020000000000000001"
            + "20010db8000000010000000000000010"
            + "2c00010400000000"
            + "110005c900001234"
            + "3031323334353637",
        error);
    Packet quoted = Packet.of(error.bytes()).quoted();
    assertThat(quoted.fragmentOffset()).isEqualTo(1480);
    assertThat(quoted.moreFragments()).isTrue();
    assertThat(quoted.id()).isEqualTo(0x1234);
    assertThat(quoted.protocol()).isEqualTo(Frame.UDP);
    assertThat(quoted.extensions()).containsExactly(Frame.DESTINATION_OPTIONS, Frame.FRAGMENT);
    assertThat(quoted.payload()).isEqualTo(ascii("01234567"));
  }

  @Test
  void echoHasIdSequenceAndPayload() {
    is(
        "45000020123440004001c269c633640acb007101" + "080006f4" + "12340007" + "70696e67",
        Icmp.echoRequest(CLIENT, VIP, 0x1234, 7, ascii("ping")));
    Frame reply = Icmp.echoReply(VIP_V6, CLIENT_V6, 0xffff, 1, ascii("pong!"));
    is(
        "60012345000d3a40"
            + "20010db8000000020000000000000001"
            + "20010db8000000010000000000000010"
            + "8100235a"
            + "ffff0001"
            + "706f6e6721",
        reply);
    Packet read = Packet.of(reply.bytes());
    assertThat(read.icmpType()).isEqualTo(129);
    assertThat(read.icmpWord()).isEqualTo(0xffff0001);
    assertThat(read.payload()).isEqualTo(ascii("pong!"));
    assertThat(read.hasQuote()).isFalse();
  }

  @Test
  void errorIsReadBackWithWhatItQuotes() {
    Packet error = Packet.of(Icmp.tooBig(ROUTER, VIP, 1400, ANSWER.quote(8)).bytes());
    assertThat(List.of(error.icmpType(), error.icmpCode(), error.icmpWord()))
        .containsExactly(3, 4, 1400);
    Packet quoted = error.quoted();
    assertThat(quoted.source()).isEqualTo(VIP);
    assertThat(quoted.destination()).isEqualTo(CLIENT);
    assertThat(quoted.sourcePort()).isEqualTo(53);
    assertThat(quoted.destinationPort()).isEqualTo(4000);
    assertThat(quoted.toString()).contains(VIP + ":53 > " + CLIENT + ":4000");
    Packet unreachable = Packet.of(Icmp.portUnreachable(VIP_V6, CLIENT_V6, new byte[0]).bytes());
    assertThat(unreachable.hasQuote()).isFalse();
    assertThat(List.of(unreachable.icmpType(), unreachable.icmpCode())).containsExactly(1, 4);
  }

  @Test
  void problemsOfTheQuoteAreProblemsOfTheError() {
    byte[] badHeader = ANSWER.patch(8, 1).quote(8);
    assertThat(problems(Icmp.tooBig(ROUTER, VIP, 1400, badHeader)))
        .containsExactly("quoted: IPv4 header checksum");
    byte[] badPort = ANSWER.patchLayer4(2, 0, 1).ipPacket();
    assertThat(problems(Icmp.tooBig(ROUTER, VIP, 1400, badPort)))
        .as("all of the packet is there, so its checksum can be computed")
        .containsExactly("quoted: layer 4 checksum");
    assertThat(problems(Icmp.tooBig(ROUTER, VIP, 1400, new byte[] {0x45, 0, 0})))
        .singleElement()
        .asString()
        .startsWith("quoted: 3 bytes, an IP header needs 20");
    Frame badSum = Icmp.echoRequest(CLIENT_V6, VIP_V6, 1, 1).patchLayer4(4, 9);
    assertThat(problems(badSum)).containsExactly("layer 4 checksum");
    assertThatThrownBy(() -> ANSWER.quote(17)).hasMessage("layer 4 has only 16 bytes");
  }

  private static List<String> problems(Frame frame) {
    return Packet.of(frame.bytes()).problems();
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static void is(String hex, Frame frame) {
    assertThat(HexFormat.of().formatHex(frame.ipPacket())).isEqualTo(hex);
    Packet packet = Packet.of(frame.bytes());
    assertThat(packet.problems()).as("%s", packet).isEmpty();
  }
}
