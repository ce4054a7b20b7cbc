// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Whoever had a flow is found by its hash, whatever became of the ring since. */
class RingSuccessionTest {
  private static final int[] SIZES = {101, 409, 1009};

  /** A ring as it develops, and who had each of some hashes, newest first. */
  private static final class History {
    final Random random;
    final Map<Integer, int[]> lines = new HashMap<>();
    final Set<Integer> live = new HashSet<>();
    final long[] hashes = new long[2000];
    final List<List<Integer>> owners = new ArrayList<>();
    long[] ring = new long[0];
    int lastHandle;
    int lastLine;
    int forgotten;

    History(Random random) {
      this.random = random;
      for (int i = 0; i < hashes.length; i++) {
        hashes[i] = i < 2 ? i * 0xffff_ffffL : random.nextInt() & 0xffff_ffffL;
        owners.add(new ArrayList<>());
      }
    }

    void addBackends(int count) {
      for (int i = 0; i < count; i++) {
        live.add(++lastHandle);
      }
    }

    void failOne() {
      live.remove(new ArrayList<>(live).get(random.nextInt(live.size())));
    }

    /** Each slot keeps its owner with some probability, if it can; none has one if nobody takes. */
    void change(int size, List<Integer> takers, double kept) {
      int[] currents = new int[size];
      for (int slot = 0; slot < size && !takers.isEmpty(); slot++) {
        int before =
            ring.length == 0 ? 0 : RingSlot.current(ring[(int) ((long) slot * ring.length / size)]);
        currents[slot] =
            takers.contains(before) && random.nextDouble() < kept
                ? before
                : takers.get(random.nextInt(takers.size()));
      }
      RingSuccession next =
          new RingSuccession(ring, currents, lines::get, live::contains, handle -> false);
      forgotten += next.forgotten;
      int[] numbers = next.lines.stream().mapToInt(line -> ++lastLine).toArray();
      for (int i = 0; i < numbers.length; i++) {
        lines.put(numbers[i], next.lines.get(i));
      }
      ring = new long[size];
      for (int slot = 0; slot < size; slot++) {
        int history = next.histories[slot];
        ring[slot] = RingSlot.of(currents[slot], history < 0 ? numbers[~history] : history);
      }
      for (int i = 0; i < hashes.length; i++) {
        Integer current = RingSlot.current(slotOf(hashes[i]));
        if (current != 0) {
          owners.get(i).remove(current);
          owners.get(i).add(0, current);
        }
      }
    }

    long slotOf(long hash) {
      return ring[(int) (hash * ring.length >>> 32)];
    }

    /** The former owners in the hash's slot. */
    List<Integer> found(long hash) {
      int history = RingSlot.history(slotOf(hash));
      return history == 0 ? List.of() : Arrays.stream(lines.get(history)).boxed().toList();
    }

    /** Those that had the hash, are still there, and have it no more. */
    List<Integer> expected(int number) {
      Integer current = RingSlot.current(slotOf(hashes[number]));
      return owners.get(number).stream()
          .filter(live::contains)
          .filter(owner -> !owner.equals(current))
          .toList();
    }
  }

  @Test
  void everyFormerOwnerThatIsStillThereIsFoundAlsoWhenTheSizeChanges() {
    long seed = System.nanoTime();
    System.out.println(getClass().getSimpleName() + " seed " + seed);
    Random random = new Random(seed);
    for (int run = 0; run < 20; run++) {
      History history = new History(random);
      history.addBackends(3);
      for (int step = 0; step < 40; step++) {
        if (history.live.size() > 2 && random.nextInt(3) == 0) {
          history.failOne();
        }
        if (history.live.size() < Layouts.History.OWNERS) {
          history.addBackends(random.nextInt(2));
        }
        List<Integer> takers = new ArrayList<>(history.live);
        takers.removeIf(backend -> random.nextInt(4) == 0); // drain, or have no weight
        int size =
            random.nextInt(3) > 0 && step > 0 ? history.ring.length : SIZES[random.nextInt(3)];
        history.change(size, takers, random.nextDouble());
        for (int i = 0; i < history.hashes.length; i++) {
          assertThat(history.found(history.hashes[i]))
              .as("seed %d, run %d, step %d, hash %x", seed, run, step, history.hashes[i])
              .containsAll(history.expected(i))
              .doesNotHaveDuplicates()
              .doesNotContain(RingSlot.current(history.slotOf(history.hashes[i])));
        }
      }
      assertThat(history.forgotten).isZero();
    }
  }

  @Test
  void inARingOfOneSizeTheLastTwelveAreFoundNewestFirst() {
    long seed = System.nanoTime();
    System.out.println(getClass().getSimpleName() + " seed " + seed);
    History history = new History(new Random(seed));
    history.addBackends(20);
    List<Integer> takers = new ArrayList<>(history.live);
    for (int step = 0; step < 60; step++) {
      history.change(409, takers, 0.5);
      for (int i = 0; i < history.hashes.length; i++) {
        List<Integer> expected = history.expected(i);
        assertThat(history.found(history.hashes[i]))
            .as("seed %d, step %d, hash %x", seed, step, history.hashes[i])
            .isEqualTo(expected.subList(0, Math.min(Layouts.History.OWNERS, expected.size())));
      }
    }
    assertThat(history.forgotten).isPositive();
  }

