// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.claims.VipClaims;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.InvalidTableException;
import io.xdplb.core.table.TableHash;
import io.xdplb.core.table.TableSlices;
import io.xdplb.core.table.Tables;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Which tables there are and which of their VIPs each holds. It decides; it does not program. The
 * cost of a change does not depend on how many tables there are.
 */
final class TableBook {

  /**
   * What has to be looked at after a change.
   *
   * @param tables those whose VIPs may have changed: the table itself, and others that gained or
   *     lost a VIP by it
   * @param released VIPs that the table held and that nobody holds now
   */
  record Touched(Set<ObjectName> tables, Set<VipKey> released) {}

  /**
   * One table.
   *
   * @param tableHash of the whole table; {@code null} while no valid version is known
   * @param kernelHash what the kernel's maps must hash to: the same, but for a table of which each
   *     node holds a part; {@code null} while no valid version is known
   * @param vips those of the last valid version, this node's part
   * @param whole what that is a part of; {@code null} where all nodes have the same
   * @param invalid why the newest version cannot be used; {@code null} if it can
   */
  private record Entry(
      String tableHash, String kernelHash, List<Vip> vips, List<Vip> whole, String invalid) {}

  private final String node;
  private String zone;

  private final VipClaims claims = new VipClaims();
  private final Map<ObjectName, Entry> entries = new HashMap<>();

  /**
   * @param node name of this node; {@code null} where there are no nodes
   */
  TableBook(String node) {
    this.node = node;
  }

  /**
   * Takes in a new version of a table. One that is not valid leaves the former version in force.
   *
   * @param createdAt when the table's object came into being: the older wins a VIP that two want
   */
  Touched put(ObjectName table, Instant createdAt, ForwardingTableSpec spec) {
    List<Vip> whole;
    try {
      whole = Tables.toVips(spec);
    } catch (InvalidTableException e) {
      return invalid(table, e.getMessage());
    }
    boolean hasParts = whole.stream().anyMatch(Vip::hasParts);
    if ((hasParts || TableSlices.isSplit(spec))
        && !TableHash.desired(whole).equals(spec.tableHash())) {
      return invalid(
          table,
          "the table does not hash to its tableHash: operator and agent are of different versions"
              + (TableSlices.isSplit(spec) ? ", or somebody has changed a slice" : ""));
    }
    entries.put(
        table, hasParts ? part(spec.tableHash(), whole, null) : whole(spec.tableHash(), whole));
    Set<VipKey> keys = whole.stream().map(Vip::key).collect(Collectors.toSet());
    return touched(table, () -> claims.set(table, createdAt, keys));
  }

  /**
   * Takes note of a new version of a table whose backends are not known yet. A former version stays
   * in force; without one, the VIPs are nobody else's, and are left as they are.
   *
   * @param createdAt as for {@link #put}
   */
  Touched await(ObjectName table, Instant createdAt, ForwardingTableSpec spec) {
    Entry former = entries.get(table);
    if (former != null && former.tableHash() != null) {
      return new Touched(Set.of(table), Set.of());
    }
    entries.put(table, new Entry(null, null, List.of(), null, null));
    return touched(table, () -> claims.set(table, createdAt, Tables.keys(spec)));
  }

  /**
   * Says in which zone this node is.
   *
   * @param zone {@code null} if it is in none
   * @return the tables whose VIPs may have changed by it
   */
  Set<ObjectName> moveTo(String zone) {
    Set<ObjectName> moved = new HashSet<>();
    if (!Objects.equals(zone, this.zone)) {
      this.zone = zone;
      entries.replaceAll(
          (table, entry) -> {
            if (entry.whole() == null) {
              return entry;
            }
            moved.add(table);
            return part(entry.tableHash(), entry.whole(), entry.invalid());
          });
    }
    return moved;
  }

  private static Entry whole(String tableHash, List<Vip> vips) {
    return new Entry(tableHash, tableHash, vips, null, null);
  }

  private Entry part(String tableHash, List<Vip> whole, String invalid) {
    List<Vip> vips = whole.stream().map(vip -> vip.partOf(node, zone)).toList();
    return new Entry(tableHash, TableHash.desired(vips), vips, whole, invalid);
  }

  private Touched invalid(ObjectName table, String why) {
    Entry former = entries.get(table);
    entries.put(
        table,
        former == null
            ? new Entry(null, null, List.of(), null, why)
            : new Entry(
                former.tableHash(), former.kernelHash(), former.vips(), former.whole(), why));
    return new Touched(Set.of(table), Set.of());
  }

  /** Forgets a table. */
  Touched remove(ObjectName table) {
    entries.remove(table);
    return touched(table, () -> claims.remove(table));
  }

  /** Whether the table is known. */
  boolean contains(ObjectName table) {
    return entries.containsKey(table);
  }

  /** All tables. */
  Set<ObjectName> tables() {
    return entries.keySet();
  }

  /** The VIPs that are the table's to program, as they should be. */
  List<Vip> held(ObjectName table) {
    return entries.get(table).vips().stream()
        .filter(vip -> claims.winner(vip.key()).equals(Optional.of(table)))
        .toList();
  }

  /** Which table programs a VIP. */
  Optional<ObjectName> holder(VipKey vip) {
    return claims.winner(vip);
  }

  /** VIPs that the table wants and an older one has. */
  List<VipClaims.Conflict> conflicts(ObjectName table) {
    return claims.conflicts(table);
  }

  /** What the table's VIPs in the kernel must hash to; empty while no valid version is known. */
  Optional<String> kernelHash(ObjectName table) {
    return Optional.ofNullable(entries.get(table).kernelHash());
  }

  /** What is reported when they do; empty while no valid version is known. */
  Optional<String> tableHash(ObjectName table) {
    return Optional.ofNullable(entries.get(table).tableHash());
  }

  /** Why the newest version of a table is not in force. */
  Optional<String> invalid(ObjectName table) {
    return Optional.ofNullable(entries.get(table).invalid());
  }

  private Touched touched(ObjectName table, Supplier<Set<ObjectName>> change) {
    Set<VipKey> before = new HashSet<>(claims.held(table));
    Set<ObjectName> tables = new HashSet<>(change.get());
    tables.add(table);
    before.removeIf(vip -> claims.winner(vip).isPresent());
    return new Touched(tables, before);
  }
}
