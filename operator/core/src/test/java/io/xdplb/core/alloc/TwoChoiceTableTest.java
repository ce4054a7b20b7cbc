// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.alloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.alloc.TwoChoiceTable.Move;
import io.xdplb.core.alloc.TwoChoiceTable.Placement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TwoChoiceTableTest {

  private record Key(int number, int bucket1, int bucket2) {}

  /** The slots as a reader sees them, written one step at a time. */
  private static final class Slots {
    private final Key[] slots;

    Slots(int buckets) {
      slots = new Key[buckets * TwoChoiceTable.SLOTS_PER_BUCKET];
    }

    boolean finds(Key key) {
      return key.equals(slots[2 * key.bucket1()])
          || key.equals(slots[2 * key.bucket1() + 1])
          || key.equals(slots[2 * key.bucket2()])
          || key.equals(slots[2 * key.bucket2() + 1]);
    }
  }

  @Test
  void moreThanFourFifthsOfTheSlotsCanBeFilled() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int moves = 0;
    double worst = 1;
    for (int round = 0; round < 20; round++) {
      int buckets = 1024;
      TwoChoiceTable<Key> table = new TwoChoiceTable<>(buckets, 0);
      Optional<Placement<Key>> placement;
      do {
        Key key = key(table.size(), buckets, random);
        placement = table.insert(key, key.bucket1(), key.bucket2(), 0);
        moves += placement.map(p -> p.moves().size()).orElse(0);
      } while (placement.isPresent());
      worst = Math.min(worst, table.size() / (2.0 * buckets));
    }
    System.out.printf(
        "TwoChoiceTable: first refusal at %.1f %% of 2048 slots (worst of 20), %d moves a round%n",
        100 * worst, moves / 20);
    assertThat(worst).as("seed %d", seed).isGreaterThan(0.8);
  }

  /** Keys come and go near the limit; after every single write every key is found. */
  @Test
  void readerFindsEveryKeyAfterEachStep() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int buckets = 64;
    TwoChoiceTable<Key> table = new TwoChoiceTable<>(buckets, 3);
    Slots slots = new Slots(buckets);
    List<Key> present = new ArrayList<>();
    int moves = 0;
    for (int step = 0; step < 5000; step++) {
      if (present.size() < 100 && random.nextInt(4) > 0) {
        Key key = key(step, buckets, random);
        Optional<Placement<Key>> placement = table.insert(key, key.bucket1(), key.bucket2(), step);
        if (placement.isPresent()) {
          for (Move<Key> move : placement.get().moves()) {
            assertThat(slots.slots[move.fromSlot()]).as("seed %d", seed).isEqualTo(move.key());
            slots.slots[move.toSlot()] = move.key();
            assertThat(present).as("seed %d", seed).allMatch(slots::finds);
            moves++;
          }
          slots.slots[placement.get().slot()] = key;
          present.add(key);
        }
      } else if (!present.isEmpty()) {
        Key key = present.remove(random.nextInt(present.size()));
        int slot = table.remove(key, step);
        assertThat(slots.slots[slot]).as("seed %d", seed).isEqualTo(key);
        slots.slots[slot] = null;
      }
      assertThat(present).as("seed %d", seed).allMatch(slots::finds);
      assertThat(table.size()).isEqualTo(present.size());
    }
    assertThat(moves).as("seed %d: keys moved", seed).isPositive();
  }

  @Test
  void fullTableRefusesAndChangesNothing() {
    TwoChoiceTable<String> table = new TwoChoiceTable<>(2, 0);
    Map<String, Integer> placed = new HashMap<>();
    for (String key : List.of("a", "b", "c", "d")) {
      placed.put(key, table.insert(key, 0, 1, 0).orElseThrow().slot());
    }
    assertThat(table.insert("e", 0, 1, 0)).isEmpty();
    placed.forEach((key, slot) -> assertThat(table.slotOf(key)).hasValue(slot));
    assertThat(table.size()).isEqualTo(4);
    assertThat(table.slotOf("e")).isEmpty();
  }

  @Test
  void occupantMovesToItsOtherBucketToMakeRoom() {
    TwoChoiceTable<String> table = new TwoChoiceTable<>(2, 0);
    table.insert("a", 0, 1, 0);
    table.insert("b", 0, 0, 0);
    assertThat(table.insert("c", 0, 0, 0))
        .contains(new Placement<>(0, List.of(new Move<>("a", 0, 2))));
    assertThat(table.slotOf("a")).hasValue(2);
  }

  /** PACKETS.md row 37. */
  @Test
  void slotOfARemovedKeyRestsForTheGracePeriod() {
    TwoChoiceTable<String> table = new TwoChoiceTable<>(1, 10);
    table.insert("a", 0, 0, 0);
    table.insert("b", 0, 0, 0);
    assertThat(table.remove("a", 100)).isZero();
    assertThat(table.insert("c", 0, 0, 109)).isEmpty();
    assertThat(table.insert("c", 0, 0, 110)).contains(new Placement<>(0, List.of()));
  }

  @Test
  void restoredKeysAreWhereTheyWereFound() {
    TwoChoiceTable<String> table = new TwoChoiceTable<>(3, 0);
    assertThat(table.restore("a", 0, 2, 5)).isTrue();
    assertThat(table.slotOf("a")).hasValue(5);
    assertThat(table.restore("a", 0, 2, 1)).as("left by an interrupted move").isFalse();
    assertThat(table.insert("b", 0, 0, 0)).contains(new Placement<>(0, List.of()));
    assertThat(table.insert("c", 0, 0, 0)).contains(new Placement<>(1, List.of()));
    assertThatThrownBy(() -> table.restore("d", 0, 1, 0)).hasMessageContaining("which is taken");
    assertThatThrownBy(() -> table.restore("d", 0, 1, 4)).hasMessageContaining("belongs to bucket");
    assertThatThrownBy(() -> table.restore("d", 0, 1, -1)).hasMessageContaining("belongs to");
  }

  @Test
  void misuseIsRefused() {
    TwoChoiceTable<String> table = new TwoChoiceTable<>(2, 0);
    table.insert("a", 0, 1, 0);
    assertThatThrownBy(() -> table.insert("a", 0, 1, 0)).hasMessageContaining("already");
    assertThatThrownBy(() -> table.insert("b", 2, 0, 0)).hasMessageContaining("bucket 2 of 2");
    assertThatThrownBy(() -> table.insert("b", 0, -1, 0)).hasMessageContaining("bucket -1 of 2");
    assertThatThrownBy(() -> table.remove("b", 0)).hasMessageContaining("b is not in the table");
  }

  private static Key key(int number, int buckets, Random random) {
    return new Key(number, random.nextInt(buckets), random.nextInt(buckets));
  }
}
