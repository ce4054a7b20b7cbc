// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.ObjectName;
import io.xdplb.core.table.TableDigests;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

class TableEvidenceTest {

  private static final List<ObjectName> TABLES = sameBucket(6);
  private static final ObjectName A = TABLES.get(0);
  private static final ObjectName B = TABLES.get(1);
  private static final String BUCKET = TableEvidence.bucketOf(A);

  private final TableEvidence evidence = new TableEvidence();

  @Test
  void theDigestOfAllTablesAsDesiredProvesEach() {
    evidence.stored(A, hash(1));
    evidence.stored(B, hash(2));
    String digest = digest(Map.of(A, hash(1), B, hash(2)));
    assertThat(evidence.proofs(A, hash(1))).contains(digest);
    assertThat(evidence.proofs(B, hash(2))).contains(digest);
    assertThat(evidence.isProof(A, hash(1), digest)).isTrue();
    assertThat(evidence.isProof(B, hash(2), digest)).isTrue();
  }

  @Test
  void aTableKeepsItsProofWhileANeighbourChangesComesOrGoes() {
    evidence.stored(A, hash(1));
    evidence.stored(B, hash(2));
    evidence.stored(B, hash(3));
    assertThat(evidence.proofs(A, hash(1)))
        .contains(
            digest(Map.of(A, hash(1))),
            digest(Map.of(A, hash(1), B, hash(2))),
            digest(Map.of(A, hash(1), B, hash(3))));
    assertThat(evidence.proofs(B, hash(3))).doesNotContain(digest(Map.of(A, hash(1), B, hash(2))));
    evidence.deleted(B);
    assertThat(evidence.proofs(A, hash(1))).contains(digest(Map.of(A, hash(1), B, hash(3))));
  }

  @Test
  void anotherVersionOrNoneIsNoProof() {
    evidence.stored(A, hash(1));
    evidence.stored(A, hash(2));
    evidence.stored(B, hash(3));
    assertThat(evidence.proofs(A, hash(2)))
        .doesNotContain(
            digest(Map.of(A, hash(1), B, hash(3))),
            digest(Map.of(B, hash(3))),
            digest(Map.of()),
            digest(Map.of(A, hash(2), B, hash(4))));
    assertThat(evidence.isProof(A, hash(2), digest(Map.of(A, hash(2), B, hash(3))))).isTrue();
    assertThat(evidence.isProof(A, hash(2), digest(Map.of(A, hash(1), B, hash(3))))).isFalse();
    assertThat(evidence.isProof(A, hash(2), digest(Map.of(A, hash(2), B, hash(4))))).isFalse();
    assertThat(evidence.proofs(new ObjectName("no", "table"), hash(1)))
        .doesNotContain(digest(Map.of(A, hash(2), B, hash(3))));
  }

  @Test
  void versionsThatNoNodeHoldsAreForgotten() {
    evidence.stored(A, hash(1));
    evidence.stored(B, hash(2));
    evidence.stored(B, hash(3));
    String old = digest(Map.of(A, hash(1), B, hash(2)));
    String now = digest(Map.of(A, hash(1), B, hash(3)));
    evidence.forgetAllBut(BUCKET, List.of(old, now));
    assertThat(evidence.proofs(A, hash(1))).contains(old, now);
    evidence.forgetAllBut(BUCKET, List.of(now, now));
    assertThat(evidence.proofs(A, hash(1))).contains(now).doesNotContain(old);
  }

  @Test
  void nothingIsForgottenWhileANodeHoldsSomethingUnknown() {
    evidence.stored(A, hash(1));
    evidence.stored(A, hash(2));
    evidence.forgetAllBut(BUCKET, List.of(digest(Map.of(A, hash(2))), digest(Map.of(A, hash(9)))));
    evidence.stored(B, hash(3));
    assertThat(evidence.proofs(B, hash(3))).contains(digest(Map.of(A, hash(1), B, hash(3))));
  }

  @Test
  void aTableThatIsGoneEverywhereIsForgotten() {
    evidence.stored(A, hash(1));
    evidence.deleted(A);
    List<String> nothing = new ArrayList<>();
    nothing.add(null);
    evidence.forgetAllBut(BUCKET, nothing);
    evidence.stored(B, hash(2));
    assertThat(evidence.proofs(B, hash(2)))
        .contains(digest(Map.of(B, hash(2))))
        .doesNotContain(digest(Map.of(A, hash(1), B, hash(2))));
  }

