// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.core.digest.Sha256;
import io.xdplb.core.model.ObjectName;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * The hashes of many tables, combined so that two sides compare them at a glance and find the
 * difference by bucket: put and remove cost the same however many tables there are.
 *
 * <p>A table belongs to the bucket of {@link #bucketOf}. The digest of a bucket is the sum modulo
 * 2<sup>128</sup> of the first 128 bits of SHA-256("namespace/name", a zero byte, table hash) over
 * its tables, so that order has no influence and one table can be taken out again; it guards
 * against mistakes, not against somebody who may choose the hashes. The root is SHA-256 over the
 * lines {@code bucket=digest} of the buckets that have tables, in their order.
 *
 * <p>Not safe for use by several threads at once.
 */
public final class TableDigests {

  private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");

  private final Map<ObjectName, String> hashes = new HashMap<>();
  private final SortedMap<String, Bucket> buckets = new TreeMap<>();

  /**
   * Adds a table or replaces its hash.
   *
   * @throws IllegalArgumentException if the hash is not 64 lower-case hexadecimal digits
   */
  public void put(ObjectName table, String tableHash) {
    if (!HASH.matcher(tableHash).matches()) {
      throw new IllegalArgumentException(
          "the hash of table " + table + " is not 64 hexadecimal digits: \"" + tableHash + "\"");
    }
    remove(table);
    hashes.put(table, tableHash);
    buckets.computeIfAbsent(bucketOf(table), name -> new Bucket()).add(table, tableHash);
  }

  /** Takes a table out; nothing happens if it is not there. */
  public void remove(ObjectName table) {
    String hash = hashes.remove(table);
    if (hash != null) {
      buckets.computeIfPresent(
          bucketOf(table), (name, bucket) -> bucket.subtract(table, hash) ? bucket : null);
    }
  }

  /** How many tables there are. */
  public int size() {
    return hashes.size();
  }

  /** The digest of each bucket that has tables, 32 hexadecimal digits. A copy. */
  public SortedMap<String, String> bucketHashes() {
    SortedMap<String, String> result = new TreeMap<>();
    buckets.forEach((name, bucket) -> result.put(name, bucket.digest()));
    return result;
  }

  /** The digest of all tables, 64 hexadecimal digits. */
  public String rootHash() {
    return rootHash(bucketHashes());
  }

  /** The digest over the digests of buckets, 64 hexadecimal digits. */
  public static String rootHash(SortedMap<String, String> bucketHashes) {
    StringBuilder lines = new StringBuilder();
    new TreeMap<>(bucketHashes)
        .forEach((name, digest) -> lines.append(name).append('=').append(digest).append('\n'));
    return HexFormat.of().formatHex(sha256(lines.toString()));
  }

  /** The bucket of a table: the first two hexadecimal digits of SHA-256("namespace/name"). */
  public static String bucketOf(ObjectName table) {
    return HexFormat.of().formatHex(sha256(table.toString()), 0, 1);
  }

  private static byte[] sha256(String text) {
    MessageDigest sha256 = Sha256.start();
    return sha256.digest(text.getBytes(StandardCharsets.UTF_8));
  }

  private static final class Bucket {
    private long high;
    private long low;
    private int tables;

    void add(ObjectName table, String hash) {
      ByteBuffer term = term(table, hash);
      long before = low;
      high += term.getLong();
      low += term.getLong();
      high += Long.compareUnsigned(low, before) < 0 ? 1 : 0;
      tables++;
    }

    /** Whether tables are left. */
    boolean subtract(ObjectName table, String hash) {
      ByteBuffer term = term(table, hash);
      long before = low;
      high -= term.getLong();
      low -= term.getLong();
      high -= Long.compareUnsigned(low, before) > 0 ? 1 : 0;
      return --tables > 0;
    }

    String digest() {
      return HexFormat.of().toHexDigits(high) + HexFormat.of().toHexDigits(low);
    }

    private static ByteBuffer term(ObjectName table, String hash) {
      return ByteBuffer.wrap(sha256(table + "\0" + hash));
    }
  }
}
