// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.claims;

import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.VipKey;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Who has a VIP when several LoadBalancers want it or one that overlaps it: the one that was
 * created first, and of those created at the same time the one whose namespace, then name, sorts
 * first. The ranges and ports of one LoadBalancer may overlap each other, and are its own affair. A
 * change costs as much as the VIPs that it is about, those that overlap them, and their claimants,
 * however many others there are.
 *
 * <p>Not safe for use by several threads at once.
 */
public final class VipClaims {

  /**
   * A VIP that its claimant does not have.
   *
   * @param vip what is claimed
   * @param winner the oldest one that claims it or a VIP that overlaps it
   */
  public record Conflict(VipKey vip, ObjectName winner) {}

  private static final int MAX_PORT = 65_535;

  private record Claimant(Instant createdAt, ObjectName name) implements Comparable<Claimant> {
    private static final Comparator<Claimant> ORDER =
        Comparator.comparing(Claimant::createdAt).thenComparing(Claimant::name);

    @Override
    public int compareTo(Claimant other) {
      return ORDER.compare(this, other);
    }
  }

  private record Claims(Claimant claimant, Set<VipKey> vips) {}

  private final Map<ObjectName, Claims> claims = new HashMap<>();
  private final NavigableMap<VipKey, TreeSet<Claimant>> claimants = new TreeMap<>();

  /** The keys of {@code claimants} that are ranges: few, and each has few of the same address. */
  private final NavigableSet<VipKey> ranges = new TreeSet<>();

  /**
   * Says what a LoadBalancer claims, in place of what it claimed before.
   *
   * @param createdAt when it was created
   * @param vips all that it claims
   * @return whoever now has other VIPs, or another one in its way, than before; {@code owner}
   *     itself if that is so for it
   */
  public Set<ObjectName> set(ObjectName owner, Instant createdAt, Set<VipKey> vips) {
    Claims now =
        new Claims(new Claimant(Objects.requireNonNull(createdAt), owner), Set.copyOf(vips));
    Claims before = claims.get(owner);
    if (now.equals(before)) {
      return Set.of();
    }
    Set<VipKey> touched = new HashSet<>(now.vips());
    if (before != null) {
      touched.addAll(before.vips());
    }
    Map<VipKey, ObjectName> winners = winners(touched);
    Set<ObjectName> changed = new HashSet<>();
    if (before != null) {
      before.vips().forEach(vip -> withdraw(vip, before.claimant()));
    }
    claims.put(owner, now);
    now.vips().forEach(vip -> enter(vip, now.claimant()));
    if (before == null ? !vips.isEmpty() : !before.vips().equals(now.vips())) {
      changed.add(owner);
    }
    addAffected(winners, changed);
    return changed;
  }

  /**
   * Ends all claims of a LoadBalancer; nothing happens if it has none.
   *
   * @return whoever now has other VIPs, or another one in its way, than before; never {@code owner}
   */
  public Set<ObjectName> remove(ObjectName owner) {
    Claims before = claims.remove(owner);
    if (before == null) {
      return Set.of();
    }
    Map<VipKey, ObjectName> winners = winners(before.vips());
    before.vips().forEach(vip -> withdraw(vip, before.claimant()));
    Set<ObjectName> changed = new HashSet<>();
    addAffected(winners, changed);
    return changed;
  }

  /**
   * Who has a VIP; empty if nobody has it, because nobody claims it or because an older claim to
   * one that overlaps it is in the way.
   */
  public Optional<ObjectName> winner(VipKey vip) {
    return oldest(vip).filter(name -> vips(name).contains(vip));
  }

  /** The VIPs that a LoadBalancer has. */
  public Set<VipKey> held(ObjectName owner) {
    Set<VipKey> held = new HashSet<>(vips(owner));
    held.removeIf(vip -> !winner(vip).equals(Optional.of(owner)));
    return held;
  }

  /** The VIPs that a LoadBalancer claims and does not have, ordered by key. */
  public List<Conflict> conflicts(ObjectName owner) {
    return vips(owner).stream()
        .map(vip -> new Conflict(vip, oldest(vip).orElseThrow()))
        .filter(conflict -> !conflict.winner().equals(owner))
        .sorted(Comparator.comparing(Conflict::vip))
        .toList();
  }

  /** The oldest one that claims a VIP or one that overlaps it. */
  private Optional<ObjectName> oldest(VipKey vip) {
    return overlapping(vip).stream()
        .map(key -> claimants.get(key).first())
        .min(Comparator.naturalOrder())
        .map(Claimant::name);
  }

  private Set<VipKey> vips(ObjectName owner) {
    Claims own = claims.get(owner);
    return own == null ? Set.of() : own.vips();
  }

  private void enter(VipKey vip, Claimant claimant) {
    claimants.computeIfAbsent(vip, key -> new TreeSet<>()).add(claimant);
    if (vip.isRange()) {
      ranges.add(vip);
    }
  }

  private void withdraw(VipKey vip, Claimant claimant) {
    TreeSet<Claimant> all = claimants.get(vip);
    all.remove(claimant);
    if (all.isEmpty()) {
      claimants.remove(vip);
      ranges.remove(vip);
    }
  }

  /** All that somebody claims and that overlap a VIP, itself included. */
  private Set<VipKey> overlapping(VipKey vip) {
    VipKey from = new VipKey(vip.address(), vip.protocol(), vip.port());
    VipKey to = new VipKey(vip.address(), vip.protocol(), vip.endPort(), MAX_PORT);
    Set<VipKey> found = new HashSet<>(claimants.subMap(from, true, to, true).keySet());
    VipKey lowest = new VipKey(vip.address(), vip.protocol(), 1);
    ranges.subSet(lowest, true, from, false).stream().filter(vip::overlaps).forEach(found::add);
    return found;
  }

  /**
   * The oldest claimants of these and of all that overlap them; {@code null} for one without any.
   */
  private Map<VipKey, ObjectName> winners(Set<VipKey> vips) {
    Map<VipKey, ObjectName> winners = new HashMap<>();
    for (VipKey vip : vips) {
      winners.put(vip, oldest(vip).orElse(null));
      for (VipKey other : overlapping(vip)) {
        winners.put(other, oldest(other).orElse(null));
      }
    }
    return winners;
  }

  /** Everybody who claims a VIP whose winner has changed sees another outcome. */
  private void addAffected(Map<VipKey, ObjectName> winnersBefore, Set<ObjectName> changed) {
    winnersBefore.forEach(
        (vip, before) -> {
          TreeSet<Claimant> all = claimants.get(vip);
          if (all != null && !oldest(vip).equals(Optional.ofNullable(before))) {
            all.forEach(claimant -> changed.add(claimant.name()));
          }
        });
  }
}
