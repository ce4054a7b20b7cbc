// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What this node says of addresses, with the version in which each was last changed: whoever has a
 * version needs only what was changed after it.
 */
final class Board {

  private record Posted(AddressState state, long version) {}

  private long version;
  private final Map<Ip, Posted> byAddress = new HashMap<>();
  private final TreeMap<Long, AddressState> byVersion = new TreeMap<>();

  /** Versions in which an address came to be nothing. */
  private final Deque<Long> nothings = new ArrayDeque<>();

  /** Counts up with each change. */
  long version() {
    return version;
  }

  /** Says it, if it is not what was said last. */
  void post(AddressState state) {
    Posted before = byAddress.get(state.address());
    if (before == null ? state.isNothing() : before.state.equals(state)) {
      return;
    }
    if (before != null) {
      byVersion.remove(before.version);
    }
    byAddress.put(state.address(), new Posted(state, ++version));
    byVersion.put(version, state);
    if (state.isNothing()) {
      nothings.add(version);
    }
  }

  /** The oldest changes after a version, at most so many; the map's keys are versions. */
  List<Map.Entry<Long, AddressState>> after(long since, int most) {
    List<Map.Entry<Long, AddressState>> changes = new ArrayList<>();
    for (Map.Entry<Long, AddressState> change : byVersion.tailMap(since, false).entrySet()) {
      if (changes.size() == most) {
        break;
      }
      changes.add(change);
    }
    return changes;
  }

  /** Forgets addresses that are nothing and of which everybody knows it. */
  void prune(long known) {
    while (!nothings.isEmpty() && nothings.peek() <= known) {
      long nothing = nothings.remove();
      AddressState state = byVersion.get(nothing);
      if (state != null) {
        byVersion.remove(nothing);
        byAddress.remove(state.address());
      }
    }
  }
}
