// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.alloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;

class IndexAllocatorTest {

  private static final long GRACE = 10;

  @Test
  void lowestFreeIndexComesFirst() {
    IndexAllocator allocator = new IndexAllocator(3, 0);
    assertThat(allocator.allocate(0)).hasValue(0);
    assertThat(allocator.allocate(0)).hasValue(1);
    assertThat(allocator.allocate(0)).hasValue(2);
    assertThat(allocator.allocate(0)).isEmpty();
    allocator.free(1, 5);
    allocator.free(0, 5);
    assertThat(allocator.allocate(5)).hasValue(0);
    assertThat(allocator.inUse()).isEqualTo(2);
  }

  /** PACKETS.md row 37. */
  @Test
  void freedIndexRestsForTheGracePeriod() {
    IndexAllocator allocator = new IndexAllocator(1, GRACE);
    allocator.allocate(0);
    allocator.free(0, 100);
    assertThat(allocator.inUse()).isZero();
    assertThat(allocator.allocate(109)).isEmpty();
    assertThat(allocator.allocate(110)).hasValue(0);
  }

  @Test
  void restoredIndexIsInUse() {
    IndexAllocator allocator = new IndexAllocator(3, GRACE);
    allocator.restore(0);
    allocator.restore(2);
    assertThat(allocator.allocate(0)).hasValue(1);
    assertThat(allocator.allocate(0)).isEmpty();
    assertThatThrownBy(() -> allocator.restore(2)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> allocator.restore(3)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void whatIsNotInUseCannotBeFreed() {
    IndexAllocator allocator = new IndexAllocator(3, GRACE);
    assertThatThrownBy(() -> allocator.free(0, 0)).hasMessageContaining("0 is not in use");
    allocator.allocate(0);
    allocator.free(0, 0);
    assertThatThrownBy(() -> allocator.free(0, 0)).hasMessageContaining("0 is not in use");
    assertThatThrownBy(() -> allocator.free(-1, 0)).hasMessageContaining("-1 is not in use");
  }

  @Test
  void noIndexIsInTwoHandsOrBackTooEarly() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    IndexAllocator allocator = new IndexAllocator(50, GRACE);
    Map<Integer, Long> notBefore = new HashMap<>();
    for (long now = 0; now < 20_000; now++) {
      if (random.nextInt(5) < 3) {
        OptionalInt index = allocator.allocate(now);
        if (index.isPresent()) {
          Long earliest = notBefore.put(index.getAsInt(), Long.MAX_VALUE);
          assertThat(earliest == null || earliest <= now).as("seed %d", seed).isTrue();
        }
      } else {
        int index = random.nextInt(50);
        if (notBefore.getOrDefault(index, 0L) == Long.MAX_VALUE) {
          allocator.free(index, now);
          notBefore.put(index, now + GRACE);
        }
      }
    }
  }
}