  @Test
  void slotThatKeepsItsOwnerKeepsItsHistory() {
    Map<Integer, int[]> lines = Map.of(7, new int[] {3});
    long[] former = {RingSlot.of(1, 7), RingSlot.of(1, 0), RingSlot.of(2, 7)};
    RingSuccession next =
        new RingSuccession(
            former, new int[] {1, 1, 1}, lines::get, handle -> true, handle -> false);
    assertThat(next.histories[0]).isEqualTo(7);
    assertThat(next.histories[1]).isZero();
    assertThat(next.lines.get(~next.histories[2])).containsExactly(2, 3);
  }

  /** What is not remembered is taken for a flow of the last in the line. */
  @Test
  void firstServerOfASlotStaysTheLastAlsoWhenItIsThePresentOneAgain() {
    long[] ring = {RingSlot.of(2, 0)};
    int[] line = {};
    int[][] expected = {{2}, {4, 2}, {4, 2}, {5, 2}};
    int[] owners = {4, 2, 5, 4};
    for (int step = 0; step < owners.length; step++) {
      int[] before = line;
      RingSuccession next =
          new RingSuccession(
              ring, new int[] {owners[step]}, h -> before, handle -> true, handle -> true);
      line = next.lines.get(0);
      assertThat(line).as("step %d", step).containsExactly(expected[step]);
      ring[0] = RingSlot.of(owners[step], 1);
    }
    int[] all = line;
    RingSuccession gone = // when it has failed, its flows have ended
        new RingSuccession(ring, new int[] {6}, h -> all, handle -> handle != 2, h -> true);
    assertThat(gone.lines.get(0)).containsExactly(4, 5);
  }

  @Test
  void slotsOfTheSameFormerOwnersShareALine() {
    long[] former = {RingSlot.of(1, 0), RingSlot.of(1, 0), RingSlot.of(2, 0), RingSlot.of(1, 0)};
    RingSuccession next =
        new RingSuccession(
            former, new int[] {3, 4, 3, 1}, h -> null, handle -> true, handle -> false);
    assertThat(next.histories).containsExactly(~0, ~0, ~1, 0);
    assertThat(next.lines).containsExactly(new int[] {1}, new int[] {2});
  }

  @Test
  void ringWithoutOwnersKeepsThoseThatWere() {
    long[] former = {RingSlot.of(1, 0), RingSlot.of(2, 0)};
    RingSuccession none =
        new RingSuccession(former, new int[2], h -> null, handle -> true, handle -> false);
    assertThat(none.lines).containsExactly(new int[] {1}, new int[] {2});
    long[] ghost = {RingSlot.of(0, 1), RingSlot.of(0, 2)};
    Map<Integer, int[]> lines = Map.of(1, new int[] {1}, 2, new int[] {2});
    RingSuccession back =
        new RingSuccession(ghost, new int[] {1, 1}, lines::get, handle -> true, handle -> false);
    assertThat(back.histories).containsExactly(0, ~0);
    assertThat(back.lines).containsExactly(new int[] {2});
  }

  /** The largest ring there is, a tenth of which moves; and one that grows to it. */
  @Test
  void largestRingTakesMilliseconds() {
    int size = 65537;
    long[] former = new long[size];
    int[] currents = new int[size];
    for (int slot = 0; slot < size; slot++) {
      former[slot] = RingSlot.of(1 + slot % 600, 0);
      currents[slot] = slot % 10 == 0 ? 700 : 1 + slot % 600;
    }
    long[] small = Arrays.copyOf(former, 16001);
    long moving = Long.MAX_VALUE;
    long growing = Long.MAX_VALUE;
    for (int i = 0; i < 20; i++) {
      long start = System.nanoTime();
      RingSuccession next = new RingSuccession(former, currents, h -> null, h -> true, h -> false);
      moving = Math.min(moving, System.nanoTime() - start);
      assertThat(next.lines).hasSizeLessThan(601);
      start = System.nanoTime();
      new RingSuccession(small, currents, h -> null, h -> true, h -> false);
      growing = Math.min(growing, System.nanoTime() - start);
    }
    System.out.printf(
        "%d slots: a tenth moves %d µs, from 16001 %d µs%n",
        size, TimeUnit.NANOSECONDS.toMicros(moving), TimeUnit.NANOSECONDS.toMicros(growing));
    assertThat(moving).as("ns").isLessThan(TimeUnit.MILLISECONDS.toNanos(50));
    assertThat(growing).as("ns").isLessThan(TimeUnit.MILLISECONDS.toNanos(500));
  }
}
