// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * All that can happen to two or three nodes with two addresses in so many steps with so many
 * deviations: never do two nodes answer for one address. {@link SmallWorld} looks after each
 * change.
 */
class ExhaustiveTest {

  private static final int ADDRESSES = 2;

  private long states;
  private long reached;
  private long allOwned;
  private List<SmallWorld.Deviation> all;
  private final Deque<Object> path = new ArrayDeque<>();

  /** How many deviations were left when a state was reached: with fewer it has nothing new. */
  private final Map<Long, Integer> seen = new HashMap<>();

  @ParameterizedTest
  @CsvSource({
    "3, 0, 6, 2, ''",
    "3, 8, 6, 2, ''",
    "3, 8, 5, 3, 'KILL RESTART ISOLATE HOLD'",
    "2, 10, 9, 2, ''",
    "2, 10, 6, 3, 'KILL RESTART CUT HOLD API_AWAY'"
  })
  void neverTwoOwners(int size, int quiet, int steps, int deviations, String kinds) {
    SmallWorld world = new SmallWorld(size, ADDRESSES);
    for (int step = 0; step < quiet; step++) {
      world.step();
    }
    if (quiet > 0) {
      assertThat(world.owned()).as("well before anything happens").isEqualTo(ADDRESSES);
    }
    all =
        world.deviations().stream()
            .filter(d -> kinds.isEmpty() || List.of(kinds.split(" ")).contains(d.kind().name()))
            .toList();
    explore(world, steps, deviations);
    System.out.printf(
        "ExhaustiveTest: %d nodes, %d kinds of deviation, %d of them in %d steps: %d states, in"
            + " %d reached again; all owned at the end of %d%n",
        size, all.size(), deviations, steps, states, reached, allOwned);
    assertThat(allOwned).isPositive();
  }

  private void explore(SmallWorld world, int steps, int deviations) {
    states++;
    if (steps == 0) {
      allOwned += world.owned() == ADDRESSES ? 1 : 0;
      return;
    }
    long state = ObjectGraph.fingerprint(world) + steps;
    Integer before = seen.get(state);
    if (before != null && before >= deviations) {
      reached++;
      return;
    }
    seen.put(state, deviations);
    if (deviations > 0) {
      for (SmallWorld.Deviation deviation : all) {
        branch(world, deviation, steps, deviations - 1);
      }
    }
    branch(world, null, steps - 1, deviations);
  }

  private void branch(SmallWorld world, SmallWorld.Deviation deviation, int steps, int left) {
    SmallWorld next = ObjectGraph.copy(world);
    path.add(deviation == null ? "step" : deviation);
    try {
      if (deviation == null) {
        next.step();
      } else {
        next.deviate(deviation);
      }
    } catch (AssertionError e) {
      throw new AssertionError(e.getMessage() + ": " + path, e);
    }
    explore(next, steps, left);
    path.removeLast();
  }
}
