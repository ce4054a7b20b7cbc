// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.maglev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import java.util.List;
import org.junit.jupiter.api.Test;

class RingTest {
  private static final BackendKey A = new BackendKey(Ip.parse("10.0.0.1"), 80);
  private static final BackendKey B = new BackendKey(Ip.parse("10.0.0.2"), 80);
  private static final BackendKey C = new BackendKey(Ip.parse("10.0.0.2"), 81);

  @Test
  void digestIgnoresBackendsWithoutSlots() {
    assertThat(new Ring(List.of(A, B, C), new int[] {0, 2, 2}).digest())
        .isEqualTo(new Ring(List.of(A, C), new int[] {0, 1, 1}).digest())
        .matches("[0-9a-f]{32}");
  }

  @Test
  void digestTellsSlotsBackendsAndSizeApart() {
    assertThat(
            List.of(
                Ring.EMPTY.digest(),
                new Ring(List.of(A), new int[] {0}).digest(),
                new Ring(List.of(B), new int[] {0}).digest(),
                new Ring(List.of(C), new int[] {0}).digest(),
                new Ring(List.of(A), new int[] {0, 0}).digest(),
                new Ring(List.of(A, B), new int[] {0, 1}).digest(),
                new Ring(List.of(A, B), new int[] {1, 0}).digest()))
        .doesNotHaveDuplicates();
  }

  @Test
  void slotsCannotBeChangedFromOutside() {
    int[] slots = {0, 0};
    Ring ring = new Ring(List.of(A, B), slots);
    slots[0] = 1;
    ring.slots()[1] = 1;
    assertThat(ring).isEqualTo(new Ring(List.of(A, B), new int[] {0, 0}));
  }

  @Test
  void slotThatNamesNoBackendIsRefused() {
    assertThatThrownBy(() -> new Ring(List.of(A), new int[] {1}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("backend 1 of 1");
  }
}
