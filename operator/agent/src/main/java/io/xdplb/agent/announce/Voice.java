// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * When to tell LANs of the addresses that this node has: some times when it gets one, then now and
 * then, because switches forget. Not more than {@value #A_MILLISECOND} a millisecond, so that a
 * thousand addresses are no storm. Times are in milliseconds.
 */
final class Voice {

  private static final int A_MILLISECOND = 5;

  /** When it is told, after it has got the address. */
  private static final long[] BURST = {0, 100, 300, 1000, 3000};

  private static final long REPEAT = 30_000;

  /** No more than this is made up for after a pause. */
  private static final long LONGEST_PAUSE = 20;

  private record Turn(long due, Ip address, int step, long begun) {}

  private final Map<Ip, Turn> turns = new HashMap<>();

  /** With turns that are no longer those of their addresses. */
  private final PriorityQueue<Turn> queue = new PriorityQueue<>(Comparator.comparing(Turn::due));

  private long spokeAt;

  /** This node has got an address, or the LAN may have forgotten that it has. */
  void begin(Ip address, long now) {
    put(new Turn(now, address, 0, now));
  }

  /** It no longer has it. */
  void end(Ip address) {
    turns.remove(address);
  }

  /** All of them from the beginning. */
  void again(long now) {
    queue.clear();
    List.copyOf(turns.keySet()).forEach(address -> begin(address, now));
  }

  /** The addresses to tell now. */
  List<Ip> due(long now) {
    long most = A_MILLISECOND * Math.min(Math.max(now - spokeAt, 0), LONGEST_PAUSE);
    List<Ip> due = new ArrayList<>();
    while (!queue.isEmpty() && queue.peek().due <= now && due.size() < most) {
      Turn turn = queue.poll();
      if (turn == turns.get(turn.address)) {
        due.add(turn.address);
        int next = turn.step + 1;
        long at = next < BURST.length ? turn.begun + BURST[next] : now + REPEAT;
        put(new Turn(at, turn.address, next, turn.begun));
      }
    }
    if (most > 0) {
      spokeAt = now;
    }
    return due;
  }

  /** When there is something to tell; {@link Long#MAX_VALUE} if never. */
  long nextDue() {
    return queue.isEmpty() ? Long.MAX_VALUE : queue.peek().due;
  }

  private void put(Turn turn) {
    turns.put(turn.address, turn);
    queue.add(turn);
  }
}
