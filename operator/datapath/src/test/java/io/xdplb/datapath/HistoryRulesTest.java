// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** How long former owners are remembered. Time is in jiffies, and about to go round. */
class HistoryRulesTest {
  private static final int SECOND = 250;
  private static final int SILENCE = 7440 * SECOND;
  private static final int MOVED = -1000;
  private static final int DAY = 24 * 3600;
  private static final Ip NODE = Ip.parse("198.51.100.9");
  private static final HistoryRules RULES = new HistoryRules(SECOND, SILENCE);

  private final Map<Integer, BackendLine> backends = new HashMap<>();

  private void backend(int handle, Delivery delivery, int drainSeconds) {
    BackendKey key = new BackendKey(Ip.parse("198.51.100." + handle), 80);
    Way way = new Way(new Ip(0, 0, true), Optional.empty(), 0, false);
    backends.put(handle, new BackendLine(handle, 1, key, delivery, way, true, drainSeconds, 0));
  }

  private Optional<HistoryPool.Line> after(HistoryPool.Line line, int seconds) {
    boolean remembers = backends.values().stream().anyMatch(BackendLine::isRemembered);
    return RULES.after(line, backends::get, remembers, MOVED + seconds * SECOND);
  }

  private static HistoryPool.Line line(int... owners) {
    return new HistoryPool.Line(owners, MOVED, 0);
  }

  @Test
  void agentsAreAskedForADay() {
    backend(1, Delivery.pod(NODE), 0);
    HistoryPool.Line line = line(1);
    assertThat(after(line, 0)).containsSame(line);
    assertThat(after(line, DAY)).containsSame(line);
    assertThat(after(line, DAY + 1)).isEmpty();
  }

  @Test
  void historyOfOwnersThatHaveGoneEndsAtOnce() {
    backend(1, Delivery.pod(NODE), 0);
    HistoryPool.Line line = line(2, 3);
    assertThat(after(line, 1)).isEmpty();
    assertThat(after(line(2, 1), 1)).isPresent();
  }

  @Test
  void serversAreTakenForTheirFlowsOwnersForAsLongAsTheyDrainAndNoLessThanFiveMinutes() {
    backend(1, Delivery.ipip(NODE), 10);
    backend(2, Delivery.L2, 900);
    HistoryPool.Line line = line(1, 2);
    assertThat(after(line, 300)).containsSame(line);
    assertOwners(after(line, 301), 2);
    assertOwners(after(line, 900), 2);
    assertOwners(after(line, 901));
    assertThat(after(line, 901).orElseThrow().moved()).isEqualTo(MOVED);
  }

  @Test
  void agentsAreAskedOnWhereServersAreTakenOut() {
    backend(1, Delivery.gue(NODE), 0);
    backend(2, Delivery.pod(NODE), 0);
    assertOwners(after(line(1, 2), 301), 2);
  }

  @Test
  void rememberedFlowsAreLookedForUntilNoneWasSeenForAsLongAsAConnectionMayBeSilent() {
    backend(1, Delivery.ipip(NODE), 0);
    HistoryPool.Line without = after(line(1), 301).orElseThrow();
    assertThat(without.seen()).as("when it began").isEqualTo(MOVED + 301 * SECOND);
    assertThat(after(without, 301 + 7440)).containsSame(without);
    assertThat(after(without, 301 + 7441)).isEmpty();
    HistoryPool.Line seen = new HistoryPool.Line(new int[0], MOVED, MOVED + 9000 * SECOND);
    assertThat(after(seen, 9000 + 7440)).containsSame(seen);
    assertThat(after(seen, 9000 + 7441)).isEmpty();
  }

  @Test
  void flowsOfServersThatAreAllGoneAreNotLookedFor() {
    backend(1, Delivery.pod(NODE), 0);
    assertThat(after(line(), 400)).isEmpty();
  }

  private static void assertOwners(Optional<HistoryPool.Line> line, int... owners) {
    assertThat(line).isPresent();
    assertThat(line.get().owners()).as("%s", Arrays.toString(owners)).containsExactly(owners);
  }
}
