// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/**
 * Which former owners each slot of a new ring has: those whose flows may still be in it. A slot
 * that keeps its owner keeps its history. One that moves gets a new one: the owner that it had,
 * then those before, without those that have gone. A slot of a ring of another size covers parts of
 * several old slots, and inherits from all of them.
 *
 * <p>Of a backend whose flows are remembered here nobody can be asked: what is not remembered is
 * taken for a flow of the oldest owner. So that one stays the last of its slot's line, also when it
 * is the present owner again.
 *
 * <p>Slots with the same former owners share one line. Pure: handles in, handles out.
 */
final class RingSuccession {
  /**
   * For each new slot the history: 0 for none, above 0 the one that a former slot had, below 0 the
   * complement of an index into {@link #lines}.
   */
  final int[] histories;

  /** Former owners, newest first, of which there are 1 to {@link Layouts.History#OWNERS}. */
  final List<int[]> lines = new ArrayList<>();

  /** How many former owners had no room in a line. */
  int forgotten;

  private final int[] currents;
  private final long[] former;
  private final IntFunction<int[]> owners;
  private final IntPredicate live;
  private final IntPredicate remembered;
  private final Map<IntBuffer, Integer> numbers = new HashMap<>();

  /**
   * @param former the slots of the ring as it was, see {@link RingSlot}; none if there was none
   * @param currents the new owners, slot by slot; 0 where nobody takes new flows
   * @param owners the former owners of a history, newest first
   * @param live whether a handle still has its entry
   * @param remembered whether its flows are remembered here; of live ones
   */
  RingSuccession(
      long[] former,
      int[] currents,
      IntFunction<int[]> owners,
      IntPredicate live,
      IntPredicate remembered) {
    this.former = former;
    this.currents = currents;
    this.owners = owners;
    this.live = live;
    this.remembered = remembered;
    histories = new int[currents.length];
    for (int slot = 0; slot < currents.length && former.length > 0; slot++) {
      histories[slot] = history(slot);
    }
  }

  private int history(int slot) {
    boolean sameSize = former.length == currents.length;
    if (sameSize && RingSlot.current(former[slot]) == currents[slot]) {
      return RingSlot.history(former[slot]);
    }
    int first = sameSize ? slot : formerSlot(firstHash(slot));
    int last = sameSize ? slot : formerSlot(firstHash(slot + 1) - 1);
    Set<Integer> kept = new HashSet<>();
    boolean moves = false;
    for (int i = first; i <= last; i++) {
      moves |= RingSlot.current(former[i]) != currents[slot];
      kept.add(RingSlot.history(former[i]));
    }
    kept.remove(0);
    if (!moves && kept.size() <= 1) {
      return kept.isEmpty() ? 0 : kept.iterator().next();
    }
    return line(formerOwners(first, last, currents[slot]));
  }

  /** The first of the 2^32 hashes that a new slot covers. */
  private long firstHash(int slot) {
    return (((long) slot << 32) + currents.length - 1) / currents.length;
  }

  private int formerSlot(long hash) {
    return (int) (hash * former.length >>> 32);
  }

  /** The owners that some slots had, then those that had them before, one generation at a time. */
  private int[] formerOwners(int first, int last, int current) {
    Set<Integer> found = new LinkedHashSet<>();
    List<int[]> earlier = new ArrayList<>();
    for (int i = first; i <= last; i++) {
      found.add(RingSlot.current(former[i]));
      if (RingSlot.history(former[i]) != 0) {
        earlier.add(owners.apply(RingSlot.history(former[i])));
      }
    }
    for (int age = 0; age < Layouts.History.OWNERS; age++) {
      for (int[] line : earlier) {
        if (age < line.length) {
          found.add(line[age]);
        }
      }
    }
    int oldest = first == last ? oldest(RingSlot.current(former[first]), earlier) : 0;
    found.remove(current);
    found.removeIf(handle -> handle == 0 || !live.test(handle));
    if (oldest != 0 && remembered.test(oldest) && !found.isEmpty()) {
      found.remove(oldest);
      found.add(oldest); // the last, and there again if it is the present one
    }
    return found.stream().mapToInt(handle -> handle).toArray();
  }

  /** The first owner of a slot that is still there; 0: none is. */
  private int oldest(int current, List<int[]> earlier) {
    int[] line = earlier.isEmpty() ? new int[0] : earlier.get(0);
    for (int age = line.length - 1; age >= 0; age--) {
      if (live.test(line[age])) {
        return line[age];
      }
    }
    return live.test(current) ? current : 0;
  }

  private int line(int[] owners) {
    if (owners.length == 0) {
      return 0;
    }
    int[] line = owners;
    if (owners.length > Layouts.History.OWNERS) {
      forgotten += owners.length - Layouts.History.OWNERS;
      line = Arrays.copyOf(owners, Layouts.History.OWNERS);
      int oldest = owners[owners.length - 1];
      if (remembered.test(oldest)) {
        line[line.length - 1] = oldest;
      }
    }
    int next = lines.size();
    Integer number = numbers.putIfAbsent(IntBuffer.wrap(line), next);
    if (number == null) {
      lines.add(line);
      number = next;
    }
    return ~number;
  }
}
