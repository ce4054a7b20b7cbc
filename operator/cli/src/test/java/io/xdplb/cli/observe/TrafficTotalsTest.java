// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.observe;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.BackendStatus;
import io.xdplb.datapath.VipStatus;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TrafficTotalsTest {

  private final TrafficTotals totals = new TrafficTotals();

  @Test
  void whatWasCountedBeforeTheFirstReadingIsNotCounted() {
    totals.read(List.of(vip(1, backend(1, 1000))));
    assertThat(totals.total().packetsToBackend()).isZero();
    totals.read(List.of(vip(1, backend(1, 1010))));
    assertThat(totals.total().packetsToBackend()).isEqualTo(10);
    assertThat(totals.total().bytesToBackend()).isEqualTo(1000);
  }

  @Test
  void aNewBackendCountsFromZero() {
    totals.read(List.of(vip(1, backend(1, 5))));
    totals.read(List.of(vip(1, backend(1, 5), backend(2, 7)), vip(2, backend(1, 11))));
    assertThat(totals.total().packetsToBackend()).isEqualTo(18);
  }

  @Test
  void aRemovedBackendTakesNothingAway() {
    totals.read(List.of(vip(1, backend(1, 0), backend(2, 0))));
    totals.read(List.of(vip(1, backend(1, 10), backend(2, 20))));
    totals.read(List.of(vip(1, backend(1, 11))));
    assertThat(totals.total().packetsToBackend()).isEqualTo(31);
    totals.read(List.of());
    assertThat(totals.total().packetsToBackend()).isEqualTo(31);
    assertThat(totals.byVip()).isEmpty();
  }

  @Test
  void aBackendThatIsProgrammedAnewCountsFromZeroAgain() {
    totals.read(List.of(vip(1, backend(1, 100))));
    totals.read(List.of(vip(1, backend(1, 3))));
    assertThat(totals.total().packetsToBackend()).isEqualTo(3);
  }

  @Test
  void eachVipHasItsOwn() {
    totals.read(List.of(vip(1, backend(1, 0)), vip(2, backend(1, 0))));
    totals.read(List.of(vip(1, backend(1, 4)), vip(2, backend(1, 6))));
    assertThat(totals.byVip().values())
        .extracting(TrafficTotals.Traffic::packetsToBackend)
        .containsExactly(4L, 6L);
  }

  private static VipStatus vip(int number, BackendStatus... backends) {
    return new VipStatus(
        new VipKey(Ip.parse("203.0.113." + number), Protocol.TCP, 80),
        0,
        new Access(Optional.empty(), UnavailablePolicy.REJECT),
        1,
        0,
        Arrays.asList(backends));
  }

  private static BackendStatus backend(int number, long packets) {
    return new BackendStatus(
        new BackendKey(Ip.parse("198.51.100." + number), 80),
        Delivery.NAT,
        false,
        true,
        0,
        1,
        packets,
        100 * packets,
        packets,
        100 * packets,
        packets,
        0);
  }
}
