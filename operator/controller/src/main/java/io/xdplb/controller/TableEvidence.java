// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.core.model.ObjectName;
import io.xdplb.core.table.TableDigests;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Tells from a node's digest of a bucket whether the node holds one table of it.
 *
 * <p>A digest covers all tables of its bucket. A node that is half-way through a change of one
 * table, or cannot program it, has a digest that equals nothing the API server stores, and yet
 * holds the others as desired. So the recent versions of each table are remembered, and a digest
 * proves a table when it equals that of a combination in which this table is as desired, and the
 * others are as stored, as they were a moment ago, or missing. A table does not lose its proof
 * because of a neighbour.
 *
 * <p>A version is forgotten as soon as all nodes hold something known and none holds it. All
 * methods may be called from any thread.
 */
final class TableEvidence {

  /** Versions of a table that are remembered, the stored one among them. */
  private static final int VERSIONS = 4;

  /** Combinations of a bucket that are tried, those with the fewest deviations first. */
  private static final int COMBINATIONS = 512;

  /** Stands for the digest of a bucket of which a node has no table. */
  static final String NO_DIGEST = "";

  /** The version of a table that is not there. */
  private static final String ABSENT = "";

  private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");

  private final Map<String, Bucket> buckets = new HashMap<>();

  static String bucketOf(ObjectName table) {
    return TableDigests.bucketOf(table);
  }

  /**
   * A table is stored, or about to be: to be called before it is written, since a node may report
   * it before the write is answered.
   */
  synchronized void stored(ObjectName table, String tableHash) {
    boolean isHash = tableHash != null && HASH.matcher(tableHash).matches();
    add(table, isHash ? tableHash : ABSENT);
  }

  /** A table is no longer stored. */
  synchronized void deleted(ObjectName table) {
    add(table, ABSENT);
  }

  /**
   * The digests of a table's bucket that prove that a node holds the table.
   *
   * @param tableHash what the node should hold: that of the table as it is stored
   */
  synchronized Set<String> proofs(ObjectName table, String tableHash) {
    // The caches tell of versions late, and of old ones after new ones: what is asked for counts.
    stored(table, tableHash);
    Bucket bucket = buckets.get(bucketOf(table));
    return bucket.combinations().entrySet().stream()
        .filter(combination -> tableHash.equals(bucket.version(table, combination.getValue())))
        .map(Map.Entry::getKey)
        .collect(Collectors.toUnmodifiableSet());
  }

  /** Whether a digest of a table's bucket is one of {@link #proofs}. */
  synchronized boolean isProof(ObjectName table, String tableHash, String digest) {
    stored(table, tableHash);
    Bucket bucket = buckets.get(bucketOf(table));
    Map<ObjectName, String> deviations = bucket.combinations().get(digest);
    return deviations != null && tableHash.equals(bucket.version(table, deviations));
  }

  /** The digests of a table's bucket that prove that a node does not hold the table. */
  Set<String> absence(ObjectName table) {
    return proofs(table, ABSENT);
  }

  /**
   * Forgets what no node can hold any more.
   *
   * @param name of the bucket
   * @param digests of that bucket on all nodes, {@code null} where a node reports none
   */
  synchronized void forgetAllBut(String name, Collection<String> digests) {
    Bucket bucket = buckets.get(name);
    if (bucket == null || bucket.isSettled()) {
      return;
    }
    List<Map<ObjectName, String>> held =
        digests.stream()
            .distinct()
            .map(digest -> bucket.combinations().get(digest == null ? NO_DIGEST : digest))
            .toList();
    if (held.stream().allMatch(Objects::nonNull)) {
      bucket.keep(held);
    }
    if (bucket.versions.isEmpty()) {
      buckets.remove(name);
    }
  }

  private void add(ObjectName table, String version) {
    buckets.computeIfAbsent(bucketOf(table), Bucket::new).add(table, version);
  }

  /** The tables of a bucket, and all that a node may hold of them. */
  private static final class Bucket {
    private final String name;

    /** Of each table, the newest last. */
    private final Map<ObjectName, List<String>> versions = new TreeMap<>();

    /** By digest, what differs from the newest versions; {@code null} until it is asked for. */
    private Map<String, Map<ObjectName, String>> combinations;

    Bucket(String name) {
      this.name = name;
    }

    void add(ObjectName table, String version) {
      List<String> known = versions.computeIfAbsent(table, key -> new ArrayList<>());
      if (!known.isEmpty() && newest(known).equals(version)) {
        return;
      }
      known.remove(version);
      known.add(version);
      if (known.size() > VERSIONS) {
        known.remove(0);
      }
      combinations = null;
    }

    boolean isSettled() {
      return versions.values().stream().allMatch(v -> v.size() == 1 && !newest(v).equals(ABSENT));
    }

    String version(ObjectName table, Map<ObjectName, String> deviations) {
      return deviations.getOrDefault(table, newest(versions.get(table)));
    }

    void keep(List<Map<ObjectName, String>> held) {
      versions.forEach(
          (table, known) -> {
            String newest = newest(known);
            known.removeIf(
                version ->
                    !version.equals(newest)
                        && held.stream().noneMatch(h -> version.equals(version(table, h))));
          });
      versions.values().removeIf(known -> known.equals(List.of(ABSENT)));
      combinations = null;
    }

    Map<String, Map<ObjectName, String>> combinations() {
      if (combinations == null) {
        combinations = new HashMap<>();
        TableDigests digests = new TableDigests();
        versions.forEach((table, known) -> put(digests, table, newest(known)));
        List<ObjectName> tables = List.copyOf(versions.keySet());
        combinations.put(digest(digests), Map.of());
        for (int deviations = 1; deviations <= tables.size(); deviations++) {
          deviate(digests, tables, deviations, Map.of());
        }
      }
      return combinations;
    }

    /** Tries all that differs in so many of the tables, on top of what differs already. */
    private void deviate(
        TableDigests digests, List<ObjectName> tables, int count, Map<ObjectName, String> already) {
      for (int i = 0; i <= tables.size() - count; i++) {
        ObjectName table = tables.get(i);
        for (String version : others(table)) {
          if (combinations.size() >= COMBINATIONS) {
            return;
          }
          Map<ObjectName, String> deviations = new HashMap<>(already);
          deviations.put(table, version);
          put(digests, table, version);
          if (count == 1) {
            combinations.putIfAbsent(digest(digests), deviations);
          } else {
            deviate(digests, tables.subList(i + 1, tables.size()), count - 1, deviations);
          }
          put(digests, table, newest(versions.get(table)));
        }
      }
    }

    private List<String> others(ObjectName table) {
      List<String> known = versions.get(table);
      List<String> others = new ArrayList<>(known.subList(0, known.size() - 1));
      if (!known.contains(ABSENT)) {
        others.add(ABSENT);
      }
      return others;
    }

    private static String newest(List<String> known) {
      return known.get(known.size() - 1);
    }

    private static void put(TableDigests digests, ObjectName table, String version) {
      if (version.equals(ABSENT)) {
        digests.remove(table);
      } else {
        digests.put(table, version);
      }
    }

    private String digest(TableDigests digests) {
      return digests.bucketHashes().getOrDefault(name, NO_DIGEST);
    }
  }
}
