// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.alloc.ExtentAllocator;
import io.xdplb.core.maglev.Ring;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.MapMemory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntSupplier;

/**
 * The maps {@code rings} and {@code ring_histories}, and the histories of slots that moved. A
 * history is written before the slot that refers to it, a whole ring of another size before the VIP
 * that refers to it; what is no longer referred to rests before it is used again.
 */
final class RingTable {
  private final BpfMap slots;
  private final BpfMap slotHistories;
  private final HistoryPool histories;
  private final HistoryRules rules;
  private final IntSupplier jiffies;

  /** In lines. */
  private final ExtentAllocator stretches;

  /**
   * @param jiffies the kernel's time
   */
  RingTable(Maps maps, HistoryRules rules, IntSupplier jiffies, long grace) {
    slots = maps.map("rings");
    slotHistories = maps.map("ring_histories");
    histories = new HistoryPool(maps.map("histories"), grace);
    this.rules = rules;
    this.jiffies = jiffies;
    stretches = new ExtentAllocator(slots.info().maxEntries(), grace);
  }

  HistoryPool histories() {
    return histories;
  }

  /** Takes over the ring of an adopted VIP, whose backends are known. */
  void adopt(VipEntry vip, long word) {
    RingState ring = vip.ring;
    ring.start = (int) (word >>> 32);
    ring.size = (int) word;
    if (ring.size == 0) {
      return;
    }
    try {
      if (ring.size < 0 || ring.start % Layouts.RingLine.SLOTS != 0) {
        throw new IllegalArgumentException("no stretch of lines");
      }
      stretches.restore(line(ring.start), RingStretch.lines(ring.size));
    } catch (IllegalArgumentException | IllegalStateException e) {
      ring.clear(); // no agent has written that
      ring.digest = RingState.DAMAGED;
      return;
    }
    try (RingStretch stretch = stretch(ring.start, ring.size)) {
      long[] words = stretch.read();
      Set<Integer> foreign = new HashSet<>(Set.of(0));
      for (int slot = 0; slot < words.length; slot++) {
        int history = RingSlot.history(words[slot]);
        if (ring.histories.contains(history)
            || !foreign.contains(history) && histories.restore(history)) {
          ring.histories.add(history);
        } else if (history != 0) {
          foreign.add(history);
          stretch.publish(slot, RingSlot.of(RingSlot.current(words[slot]), 0));
        }
      }
      ring.digest = RingSlot.ring(words, vip.handles()).map(Ring::digest).orElse(RingState.DAMAGED);
    }
  }

  /**
   * Puts another ring in place of the VIP's. The caller publishes {@link RingState#word}, and then
   * gives the former stretch to {@link #free}. Where no backend takes new flows the slots stay,
   * each without an owner and with its former ones.
   *
   * @return the word of the former stretch if it is to be freed
   * @throws DatapathException if there is no room; nothing has changed then
   */
  Optional<Long> set(VipEntry vip, Ring ring, long now) {
    RingState state = vip.ring;
    int size = ring.size() == 0 ? state.size : ring.size();
    if (size == 0) {
      state.clear();
      return Optional.empty();
    }
    Optional<Long> former = Optional.empty();
    int start = state.start;
    if (size != state.size) {
      start =
          Layouts.RingLine.SLOTS
              * stretches
                  .allocate(RingStretch.lines(size), now)
                  .orElseThrow(
                      () ->
                          new DatapathException(
                              DatapathException.Reason.MapFull,
                              "no stretch of %d free ring slots for %s; raise --max-ring-slots"
                                  .formatted(size, vip.key)));
      former = state.size == 0 ? former : Optional.of(state.word());
    }
    write(vip, ring, start, size, now);
    state.start = start;
    state.size = size;
    state.digest = ring.digest();
    return former;
  }

  private void write(VipEntry vip, Ring ring, int start, int size, long now) {
    RingState state = vip.ring;
    int[] currents = currents(vip, ring, size);
    long[] former = new long[0];
    if (state.size > 0) {
      try (RingStretch stretch = stretch(state.start, state.size)) {
        former = stretch.read();
      }
    }
    long[] known = withOwnHistories(former, state);
    Map<Integer, BackendLine> live = vip.handles();
    RingSuccession next;
    try (MapMemory lines = histories.map()) {
      next =
          new RingSuccession(
              known,
              currents,
              h -> histories.read(lines, h).owners(),
              live::containsKey,
              h -> live.get(h).isRemembered());
    }
    int[] written = writeLines(next.lines, now);
    histories.forget(next.forgotten);
    Set<Integer> used = new HashSet<>();
    boolean inPlace = start == state.start && size == state.size;
    try (RingStretch stretch = stretch(start, size)) {
      for (int slot = 0; slot < size; slot++) {
        int history = next.histories[slot];
        history = history < 0 ? written[~history] : history;
        long word = RingSlot.of(currents[slot], history);
        if (!inPlace || former[slot] != word) {
          stretch.publish(slot, word);
        }
        if (history != 0) {
          used.add(history);
        }
      }
    }
    replaceHistories(state, used, now);
  }

