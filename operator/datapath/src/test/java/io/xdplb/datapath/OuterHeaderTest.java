// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Encapsulation;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What a backend's entry says of its tunnel, against the headers that it stands for. */
class OuterHeaderTest {
  private static final Ip V4 = Ip.parse("198.51.100.7");
  private static final Ip V4_SOURCE = Ip.parse("198.51.100.254");
  private static final Ip V6 = Ip.parse("2001:db8::7");
  private static final Ip V6_SOURCE = Ip.parse("2001:db8:ffff::fe");

  private final Random random = new Random(4);

  /** RFC 1071 as it is written there, over bytes in network order; 0 where a checksum is right. */
  private static int checksum(ByteBuffer bytes) {
    int sum = 0;
    for (int i = 0; i < bytes.limit(); i += 2) {
      sum += bytes.order(ByteOrder.BIG_ENDIAN).getShort(i) & 0xffff;
    }
    while (sum > 0xffff) {
      sum = (sum & 0xffff) + (sum >>> 16);
    }
    return ~sum & 0xffff;
  }

  /** Adds words in network order to the sum, as the datapath does. */
  private static short check(int sum, int... words) {
    for (int word : words) {
      sum += Wire.nativeShort(word) & 0xffff;
    }
    while (sum > 0xffff) {
      sum = (sum & 0xffff) + (sum >>> 16);
    }
    return Wire.nativeShort(~sum & 0xffff);
  }

  @Test
  void ipv4HeaderWithItsLengthHasTheRightChecksum() {
    for (Encapsulation encapsulation : List.of(Encapsulation.GUE, Encapsulation.IPIP)) {
      for (boolean innerIpv4 : new boolean[] {true, false}) {
        int length = random.nextInt(65536);
        int tos = random.nextInt(256);
        int sum = OuterHeader.sum(encapsulation, V4_SOURCE, V4, innerIpv4, 0x1234);
        int protocol = encapsulation == Encapsulation.GUE ? 17 : innerIpv4 ? 4 : 41;
        ByteBuffer header = ByteBuffer.allocate(20);
        header.put((byte) 0x45).put((byte) tos).putShort((short) length).putShort((short) 0);
        header.putShort((short) 0x4000).put((byte) 64).put((byte) protocol);
        header.putShort(check(sum, tos, length)).put(V4_SOURCE.bytes()).put(V4.bytes());
        assertThat(checksum(header.flip())).as("%s %b", encapsulation, innerIpv4).isZero();
      }
    }
  }

  @Test
  void ipv6GuePacketHasTheRightUdpChecksum() {
    for (boolean innerIpv4 : new boolean[] {true, false}) {
      byte[] inner = new byte[2 * random.nextInt(700)];
      random.nextBytes(inner);
      byte[] tagBytes = new byte[8];
      random.nextBytes(tagBytes);
      tagBytes[0] = 0;
      long tag = ByteBuffer.wrap(tagBytes).order(ByteOrder.nativeOrder()).getLong();
      int sum = OuterHeader.sum(Encapsulation.GUE, V6_SOURCE, V6, innerIpv4, tag);
      int length = 8 + 12 + inner.length;
      int innerSum = ~checksum(ByteBuffer.wrap(inner)) & 0xffff;
      ByteBuffer packet = ByteBuffer.allocate(40 + length); // pseudo header, then UDP
      packet.put(V6_SOURCE.bytes()).put(V6.bytes()).putInt(length).putInt(17);
      packet.putShort((short) 0xc123).putShort((short) OuterHeader.GUE_PORT);
      packet.putShort((short) length);
      packet.putShort(check(sum, length, length, 0xc123, 0x0300, innerSum));
      packet.put((byte) 2).put((byte) (innerIpv4 ? 4 : 41)).putShort((short) 0);
      tagBytes[0] = 3; // the control byte
      packet.put(tagBytes).put(inner);
      assertThat(checksum(packet.flip())).as("inner IPv4: %b", innerIpv4).isZero();
    }
    assertThat(OuterHeader.sum(Encapsulation.IPIP, V6_SOURCE, V6, false, 1)).isZero();
  }

  @Test
  void sizesAreThoseOfTheHeaders() {
    assertThat(OuterHeader.bytes(Encapsulation.NONE, true)).isZero();
    assertThat(OuterHeader.bytes(Encapsulation.GUE, true)).isEqualTo(40);
    assertThat(OuterHeader.bytes(Encapsulation.GUE, false)).isEqualTo(60);
    assertThat(OuterHeader.bytes(Encapsulation.IPIP, true)).isEqualTo(20);
    assertThat(OuterHeader.bytes(Encapsulation.IPIP, false)).isEqualTo(40);
  }

  /** Were it another one, agents of two versions would not understand each other. */
  @Test
  void tagIsTheSameOnEveryMachineAndInEveryVersion() {
    VipKey vip = new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, 80);
    BackendKey backend = new BackendKey(Ip.parse("10.0.0.1"), 8080);
    assertThat(bytes(Tag.of(vip, backend))).isEqualTo("00002bba60af1bcf");
  }

  @Test
  void tagTellsApartAllThatMakesABackend() {
    Set<Long> tags = new HashSet<>();
    Ip address = Ip.parse("203.0.113.10");
    Ip backend = Ip.parse("10.0.0.1");
    for (VipKey vip :
        List.of(
            new VipKey(address, Protocol.TCP, 80),
            new VipKey(address, Protocol.UDP, 80),
            new VipKey(address, Protocol.TCP, 81),
            new VipKey(address, Protocol.TCP, 80, 81),
            new VipKey(Ip.parse("203.0.113.11"), Protocol.TCP, 80),
            new VipKey(Ip.parse("2001:db8::10"), Protocol.TCP, 80))) {
      for (BackendKey key :
          List.of(
              new BackendKey(backend, 80),
              new BackendKey(backend, 0),
              new BackendKey(Ip.parse("10.0.0.2"), 80),
              new BackendKey(Ip.parse("2001:db8::1"), 80))) {
        long tag = Tag.of(vip, key);
        assertThat(tags.add(tag)).as("%s of %s", key, vip).isTrue();
        assertThat(bytes(tag)).startsWith("00").hasSize(16);
      }
    }
  }

  private static String bytes(long tag) {
    byte[] bytes = ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(tag).array();
    return HexFormat.of().formatHex(bytes);
  }
}
