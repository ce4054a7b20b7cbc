// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.packet;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Frames are what RFCs say they are, and a wrong one is recognised. */
class FrameTest {

  /** The header of the worked example in Wikipedia's "Internet checksum", of a datagram. */
  @Test
  void headerHasTheChecksumOfAKnownExample() {
    byte[] frame =
        Frame.udp("192.168.0.1", 4000, "192.168.0.199", 53)
            .id(0)
            .payload(new byte[0x73 - 28])
            .bytes();
    assertThat(HexFormat.of().formatHex(frame, 14, 34))
        .isEqualTo("45000073000040004011b861c0a80001c0a800c7");
  }

  @Test
  void ipv6HeadersFollowEachOtherByTheirNumbers() {
    byte[] frame =
        Frame.udp("2001:db8::1", 1, "2001:db8::2", 2)
            .extension(Frame.HOP_BY_HOP)
            .extension(Frame.DESTINATION_OPTIONS)
            .fragment(0, true)
            .ttl(7)
            .bytes();
    String ip = HexFormat.of().formatHex(frame, 14, frame.length);
    assertThat(ip).startsWith("60012345" + "0020" + "00" + "07");
    assertThat(ip.substring(80)).startsWith("3c00010400000000" + "2c00010400000000" + "11000001");
  }

  @Test
  void extensionHeadersHaveTheLengthsAskedFor() {
    Frame frame =
        Frame.tcp("2001:db8::1", 1, "2001:db8::2", 2)
            .extension(Frame.HOP_BY_HOP, 16)
            .extension(Frame.ROUTING, 24)
            .extension(Frame.AUTHENTICATION, 12)
            .extension(Frame.DESTINATION_OPTIONS, 8);
    String ip = HexFormat.of().formatHex(frame.ipPacket());
    assertThat(ip.substring(8, 16)).isEqualTo("0050" + "00" + "40");
    assertThat(ip.substring(80))
        .startsWith(
            "2b01010c000000000000000000000000"
                + "330201140000000000000000000000000000000000000000"
                + "3c0101080000000000000000"
                + "0600010400000000"
                + "00010002");
    Packet packet = Packet.of(frame.bytes());
    assertThat(packet.extensions()).containsExactly(0, 43, 51, 60);
    assertThat(packet.destinationPort()).isEqualTo(2);
    assertThat(packet.problems()).isEmpty();
    for (int length = 8; length <= 2048; length += 8) {
      byte[] header = ExtensionHeader.padding(Frame.HOP_BY_HOP, length).bytes();
      assertThat(header).hasSize((header[1] & 0xff) * 8 + 8);
      int at = 2;
      while (at < length) {
        assertThat(header[at]).as("option at %d of %d", at, length).isEqualTo((byte) 1);
        at += 2 + (header[at + 1] & 0xff);
      }
      assertThat(at).isEqualTo(length);
    }
  }

  @Test
  void maximumSegmentSizeIsFoundAmongOtherOptions() {
    byte[] options =
        TcpOptions.of(
            TcpOptions.nop(),
            TcpOptions.timestamps(1, 2),
            TcpOptions.mss(1460),
            TcpOptions.windowScale(7));
    assertThat(HexFormat.of().formatHex(options))
        .isEqualTo("01" + "080a0000000100000002" + "020405b4" + "030307" + "0000");
    Frame syn = Frame.tcp("192.0.2.1", 1, "192.0.2.2", 2).flags(Frame.SYN);
    assertThat(Packet.of(syn.tcpOptions(options).bytes()).mss()).hasValue(1460);
    assertThat(Packet.of(syn.tcpOptions(TcpOptions.linuxSyn(1400)).bytes()).mss()).hasValue(1400);
    assertThat(Packet.of(syn.bytes()).mss()).isEmpty();
    assertThat(Packet.of(syn.bytes()).tcpFlags()).isEqualTo(Frame.SYN);
  }