  private static int[] currents(VipEntry vip, Ring ring, int size) {
    int[] currents = new int[size];
    int[] handles =
        ring.backends().stream()
            .map(vip.backends::get)
            .mapToInt(line -> line == null ? 0 : line.handle())
            .toArray();
    for (int slot = 0; slot < ring.size(); slot++) {
      currents[slot] = handles[ring.slot(slot)];
    }
    return currents;
  }

  /** Answers their indices; 0 for those for which there was no room. */
  private int[] writeLines(List<int[]> owners, long now) {
    int[] written = owners.stream().mapToInt(line -> histories.allocate(now)).toArray();
    if (written.length > 0) {
      int moved = jiffies.getAsInt();
      try (MapMemory lines = histories.map()) {
        for (int i = 0; i < written.length; i++) {
          if (written[i] != 0) {
            histories.write(lines, written[i], new HistoryPool.Line(owners.get(i), moved, 0));
          } else {
            histories.forget(owners.get(i).length);
          }
        }
      }
    }
    return written;
  }

  private void replaceHistories(RingState state, Set<Integer> used, long now) {
    state.histories.stream()
        .filter(history -> !used.contains(history))
        .forEach(history -> histories.free(history, now));
    state.histories = used;
  }

  /** A slot that somebody else has written to may refer to a history that is not this VIP's. */
  private static long[] withOwnHistories(long[] words, RingState state) {
    long[] known = words.clone();
    for (int slot = 0; slot < known.length; slot++) {
      int history = RingSlot.history(known[slot]);
      if (history != 0 && !state.histories.contains(history)) {
        known[slot] = RingSlot.of(RingSlot.current(known[slot]), 0);
      }
    }
    return known;
  }

  /** Gives back a stretch that nothing refers to any more. */
  void free(long word, long now) {
    stretches.free(line((int) (word >>> 32)), now);
  }

  /** Gives back all that a VIP has, after it was retracted. */
  void remove(RingState ring, long now) {
    if (ring.size > 0) {
      stretches.free(line(ring.start), now);
      ring.histories.forEach(history -> histories.free(history, now));
    }
    ring.clear();
  }

  /**
   * Ends the histories that are of no use any more.
   *
   * @return whether nothing is left of a ring without owners: the caller publishes that there is
   *     none, and calls {@link #remove}
   */
  boolean settle(VipEntry vip, long now) {
    RingState ring = vip.ring;
    if (!ring.histories.isEmpty()) {
      Map<Integer, BackendLine> live = vip.handles();
      boolean remembers = live.values().stream().anyMatch(BackendLine::isRemembered);
      int time = jiffies.getAsInt();
      Map<Integer, Integer> changed = new HashMap<>();
      List<HistoryPool.Line> replacements = new ArrayList<>();
      List<Integer> replaced = new ArrayList<>();
      try (MapMemory lines = histories.map()) {
        for (int history : ring.histories) {
          HistoryPool.Line line = histories.read(lines, history);
          Optional<HistoryPool.Line> after = rules.after(line, live::get, remembers, time);
          if (after.isEmpty()) {
            changed.put(history, 0);
          } else if (after.get() != line) {
            replaced.add(history);
            replacements.add(after.get());
          }
        }
      }
      replace(changed, replaced, replacements, now);
      refer(ring, changed, now);
    }
    return ring.size > 0 && ring.histories.isEmpty() && ring.digest.equals(Ring.EMPTY.digest());
  }

  private void replace(
      Map<Integer, Integer> changed, List<Integer> replaced, List<HistoryPool.Line> by, long now) {
    if (replaced.isEmpty()) {
      return;
    }
    int[] written = by.stream().mapToInt(line -> histories.allocate(now)).toArray();
    try (MapMemory lines = histories.map()) {
      for (int i = 0; i < written.length; i++) {
        if (written[i] != 0) { // else the old one stays until there is room
          histories.write(lines, written[i], by.get(i));
          changed.put(replaced.get(i), written[i]);
        }
      }
    }
  }

  /** Has slots refer to other histories. */
  private void refer(RingState ring, Map<Integer, Integer> changed, long now) {
    if (changed.isEmpty()) {
      return;
    }
    Set<Integer> used = new HashSet<>();
    try (RingStretch stretch = stretch(ring.start, ring.size)) {
      long[] words = stretch.read();
      long[] known = withOwnHistories(words, ring);
      for (int slot = 0; slot < words.length; slot++) {
        int before = RingSlot.history(known[slot]);
        int after = changed.getOrDefault(before, before);
        long word = RingSlot.of(RingSlot.current(words[slot]), after);
        if (word != words[slot]) {
          stretch.publish(slot, word);
        }
        if (after != 0) {
          used.add(after);
        }
      }
    }
    replaceHistories(ring, used, now);
  }

  private RingStretch stretch(int start, int size) {
    return new RingStretch(slots, slotHistories, start, size);
  }

  private static int line(int slot) {
    return slot / Layouts.RingLine.SLOTS;
  }
}
