// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CidrTest {

  @ParameterizedTest
  @CsvSource({
    "10.0.0.0/8, 10.0.0.0/8",
    "10.1.2.3/8, 10.0.0.0/8",
    "255.255.255.255/31, 255.255.255.254/31",
    "198.51.100.7/32, 198.51.100.7/32",
    "198.51.100.7/0, 0.0.0.0/0",
    "2001:DB8:0::ffff/32, 2001:db8::/32",
    "2001:db8:1:2:3:4:5:6/64, 2001:db8:1:2::/64",
    "2001:db8:1:2:ffff:4:5:6/65, 2001:db8:1:2:8000::/65",
    "2001:db8::7/128, 2001:db8::7/128",
    "2001:db8::7/0, ::/0"
  })
  void equalBlocksAreEqualHoweverTheyAreWritten(String text, String canonical) {
    assertThat(Cidr.parse(text)).hasToString(canonical).isEqualTo(Cidr.parse(canonical));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "everybody",
        "10.0.0.1",
        "10.0.0.0/33",
        "2001:db8::/129",
        "10.0.0.0/-1",
        "10.0.0.0/08",
        "10.0.0.0/",
        "/8",
        "10.0.0/8",
        "10.0.0.0/8/8",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/8 ",
        "::ffff:10.0.0.0/104",
        "fe80::%eth0/64"
      })
  void anythingElseIsRefused(String text) {
    assertThatThrownBy(() -> Cidr.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  /** Against the definition: the addresses whose first bits are those of the block. */
  @Test
  void containsTheAddressesThatHaveItsPrefix() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 20_000; round++) {
      byte[] bytes = new byte[random.nextBoolean() ? 4 : 16];
      random.nextBytes(bytes);
      Ip block = Ip.ofBytes(bytes);
      int bits = 8 * bytes.length;
      int prefix = random.nextInt(bits + 1);
      byte[] other = bytes.clone();
      int flipped = random.nextInt(bits);
      other[flipped / 8] ^= (byte) (0x80 >> flipped % 8);
      boolean same =
          new BigInteger(1, bytes)
              .shiftRight(bits - prefix)
              .equals(new BigInteger(1, other).shiftRight(bits - prefix));
      assertThat(new Cidr(block, prefix).contains(Ip.ofBytes(other)))
          .as("seed %d: %s/%d, bit %d", seed, block, prefix, flipped)
          .isEqualTo(same);
    }
    assertThat(Cidr.parse("0.0.0.0/0").contains(Ip.parse("::"))).as("of another family").isFalse();
  }

  @Test
  void accessWithoutRangesIsOpenAndWithAnEmptyListClosed() {
    Ip client = Ip.parse("198.51.100.1");
    assertThat(Access.OPEN.admits(client)).isTrue();
    assertThat(Access.from(List.of(), UnavailablePolicy.REJECT).admits(client)).isFalse();
    Access some =
        Access.from(
            List.of(Cidr.parse("2001:db8::/32"), Cidr.parse("198.51.100.0/31")),
            UnavailablePolicy.REJECT);
    assertThat(some.admits(client)).isTrue();
    assertThat(some.admits(Ip.parse("198.51.100.2"))).isFalse();
    assertThat(some.ofFamily(false).admits(client)).isFalse();
    assertThat(some.ofFamily(false).admits(Ip.parse("2001:db8::1"))).isTrue();
    assertThat(Access.OPEN.ofFamily(true)).isEqualTo(Access.OPEN);
  }

  @Test
  void accessIsTheSameInAnyOrderAndHoweverOftenABlockIsListed() {
    Cidr a = Cidr.parse("10.0.0.0/8");
    Cidr b = Cidr.parse("10.0.0.0/9");
    assertThat(Access.from(List.of(b, a, b), UnavailablePolicy.DROP))
        .isEqualTo(Access.from(List.of(a, b), UnavailablePolicy.DROP));
  }
}
