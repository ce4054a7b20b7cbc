// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.core.model.ObjectName;
import io.xdplb.core.table.TableDigests;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Tells from a node's digest of a bucket whether the node holds one table of it.
 *
 * <p>A digest covers all tables of its bucket. A node that is half-way through a change of one
 * table has a digest that equals nothing the API server stores, and yet holds the others as
 * desired. So the recent versions of each table are remembered, and a digest proves a table when it
 * equals that of a combination of versions in which this table is as desired. A table does not lose
 * its proof because a neighbour changes.
 *
 * <p>A version is forgotten as soon as all nodes hold something known and none holds it. All
 * methods may be called from any thread.
 */
final class TableEvidence {

  /** Versions of a table that a node may be behind. */
  private static final int VERSIONS = 4;

  /** Combinations of versions of a bucket that are tried; beyond, fewer versions are. */
  private static final int COMBINATIONS = 256;

  /** The version of a table that is not there. */
  private static final String ABSENT = "";

  private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");

  /** Versions of each table, the newest last, and what follows from them. */
  private static final class Bucket {
    final Map<ObjectName, List<String>> versions = new TreeMap<>();
    Map<String, Map<ObjectName, String>> byDigest;
  }

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
    String name = bucketOf(table);
    return combinations(name, buckets.get(name)).entrySet().stream()
        .filter(combination -> tableHash.equals(combination.getValue().get(table)))
        .map(Map.Entry::getKey)
        .collect(Collectors.toUnmodifiableSet());
  }

  /**
   * Forgets what no node can hold any more.
   *
   * @param name of the bucket
   * @param digests of that bucket on all nodes, {@code null} where a node reports none
   */
  synchronized void forgetAllBut(String name, Collection<String> digests) {
    Bucket bucket = buckets.get(name);
    if (bucket == null || bucket.versions.values().stream().allMatch(v -> v.size() == 1)) {
      return;
    }
    List<Map<ObjectName, String>> held = new ArrayList<>();
    for (String digest : digests) {
      Map<ObjectName, String> holds =
          combinations(name, bucket).get(digest == null ? ABSENT : digest);
      if (holds == null) {
        return;
      }
      held.add(holds);
    }
    bucket.versions.forEach(
        (each, versions) -> {
          String newest = versions.get(versions.size() - 1);
          versions.removeIf(
              version ->
                  !version.equals(newest)
                      && held.stream().noneMatch(holds -> version.equals(holds.get(each))));
        });
    bucket.versions.values().removeIf(versions -> versions.equals(List.of(ABSENT)));
    bucket.byDigest = null;
    if (bucket.versions.isEmpty()) {
      buckets.remove(name);
    }
  }

  private void add(ObjectName table, String version) {
    Bucket bucket = buckets.computeIfAbsent(bucketOf(table), name -> new Bucket());
    List<String> versions =
        bucket.versions.computeIfAbsent(table, name -> new ArrayList<>(List.of(ABSENT)));
    if (versions.get(versions.size() - 1).equals(version)) {
      return;
    }
    versions.remove(version);
    versions.add(version);
    if (versions.size() > VERSIONS) {
      versions.remove(0);
    }
    bucket.byDigest = null;
  }

  private static Map<String, Map<ObjectName, String>> combinations(String name, Bucket bucket) {
    if (bucket.byDigest == null) {
      int versions = VERSIONS;
      while (versions > 1 && count(bucket, versions) > COMBINATIONS) {
        versions /= 2;
      }
      List<Map<ObjectName, String>> combinations = new ArrayList<>(List.of(Map.of()));
      for (var table : bucket.versions.entrySet()) {
        combinations = times(combinations, table.getKey(), newest(table.getValue(), versions));
      }
      Map<String, Map<ObjectName, String>> byDigest = new HashMap<>();
      combinations.forEach(holds -> byDigest.put(digest(name, holds), holds));
      bucket.byDigest = byDigest;
    }
    return bucket.byDigest;
  }

  private static long count(Bucket bucket, int versions) {
    double count = 1;
    for (List<String> all : bucket.versions.values()) {
      count *= Math.min(all.size(), versions);
    }
    return (long) count;
  }

  private static List<String> newest(List<String> versions, int count) {
    return versions.subList(Math.max(0, versions.size() - count), versions.size());
  }

  private static List<Map<ObjectName, String>> times(
      List<Map<ObjectName, String>> combinations, ObjectName table, List<String> versions) {
    List<Map<ObjectName, String>> result = new ArrayList<>();
    for (Map<ObjectName, String> combination : combinations) {
      for (String version : versions) {
        Map<ObjectName, String> holds = new HashMap<>(combination);
        holds.put(table, version);
        result.add(holds);
      }
    }
    return result;
  }

  /** A bucket without tables has no digest; {@link #ABSENT} stands for that. */
  private static String digest(String bucket, Map<ObjectName, String> holds) {
    TableDigests digests = new TableDigests();
    holds.forEach(
        (table, version) -> {
          if (!version.equals(ABSENT)) {
            digests.put(table, version);
          }
        });
    return digests.bucketHashes().getOrDefault(bucket, ABSENT);
  }
}
