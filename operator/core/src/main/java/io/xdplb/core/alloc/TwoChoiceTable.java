// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.alloc;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Where to place keys in a table in which a reader looks at two buckets of {@value
 * #SLOTS_PER_BUCKET} slots and nowhere else: cuckoo hashing (Pagh, Rodler, 2001) with buckets
 * (Dietzfelbinger, Weidling, 2007; up to 89.7 % of the slots can be filled). This class decides;
 * the caller writes.
 *
 * <p>The slots of bucket b are 2b and 2b + 1. Times are of any clock and unit, the same for all
 * calls. Not safe for use by several threads at once.
 *
 * @param <K> what is placed
 */
public final class TwoChoiceTable<K> {

  /** Slots of a bucket. */
  public static final int SLOTS_PER_BUCKET = 2;

  private static final int NONE = -1;

  /**
   * A key changes its slot: it is to be written to the new one, where no other key is any more. Its
   * old slot is then overwritten by the next move, or by the key to insert.
   *
   * <p>Between two moves each key is in at least one of its buckets. A reader that is in the middle
   * of its two looks could still miss a key that moves twice as fast: let a grace period pass after
   * each move.
   */
  public record Move<K>(K key, int fromSlot, int toSlot) {}

  /**
   * Where a key goes.
   *
   * @param slot to write it to, after all moves
   * @param moves to be made before, in this order; mostly none
   */
  public record Placement<K>(int slot, List<Move<K>> moves) {
    public Placement {
      moves = List.copyOf(moves);
    }
  }

  private record Place(int bucket1, int bucket2, int slot) {
    Place at(int other) {
      return new Place(bucket1, bucket2, other);
    }
  }

  private final int buckets;
  private final Quarantine quarantine;
  private final Map<K, Place> places = new HashMap<>();
  private final List<K> slots;
  private final boolean[] resting;

  /**
   * @param buckets how many, at least 1
   * @param grace how long the slot of a removed key rests
   */
  public TwoChoiceTable(int buckets, long grace) {
    if (buckets < 1 || buckets > Integer.MAX_VALUE / SLOTS_PER_BUCKET) {
      throw new IllegalArgumentException("a table of " + buckets + " buckets");
    }
    this.buckets = buckets;
    this.quarantine = new Quarantine(grace);
    this.slots = new ArrayList<>(Collections.nCopies(buckets * SLOTS_PER_BUCKET, null));
    this.resting = new boolean[buckets * SLOTS_PER_BUCKET];
  }

  /**
   * Places a key, moving as few others as possible.
   *
   * @param bucket1 first choice, 0 to {@code buckets - 1}
   * @param bucket2 second choice, 0 to {@code buckets - 1}; may be the same
   * @return empty if there is no room, whatever is moved; nothing has changed then
   * @throws IllegalStateException if the key is in the table
   */
  public Optional<Placement<K>> insert(K key, int bucket1, int bucket2, long now) {
    requireBucket(bucket1);
    requireBucket(bucket2);
    if (places.containsKey(key)) {
      throw new IllegalStateException(key + " is in the table already");
    }
    quarantine.release(now, slot -> resting[slot] = false);
    return shortestPath(bucket1, bucket2).map(path -> follow(path, key, bucket1, bucket2));
  }

  /**
   * Takes a key out. Its slot rests and must be cleared.
   *
   * @return the slot that it had
   * @throws IllegalStateException if the key is not in the table
   */
  public int remove(K key, long now) {
    Place place = places.remove(key);
    if (place == null) {
      throw new IllegalStateException(key + " is not in the table");
    }
    slots.set(place.slot(), null);
    resting[place.slot()] = true;
    quarantine.add(place.slot(), now);
    return place.slot();
  }

  /**
   * Takes a key that was found in a slot after a restart.
   *
   * @return false if the key was restored from another slot before: one of the two was left by an
   *     interrupted move, and this slot is to be cleared
   * @throws IllegalStateException if the slot is taken, or belongs to neither bucket: then it holds
   *     something that no reader finds
   */
  public boolean restore(K key, int bucket1, int bucket2, int slot) {
    requireBucket(bucket1);
    requireBucket(bucket2);
    int bucket = Math.floorDiv(slot, SLOTS_PER_BUCKET);
    if (bucket != bucket1 && bucket != bucket2) {
      throw new IllegalStateException(
          key
              + " was found in slot "
              + slot
              + ", but belongs to bucket "
              + bucket1
              + " or "
              + bucket2);
    }
    if (slots.get(slot) != null || resting[slot]) {
      throw new IllegalStateException(key + " was found in slot " + slot + ", which is taken");
    }
    if (places.putIfAbsent(key, new Place(bucket1, bucket2, slot)) != null) {
      return false;
    }
    slots.set(slot, key);
    return true;
  }

  /** Where a key is; empty if it is not in the table. */
  public OptionalInt slotOf(K key) {
    Place place = places.get(key);
    return place == null ? OptionalInt.empty() : OptionalInt.of(place.slot());
  }

  /** How many keys there are. */
  public int size() {
    return places.size();
  }

  /**
   * The slots to shift along, from one of the new key's own to a free one: each key of the path can
   * go to the slot after its own. Breadth first, so that the fewest keys move.
   */
  private Optional<List<Integer>> shortestPath(int bucket1, int bucket2) {
    Map<Integer, Integer> cameFrom = new HashMap<>();
    Deque<Integer> frontier = new ArrayDeque<>();
    visit(bucket1, NONE, cameFrom, frontier);
    visit(bucket2, NONE, cameFrom, frontier);
    while (!frontier.isEmpty()) {
      int slot = frontier.poll();
      K occupant = slots.get(slot);
      if (occupant == null) {
        List<Integer> path = new ArrayList<>();
        for (int at = slot; at != NONE; at = cameFrom.get(at)) {
          path.add(0, at);
        }
        return Optional.of(path);
      }
      Place place = places.get(occupant);
      int own = slot / SLOTS_PER_BUCKET;
      visit(own == place.bucket1() ? place.bucket2() : place.bucket1(), slot, cameFrom, frontier);
    }
    return Optional.empty();
  }

  private void visit(
      int bucket, int from, Map<Integer, Integer> cameFrom, Deque<Integer> frontier) {
    for (int slot = bucket * SLOTS_PER_BUCKET; slot < (bucket + 1) * SLOTS_PER_BUCKET; slot++) {
      if (!resting[slot] && cameFrom.putIfAbsent(slot, from) == null) {
        frontier.add(slot);
      }
    }
  }

  private Placement<K> follow(List<Integer> path, K key, int bucket1, int bucket2) {
    List<Move<K>> moves = new ArrayList<>();
    for (int i = path.size() - 2; i >= 0; i--) {
      int from = path.get(i);
      int to = path.get(i + 1);
      K moving = slots.get(from);
      moves.add(new Move<>(moving, from, to));
      slots.set(to, moving);
      places.computeIfPresent(moving, (k, place) -> place.at(to));
    }
    int slot = path.get(0);
    slots.set(slot, key);
    places.put(key, new Place(bucket1, bucket2, slot));
    return new Placement<>(slot, moves);
  }

  private void requireBucket(int bucket) {
    if (bucket < 0 || bucket >= buckets) {
      throw new IllegalArgumentException("bucket " + bucket + " of " + buckets);
    }
  }
}
