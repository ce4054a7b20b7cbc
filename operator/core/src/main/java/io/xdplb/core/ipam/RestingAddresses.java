// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Addresses that were given up and are not free yet: nodes may still have them for somebody, or the
 * hold of their pool is not over.
 */
final class RestingAddresses {

  private static final class Rest {
    private ObjectName lastOwner;

    /** For whom nodes may still have the address. */
    private final Set<ObjectName> lingering = new HashSet<>();

    /** The end of the hold; {@code null} while somebody lingers. */
    private Instant until;
  }

  private record Hold(Instant until, Ip ip) implements Comparable<Hold> {
    private static final Comparator<Hold> ORDER =
        Comparator.comparing(Hold::until).thenComparing(Hold::ip);

    @Override
    public int compareTo(Hold other) {
      return ORDER.compare(this, other);
    }
  }

  private final Map<Ip, Rest> rests = new HashMap<>();
  private final Map<ObjectName, NavigableSet<Ip>> byOwner = new HashMap<>();
  private final NavigableSet<Hold> holds = new TreeSet<>();

  /** An owner gives up an address, and nodes have it until {@link #leave} is said. */
  void add(ObjectName owner, Ip ip) {
    Rest rest = rests.computeIfAbsent(ip, key -> new Rest());
    endHold(ip, rest);
    ObjectName before = rest.lastOwner;
    rest.lastOwner = owner;
    rest.lingering.add(owner);
    byOwner.computeIfAbsent(owner, key -> new TreeSet<>()).add(ip);
    if (before != null) {
      forgetUnconcerned(before, ip, rest);
    }
  }

  /** No node has the address any more for one that gave it up. */
  void leave(ObjectName owner, Ip ip) {
    Rest rest = rests.get(ip);
    if (rest != null && rest.lingering.remove(owner)) {
      forgetUnconcerned(owner, ip, rest);
    }
  }

  /** Nobody lingers, and the address rests for its own sake until then. */
  void hold(Ip ip, Instant until) {
    Rest rest = rests.get(ip);
    rest.until = until;
    holds.add(new Hold(until, ip));
  }

  /** Somebody has the address again; nodes may still have it for others than this one. */
  void taken(ObjectName owner, Ip ip) {
    Rest rest = rests.get(ip);
    if (rest != null) {
      rest.lingering.remove(owner);
      endHold(ip, rest);
      if (rest.lingering.isEmpty()) {
        end(ip);
      } else {
        forgetUnconcerned(owner, ip, rest);
      }
    }
  }

  /** The address does not rest any more. */
  void end(Ip ip) {
    Rest rest = rests.remove(ip);
    endHold(ip, rest);
    Set<ObjectName> owners = new HashSet<>(rest.lingering);
    owners.add(rest.lastOwner);
    owners.forEach(owner -> drop(owner, ip));
  }

  boolean contains(Ip ip) {
    return rests.containsKey(ip);
  }

  Set<Ip> all() {
    return rests.keySet();
  }

  boolean isLingering(Ip ip) {
    Rest rest = rests.get(ip);
    return rest != null && !rest.lingering.isEmpty();
  }

  boolean isLingering(ObjectName owner, Ip ip) {
    Rest rest = rests.get(ip);
    return rest != null && rest.lingering.contains(owner);
  }

  /** On whose account somebody else cannot have an address; empty if he can. */
  Optional<ObjectName> inTheWayOf(ObjectName other, Ip ip) {
    Rest rest = rests.get(ip);
    if (rest == null) {
      return Optional.empty();
    }
    return rest.lastOwner.equals(other)
        ? rest.lingering.stream().filter(owner -> !owner.equals(other)).findFirst()
        : Optional.of(rest.lastOwner);
  }

  /** Addresses that nodes may have for an owner, or that it had last. */
  NavigableSet<Ip> of(ObjectName owner) {
    return byOwner.getOrDefault(owner, new TreeSet<>());
  }

  Set<ObjectName> owners() {
    return byOwner.keySet();
  }

  Optional<Instant> nextEnd() {
    return holds.isEmpty() ? Optional.empty() : Optional.of(holds.first().until());
  }

  /** The next address whose hold is over. */
  Optional<Ip> over(Instant now) {
    return holds.isEmpty() || holds.first().until().isAfter(now)
        ? Optional.empty()
        : Optional.of(holds.first().ip());
  }

  private void endHold(Ip ip, Rest rest) {
    if (rest.until != null) {
      holds.remove(new Hold(rest.until, ip));
      rest.until = null;
    }
  }

  private void forgetUnconcerned(ObjectName owner, Ip ip, Rest rest) {
    if (!rest.lingering.contains(owner) && !owner.equals(rest.lastOwner)) {
      drop(owner, ip);
    }
  }

  private void drop(ObjectName owner, Ip ip) {
    byOwner.computeIfPresent(
        owner,
        (name, ips) -> {
          ips.remove(ip);
          return ips.isEmpty() ? null : ips;
        });
  }
}
