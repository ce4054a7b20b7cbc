// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.core.model.ObjectName;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Whether a table that was taken away has left the nodes. An address is not given to somebody else
 * before: a node that still has the old table would bring the new owner's clients to the old one's
 * backends.
 *
 * <p>A node whose Node object is gone is not waited for. One that does not follow for any other
 * reason, because its agent does not run or it cannot reach the API server, is waited for as long
 * as the patience lasts and no longer, so that everything ends by itself.
 */
final class Departures {

  private final TableEvidence evidence;
  private final Duration patience;
  private final Clock clock;
  private final Map<ObjectName, Instant> since = new ConcurrentHashMap<>();

  /**
   * @param holders nodes that may still have the table, in order
   * @param isGivenUp whether they are not waited for any longer
   */
  record Departure(List<String> holders, boolean isGivenUp) {

    boolean isOver() {
      return holders.isEmpty() || isGivenUp;
    }
  }

  /**
   * @param patience with nodes that do not follow, from when the table was first seen to be gone
   */
  Departures(TableEvidence evidence, Duration patience, Clock clock) {
    this.evidence = evidence;
    this.patience = patience;
    this.clock = clock;
  }

  /**
   * How far a departure is.
   *
   * @param table one that is not stored, and will not be as long as this is asked
   */
  Departure of(ObjectName table, ClusterView cluster) {
    List<String> holders = Fleet.holders(cluster.livingNodes(), table, evidence.absence(table));
    if (holders.isEmpty()) {
      since.remove(table);
      return new Departure(holders, false);
    }
    Instant begun = since.computeIfAbsent(table, key -> clock.instant());
    return new Departure(holders, !clock.instant().isBefore(begun.plus(patience)));
  }

  /** The table is there again, or nobody asks any more. */
  void forget(ObjectName table) {
    since.remove(table);
  }
}
