// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.alloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ExtentAllocatorTest {

  private static final long GRACE = 10;

  @Test
  void firstGapThatIsLongEnoughIsTaken() {
    ExtentAllocator allocator = new ExtentAllocator(1000, 0);
    assertThat(allocator.allocate(101, 0)).hasValue(0);
    assertThat(allocator.allocate(251, 0)).hasValue(101);
    assertThat(allocator.allocate(101, 0)).hasValue(352);
    allocator.free(101, 0);
    assertThat(allocator.allocate(503, 0)).hasValue(453);
    assertThat(allocator.allocate(101, 0)).hasValue(101);
    assertThat(allocator.inUse()).isEqualTo(101 + 101 + 503 + 101);
  }

  @Test
  void freeNeighboursMerge() {
    ExtentAllocator allocator = new ExtentAllocator(300, 0);
    for (int i = 0; i < 3; i++) {
      allocator.allocate(100, 0);
    }
    allocator.free(0, 0);
    allocator.free(200, 0);
    allocator.free(100, 0);
    assertThat(allocator.allocate(300, 0)).hasValue(0);
    assertThat(allocator.longestGap()).isZero();
  }

  /** PACKETS.md row 37. */
  @Test
  void freedRunRestsForTheGracePeriod() {
    ExtentAllocator allocator = new ExtentAllocator(100, GRACE);
    allocator.allocate(100, 0);
    allocator.free(0, 50);
    assertThat(allocator.inUse()).isZero();
    assertThat(allocator.allocate(1, 59)).isEmpty();
    assertThat(allocator.allocate(100, 60)).hasValue(0);
  }

  @Test
  void restoredRunIsInUse() {
    ExtentAllocator allocator = new ExtentAllocator(100, GRACE);
    allocator.restore(10, 20);
    allocator.restore(30, 70);
    assertThat(allocator.allocate(11, 0)).isEmpty();
    assertThat(allocator.allocate(10, 0)).hasValue(0);
    assertThatThrownBy(() -> allocator.restore(29, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("slots 29 to 29 are not all free");
    assertThatThrownBy(() -> new ExtentAllocator(100, 0).restore(99, 2))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> new ExtentAllocator(100, 0).restore(Integer.MAX_VALUE, 2))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void impossibleRunsAreRefused() {
    ExtentAllocator allocator = new ExtentAllocator(100, GRACE);
    assertThat(allocator.allocate(101, 0)).isEmpty();
    assertThatThrownBy(() -> allocator.allocate(0, 0)).hasMessageContaining("run of 0 slots");
    allocator.allocate(10, 0);
    assertThatThrownBy(() -> allocator.free(5, 0)).hasMessageContaining("starts at slot 5");
    allocator.free(0, 0);
    assertThatThrownBy(() -> allocator.free(0, 0)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void runsNeverOverlapNorComeBackTooEarlyAndNoneIsLost() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    ExtentAllocator allocator = new ExtentAllocator(5000, GRACE);
    long[] notBefore = new long[5000];
    Map<Integer, Integer> runs = new HashMap<>();
    long now = 0;
    for (; now < 20_000; now++) {
      if (random.nextInt(5) < 3) {
        int length = 1 + random.nextInt(300);
        OptionalInt start = allocator.allocate(length, now);
        if (start.isPresent()) {
          for (int slot = start.getAsInt(); slot < start.getAsInt() + length; slot++) {
            assertThat(notBefore[slot]).as("seed %d", seed).isLessThanOrEqualTo(now);
            notBefore[slot] = Long.MAX_VALUE;
          }
          runs.put(start.getAsInt(), length);
        }
      } else if (!runs.isEmpty()) {
        List<Integer> starts = new ArrayList<>(runs.keySet());
        int start = starts.get(random.nextInt(starts.size()));
        allocator.free(start, now);
        Arrays.fill(notBefore, start, start + runs.remove(start), now + GRACE);
      }
      int inUse = runs.values().stream().mapToInt(Integer::intValue).sum();
      assertThat(allocator.inUse()).as("seed %d", seed).isEqualTo(inUse);
    }
    for (int start : runs.keySet()) {
      allocator.free(start, now);
    }
    assertThat(allocator.allocate(5000, now + GRACE)).as("seed %d", seed).hasValue(0);
  }
}
