// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.model.ObjectName;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class TableDigestsTest {

  private static final ObjectName FRONT = new ObjectName("shop", "front");

  @Test
  void noTablesHaveNoBucketsAndTheRootOfNothing() throws Exception {
    TableDigests digests = new TableDigests();
    assertThat(digests.bucketHashes()).isEmpty();
    assertThat(digests.rootHash()).isEqualTo(HexFormat.of().formatHex(sha256("")));
    digests.remove(FRONT);
    assertThat(digests.size()).isZero();
  }

  /** Random changes against the definition, computed afresh with big numbers. */
  @Test
  void changesGiveWhatTheDefinitionGives() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    TableDigests digests = new TableDigests();
    Map<ObjectName, String> tables = new HashMap<>();
    for (int step = 0; step < 2000; step++) {
      ObjectName name = new ObjectName("ns" + random.nextInt(5), "lb" + random.nextInt(150));
      if (random.nextInt(3) == 0) {
        digests.remove(name);
        tables.remove(name);
      } else {
        byte[] hash = new byte[32];
        random.nextBytes(hash);
        digests.put(name, HexFormat.of().formatHex(hash));
        tables.put(name, HexFormat.of().formatHex(hash));
      }
      if (step % 50 == 0) {
        SortedMap<String, String> expected = expected(tables);
        assertThat(digests.bucketHashes()).as("seed %d", seed).isEqualTo(expected);
        StringBuilder lines = new StringBuilder();
        expected.forEach((bucket, digest) -> lines.append(bucket + "=" + digest + "\n"));
        assertThat(digests.rootHash()).isEqualTo(HexFormat.of().formatHex(sha256("" + lines)));
        assertThat(digests.size()).isEqualTo(tables.size());
      }
    }
    tables.keySet().forEach(digests::remove);
    assertThat(digests.bucketHashes()).as("seed %d", seed).isEmpty();
  }

  @Test
  void sameHashUnderAnotherNameIsAnotherDigest() {
    TableDigests one = new TableDigests();
    one.put(FRONT, "a".repeat(64));
    TableDigests two = new TableDigests();
    two.put(new ObjectName("shop", "back"), "a".repeat(64));
    assertThat(one.rootHash()).isNotEqualTo(two.rootHash());
  }

  @Test
  void whatIsNoHashIsRefused() {
    assertThatThrownBy(() -> new TableDigests().put(FRONT, "abc"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("shop/front")
        .hasMessageContaining("\"abc\"");
  }

  private static SortedMap<String, String> expected(Map<ObjectName, String> tables)
      throws Exception {
    Map<String, BigInteger> sums = new TreeMap<>();
    for (Map.Entry<ObjectName, String> table : tables.entrySet()) {
      String name = table.getKey().namespace() + "/" + table.getKey().name();
      byte[] digest = Arrays.copyOf(sha256(name + "\0" + table.getValue()), 16);
      sums.merge(
          HexFormat.of().formatHex(sha256(name)).substring(0, 2),
          new BigInteger(1, digest),
          BigInteger::add);
    }
    SortedMap<String, String> expected = new TreeMap<>();
    sums.forEach(
        (bucket, sum) ->
            expected.put(bucket, String.format("%032x", sum.mod(BigInteger.ONE.shiftLeft(128)))));
    return expected;
  }

  private static byte[] sha256(String text) throws Exception {
    return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
  }
}
