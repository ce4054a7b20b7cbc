// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.api.v1alpha1.Protocol;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VipKeyTest {

  @Test
  void aRangeThatBeginsAtAPortIsAnotherVipThanThePort() {
    assertThat(range(8000, 8999)).isNotEqualTo(range(8000, 8000)).isGreaterThan(range(8000, 8000));
    assertThat(range(8000, 8000))
        .isEqualTo(new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, 8000));
    assertThat(range(8000, 8999)).hasToString("TCP 203.0.113.10:8000-8999");
    assertThat(new VipKey(Ip.parse("2001:db8::1"), Protocol.UDP, 1, 2))
        .hasToString("UDP [2001:db8::1]:1-2");
    assertThat(new BackendKey(Ip.parse("10.0.0.1"), 0)).hasToString("10.0.0.1:*");
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "-1, 5", "80, 79", "1, 65536", "70000, 70000"})
  void portsOutOfBoundsAreRefused(int port, int endPort) {
    assertThatThrownBy(() -> range(port, endPort))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("ports " + port + " to " + endPort);
  }

  /** All pairs of ranges of few ports, against sets of ports. */
  @Test
  void overlapsAndCrossesAsTheirSetsOfPortsDo() {
    for (int a = 1; a <= 5; a++) {
      for (int b = a; b <= 5; b++) {
        for (int c = 1; c <= 5; c++) {
          for (int d = c; d <= 5; d++) {
            int from = c;
            int to = d;
            long common = IntStream.rangeClosed(a, b).filter(p -> p >= from && p <= to).count();
            assertThat(range(a, b).overlaps(range(c, d))).isEqualTo(common > 0);
            assertThat(range(a, b).crosses(range(c, d)))
                .as("%d-%d %d-%d", a, b, c, d)
                .isEqualTo(common > 0 && common < b - a + 1 && common < d - c + 1);
          }
        }
      }
    }
    VipKey udp = new VipKey(Ip.parse("203.0.113.10"), Protocol.UDP, 1, 9);
    assertThat(range(1, 9).overlaps(udp)).isFalse();
  }

  private static VipKey range(int port, int endPort) {
    return new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, port, endPort);
  }
}