  @Test
  void aNeighbourThatANodeDoesNotHoldAtAllCostsNoProofEvenLongAfter() {
    evidence.stored(A, hash(1));
    evidence.stored(B, hash(2));
    evidence.forgetAllBut(BUCKET, List.of(digest(Map.of(A, hash(1), B, hash(2)))));
    assertThat(evidence.proofs(A, hash(1))).contains(digest(Map.of(A, hash(1))));
    assertThat(evidence.proofs(B, hash(2))).doesNotContain(digest(Map.of(A, hash(1))));
  }

  @Test
  void aBucketOfManyTablesIsStillProvenWhileOneOfThemChanges() {
    List<ObjectName> many = sameBucket(60);
    Map<ObjectName, String> stored = new HashMap<>();
    for (ObjectName table : many) {
      stored.put(table, hash(stored.size()));
      evidence.stored(table, stored.get(table));
    }
    Map<ObjectName, String> node = new HashMap<>(stored);
    evidence.stored(many.get(59), hash(1000));
    for (ObjectName table : many.subList(0, 59)) {
      assertThat(evidence.proofs(table, stored.get(table))).contains(digest(node));
    }
    assertThat(evidence.proofs(many.get(59), hash(1000))).doesNotContain(digest(node));
  }

  @Test
  void aHashThatIsNoneDisturbsNobody() {
    evidence.stored(A, "not a hash");
    evidence.stored(B, hash(1));
    assertThat(evidence.proofs(B, hash(1))).contains(digest(Map.of(B, hash(1))));
    assertThat(evidence.proofs(A, "not a hash")).isEmpty();
  }

  @Test
  void oldNewsThatComesLateCostsNoProof() {
    for (int version = 1; version <= 9; version++) {
      evidence.stored(A, hash(version));
    }
    for (int version = 1; version <= 8; version++) {
      evidence.stored(A, hash(version));
    }
    assertThat(evidence.proofs(A, hash(9))).containsExactly(digest(Map.of(A, hash(9))));
  }

  @Test
  void aNodeThatFollowsWithDelayProvesExactlyWhatItHolds(TestReporter reporter) {
    long seed = System.nanoTime();
    reporter.publishEntry("seed", Long.toString(seed));
    Random random = new Random(seed);
    Map<ObjectName, String> stored = new HashMap<>();
    Map<ObjectName, String> node = new HashMap<>();
    for (int step = 0; step < 3000; step++) {
      ObjectName table = TABLES.get(random.nextInt(TABLES.size()));
      if (random.nextInt(5) == 0) {
        stored.remove(table);
        evidence.deleted(table);
      } else {
        String hash = hash(random.nextInt(1000));
        stored.put(table, hash);
        evidence.stored(table, hash);
      }
      // The node follows in any order, and is never behind by more than two tables.
      List<ObjectName> behind = new ArrayList<>(TABLES);
      behind.removeIf(t -> java.util.Objects.equals(node.get(t), stored.get(t)));
      while (behind.size() > random.nextInt(3)) {
        ObjectName next = behind.remove(random.nextInt(behind.size()));
        if (stored.containsKey(next)) {
          node.put(next, stored.get(next));
        } else {
          node.remove(next);
        }
      }
      String digest = digest(node);
      for (ObjectName each : stored.keySet()) {
        assertThat(evidence.proofs(each, stored.get(each)).contains(digest))
            .as("seed %d step %d table %s behind %s", seed, step, each, behind)
            .isEqualTo(!behind.contains(each));
      }
      List<String> digests = new ArrayList<>();
      digests.add(node.isEmpty() ? null : digest);
      evidence.forgetAllBut(BUCKET, digests);
    }
  }

  private static String hash(int number) {
    return "%064x".formatted(number);
  }

  private static String digest(Map<ObjectName, String> tables) {
    TableDigests digests = new TableDigests();
    tables.forEach(digests::put);
    return digests.bucketHashes().getOrDefault(BUCKET, "");
  }

  private static List<ObjectName> sameBucket(int count) {
    String bucket = TableEvidence.bucketOf(new ObjectName("ns", "t0"));
    return Stream.iterate(0, i -> i + 1)
        .map(i -> new ObjectName("ns", "t" + i))
        .filter(name -> TableEvidence.bucketOf(name).equals(bucket))
        .limit(count)
        .toList();
  }
}
