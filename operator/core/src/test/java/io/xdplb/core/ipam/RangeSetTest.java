// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.IpRange;
import java.math.BigInteger;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class RangeSetTest {

  @Test
  void isTheSameAsASetOfAddresses() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    // Near both ends of both families, where there is no next or previous address.
    Ip[] bases = {
      Ip.parse("0.0.0.0"),
      Ip.parse("255.255.255.240"),
      Ip.parse("::"),
      Ip.parse("2001:db8::ffff:ffff:ffff:fff8"),
      Ip.parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0")
    };
    RangeSet set = new RangeSet();
    TreeSet<Ip> plain = new TreeSet<>();
    for (int step = 0; step < 5000; step++) {
      Ip base = bases[random.nextInt(bases.length)];
      int first = random.nextInt(16);
      int last = first + random.nextInt(16 - first);
      IpRange range =
          new IpRange(base.plus(BigInteger.valueOf(first)), base.plus(BigInteger.valueOf(last)));
      boolean adds = random.nextBoolean();
      if (adds) {
        set.add(range);
      } else {
        set.remove(range);
      }
      for (int i = first; i <= last; i++) {
        Ip ip = base.plus(BigInteger.valueOf(i));
        if (adds) {
          plain.add(ip);
        } else {
          plain.remove(ip);
        }
      }
      String at = "seed " + seed + " step " + step;
      Ip probe = base.plus(BigInteger.valueOf(random.nextInt(16)));
      assertThat(set.contains(probe)).as(at).isEqualTo(plain.contains(probe));
      Ip above = plain.ceiling(probe);
      assertThat(set.from(probe).orElse(null))
          .as(at)
          .isEqualTo(above != null && above.isIpv4() == probe.isIpv4() ? above : null);
      for (boolean isIpv4 : new boolean[] {true, false}) {
        var family = plain.stream().filter(ip -> ip.isIpv4() == isIpv4).toList();
        assertThat(set.size(isIpv4)).as(at).isEqualTo(BigInteger.valueOf(family.size()));
        if (!family.isEmpty()) {
          int index = random.nextInt(family.size());
          assertThat(set.nth(isIpv4, BigInteger.valueOf(index)))
              .as(at)
              .isEqualTo(family.get(index));
        }
      }
      var ranges = set.ranges();
      for (int i = 1; i < ranges.size(); i++) {
        assertThat(ranges.get(i - 1).last().next())
            .as(at + ": ranges do not touch")
            .isNotEqualTo(java.util.Optional.of(ranges.get(i).first()));
      }
    }
  }

  @Test
  void aSlash64IsOneRange() {
    RangeSet set = new RangeSet();
    set.add(IpRange.of(Cidr.parse("2001:db8::/64")));
    assertThat(set.ranges()).hasSize(1);
    assertThat(set.size(false)).isEqualTo(BigInteger.ONE.shiftLeft(64));
    set.remove(Ip.parse("2001:db8::5"));
    assertThat(set.ranges()).hasSize(2);
  }
}