  @Test
  void patchesWriteOverWhatWasAssembled() {
    Frame frame = Frame.udp("192.0.2.1", 1, "192.0.2.2", 2).ipOptions(new byte[4]).vlans(7);
    byte[] plain = frame.bytes();
    byte[] patched = frame.patch(2, 0xff, 0xfe).patchLayer4(4, 0, 7).bytes();
    byte[] expected = plain.clone();
    expected[18 + 2] = (byte) 0xff;
    expected[18 + 3] = (byte) 0xfe;
    expected[18 + 24 + 5] = 7;
    assertThat(patched).isEqualTo(expected);
    assertThat(problems(patched)).singleElement().asString().startsWith("the IP length ends");
    assertThat(problems(frame.patch(8, 1).bytes())).containsExactly("IPv4 header checksum");
    assertThat(problems(frame.patch(8, 1).checksumOfPatchedHeader().bytes())).isEmpty();
    assertThat(problems(frame.patchLayer4(4, 0, 7).bytes())).containsExactly("UDP length 7 of 8");
    Frame tcp = Frame.tcp("2001:db8::1", 1, "2001:db8::2", 2).extension(Frame.HOP_BY_HOP);
    assertThat(problems(tcp.patchLayer4(12, 4 << 4).bytes()))
        .containsExactly("TCP header length 16 of 20", "layer 4 checksum");
    assertThat(problems(tcp.patch(41, 9).bytes())).singleElement().asString().contains("needs");
  }

  @Test
  void tagsAndPaddingAreAroundThePacket() {
    Frame plain = Frame.tcp("192.0.2.1", 1, "192.0.2.2", 2);
    byte[] bytes = plain.bytes();
    byte[] tagged = plain.vlans(100, 7).padding(new byte[] {9, 9}).bytes();
    assertThat(HexFormat.of().formatHex(tagged, 12, 22))
        .isEqualTo("81000064" + "81000007" + "0800");
    assertThat(Arrays.copyOfRange(tagged, 22, tagged.length - 2))
        .isEqualTo(Arrays.copyOfRange(bytes, 14, bytes.length));
  }

  @Test
  void whatWasBuiltIsReadBackWithoutProblemsAndAnyFlippedBitIsOne() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 2_000; i++) {
      boolean ipv6 = i % 2 == 0;
      String from =
          ipv6 ? "2001:db8:0:0:0:0:0:" + Integer.toHexString(1 + i) : "192.0.2." + i % 256;
      String to = ipv6 ? "2001:db8:0:0:0:0:1:2" : "198.51.100.7";
      byte[] payload = new byte[random.nextInt(100)];
      random.nextBytes(payload);
      Frame frame = i % 3 == 0 ? Frame.udp(from, i, to, 53) : Frame.tcp(from, i, to, 80);
      byte[] bytes = frame.payload(payload).bytes();
      Packet packet = Packet.of(bytes);
      assertThat(packet.problems()).as("%d of seed %d: %s", i, seed, packet).isEmpty();
      assertThat(List.of(packet.source(), packet.destination())).containsExactly(from, to);
      assertThat(packet.sourcePort()).isEqualTo(i);
      // from the addresses on a checksum covers all
      int start = 14 + (ipv6 ? 8 : 12);
      int at = start + random.nextInt(bytes.length - start);
      byte[] broken = bytes.clone();
      broken[at] ^= (byte) (1 << random.nextInt(8));
      assertThat(problems(broken)).as("byte %d of\n%s", at, packet).isNotEmpty();
    }
  }

  private static List<String> problems(byte[] frame) {
    try {
      return Packet.of(frame).problems();
    } catch (IllegalArgumentException e) {
      return List.of(e.getMessage());
    }
  }

  @Test
  void differenceShowsBothLinesAndOnlyWhereThereIsOne() {
    byte[] a = new byte[40];
    byte[] b = a.clone();
    assertThat(Hexdump.difference(a, b)).isEmpty();
    b[20] = (byte) 0xab;
    assertThat(Hexdump.difference(a, b).lines().filter(l -> l.matches("[-+] 0010 .*"))).hasSize(2);
    assertThat(Hexdump.difference(a, b)).contains("ab");
    assertThat(Hexdump.difference(a, Arrays.copyOf(a, 39))).contains("40 bytes expected, 39 found");
  }
}
