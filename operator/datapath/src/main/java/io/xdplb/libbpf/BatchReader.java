// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.util.Arrays;

/**
 * Reads a map some thousand entries at a time. Not safe for use by several threads.
 *
 * <pre>{@code
 * BatchReader batch = map.lookupBatch(4096);
 * while (batch.next()) {
 *   for (int i = 0; i < batch.count(); i++) {
 *     use(batch.key(i), batch.value(i));
 *   }
 * }
 * }</pre>
 *
 * <p>While others change the map, an entry that is neither added nor removed meanwhile is read
 * exactly once; one that is may be read or not.
 */
public final class BatchReader {
  private final BpfMap map;
  private final int keySize;
  private final int valueBytes;

  /** The kernel's position: a bucket number for a hash map, the last key for others. */
  private final byte[] position;

  private byte[] keys;
  private byte[] values;
  private int step;
  private int count;
  private boolean started;
  private boolean ended;

  BatchReader(BpfMap map, int step) {
    if (step < 1) {
      throw new IllegalArgumentException("a batch of " + step + " entries");
    }
    this.map = map;
    keySize = map.info().keySize();
    valueBytes = map.info().valueBytes();
    position = new byte[Math.max(Integer.BYTES, keySize)];
    allocate(Math.min(step, Math.max(1, map.info().maxEntries())));
  }

  private void allocate(int entries) {
    step = entries;
    keys = new byte[Math.multiplyExact(step, keySize)];
    values = new byte[Math.multiplyExact(step, valueBytes)];
  }

  /**
   * Reads the next entries, over those read before.
   *
   * @return false if there are none left
   */
  public boolean next() {
    if (ended) {
      return false;
    }
    int[] found = {step};
    int result;
    while ((result = read(found)) == -Errno.ENOSPC) {
      // A bucket of the hash map has more entries than one step: read it as a whole.
      allocate(step * 2);
      found[0] = step;
    }
    if (result == -Errno.ENOENT) {
      ended = true;
    } else {
      map.check("read " + step + " entries of", result);
    }
    started = true;
    count = found[0];
    return count > 0;
  }

  private int read(int[] found) {
    byte[] from = started ? position.clone() : null;
    return LibBpf.bpf_map_lookup_batch(map.fd(), from, position, keys, values, found, null);
  }

  /** How many entries were read by the last {@link #next}. */
  public int count() {
    return count;
  }

  /** A copy of the key of entry {@code i}, from 0. */
  public byte[] key(int i) {
    return slice(keys, i, keySize);
  }

  /** A copy of the value of entry {@code i}, from 0. */
  public byte[] value(int i) {
    return slice(values, i, valueBytes);
  }

  /** The keys of this step one after the other, overwritten by {@link #next}; not a copy. */
  public byte[] keys() {
    return keys;
  }

  /** The values of this step one after the other, overwritten by {@link #next}; not a copy. */
  public byte[] values() {
    return values;
  }

  private byte[] slice(byte[] from, int i, int size) {
    if (i < 0 || i >= count) {
      throw new IndexOutOfBoundsException("entry " + i + " of " + count);
    }
    return Arrays.copyOfRange(from, i * size, (i + 1) * size);
  }
}
