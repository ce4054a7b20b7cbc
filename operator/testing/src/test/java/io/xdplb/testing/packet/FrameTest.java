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
