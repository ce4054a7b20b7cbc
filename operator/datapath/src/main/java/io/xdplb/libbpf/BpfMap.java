// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * A map in the kernel. Keys and values are bytes in the layout of the C struct, in native order: a
 * key has {@link MapInfo#keySize} bytes, a value {@link MapInfo#valueBytes} bytes, which for a
 * per-CPU map is one value for each possible CPU, each rounded up to a multiple of 8.
 *
 * <p>Any thread may call these methods at any time; each entry is then read and written as
 * atomically as the kernel does it, which for values above 8 bytes is not at all. Only {@link
 * #close} must not overlap another call.
 *
 * <p>A refused operation is a {@link LibbpfException}; keys or values of a wrong length are an
 * {@link IllegalArgumentException}.
 */
public final class BpfMap implements AutoCloseable {
  private static final long BPF_ANY = 0;
  private static final long BPF_NOEXIST = 1;
  private static final long BPF_EXIST = 2;

  private final Fd fd;
  private final MapInfo info;
  private final int keySize;
  private final int valueBytes;

  /** Takes ownership of the descriptor. */
  BpfMap(Fd fd) {
    this.fd = fd;
    try {
      info = MapInfo.read(fd.get());
      keySize = info.keySize();
      valueBytes = info.valueBytes();
    } catch (RuntimeException | Error e) {
      fd.close();
      throw e;
    }
  }

  /**
   * Opens the map pinned at a path.
   *
   * @throws LibbpfException ENOENT if nothing is pinned there; without errno if it is no map
   */
  public static BpfMap openPinned(Path path) {
    return new BpfMap(Fd.pinned(path, "map"));
  }

  /** What the map is. */
  public MapInfo info() {
    return info;
  }

  /** The descriptor, valid until {@link #close}. */
  public int fd() {
    return fd.get();
  }

  /** The value of a key, or empty if it is absent. */
  public Optional<byte[]> lookup(byte[] key) {
    byte[] value = new byte[valueBytes];
    return lookup(key, value) ? Optional.of(value) : Optional.empty();
  }

  /**
   * Reads the value of a key into an array of the caller's, which stays untouched if the key is
   * absent.
   *
   * @return whether the key is present
   */
  public boolean lookup(byte[] key, byte[] value) {
    checkKey(key);
    checkValue(value);
    int result = LibBpf.bpf_map_lookup_elem(fd.get(), key, value);
    if (result == -Errno.ENOENT) {
      return false;
    }
    check("look up a key in", result);
    return true;
  }

  /** The values of a key in a per-CPU map, one for each possible CPU, or empty if it is absent. */
  public Optional<byte[][]> lookupPerCpu(byte[] key) {
    if (!info.perCpu()) {
      throw new IllegalStateException(this + " has no values per CPU");
    }
    return lookup(key)
        .map(
            all -> {
              byte[][] values = new byte[Libbpf.possibleCpus()][];
              for (int cpu = 0; cpu < values.length; cpu++) {
                int start = cpu * info.stride();
                values[cpu] = Arrays.copyOfRange(all, start, start + info.valueSize());
              }
              return values;
            });
  }

  /** Sets the value of a key, present or not. */
  public void put(byte[] key, byte[] value) {
    update("put a key into", key, value, BPF_ANY);
  }

  /** Adds a key; EEXIST if it is present (in an array, every index is). */
  public void create(byte[] key, byte[] value) {
    update("create a key in", key, value, BPF_NOEXIST);
  }

  /** Sets the value of a present key; ENOENT if it is absent. */
  public void replace(byte[] key, byte[] value) {
    update("replace a key in", key, value, BPF_EXIST);
  }

  private void update(String attempted, byte[] key, byte[] value, long flags) {
    checkKey(key);
    checkValue(value);
    int result = LibBpf.bpf_map_update_elem(fd.get(), key, value, flags);
    if (result < 0) {
      check(attempted, result);
    }
  }

  /** Removes a key; ENOENT if it is absent, EINVAL in an array. */
  public void delete(byte[] key) {
    checkKey(key);
    check("delete a key from", LibBpf.bpf_map_delete_elem(fd.get(), key));
  }

  /**
   * Removes a key if it is there; EINVAL in an array.
   *
   * @return whether it was
   */
  public boolean deleteIfPresent(byte[] key) {
    checkKey(key);
    int result = LibBpf.bpf_map_delete_elem(fd.get(), key);
    if (result == -Errno.ENOENT) {
      return false;
    }
    check("delete a key from", result);
    return true;
  }

  /**
   * The key after another one in the kernel's order, or the first one.
   *
   * @param key null for the first; if it is absent (deleted meanwhile), a hash map begins again
   */
  public Optional<byte[]> nextKey(byte[] key) {
    if (key != null) {
      checkKey(key);
    }
    byte[] next = new byte[keySize];
    int result = LibBpf.bpf_map_get_next_key(fd.get(), key, next);
    if (result == -Errno.ENOENT) {
      return Optional.empty();
    }
    check("iterate over", result);
    return Optional.of(next);
  }

  /**
   * All keys, fetched one by one. While keys of a hash map are deleted, keys may come twice or not
   * at all; no more are returned than the map can have, so that the iteration ends.
   */
  public Iterable<byte[]> keys() {
    return () ->
        new Iterator<>() {
          private Optional<byte[]> next = nextKey(null);
          private int left = info.maxEntries();

          @Override
          public boolean hasNext() {
            return left > 0 && next.isPresent();
          }

          @Override
          public byte[] next() {
            byte[] key = hasNext() ? next.orElseThrow() : null;
            if (key == null) {
              throw new NoSuchElementException("no more keys in " + BpfMap.this);
            }
            left--;
            next = nextKey(key);
            return key;
          }
        };
  }

  /**
   * Puts many entries with one system call (kernel 5.6). Not atomic: packets see the entries change
   * one by one, in order.
   *
   * @param keys one after the other
   * @param values one after the other, {@link MapInfo#valueBytes} each
   * @param count how many of them to put
   * @throws LibbpfException if one is refused; those before it are done, and the message says how
   *     many that were
   */
  public void updateBatch(byte[] keys, byte[] values, int count) {
    checkBatch(keys, keySize, count);
    checkBatch(values, valueBytes, count);
    if (count > 0) {
      int[] done = {count};
      int result = LibBpf.bpf_map_update_batch(fd.get(), keys, values, done, null);
      checkBatch("update " + count + " entries of", result, done[0]);
    }
  }

  /**
   * Removes many keys with one system call (kernel 5.6; not for arrays).
   *
   * @throws LibbpfException ENOENT at the first absent key; those before it are gone
   */
  public void deleteBatch(byte[] keys, int count) {
    checkBatch(keys, keySize, count);
    if (count > 0) {
      int[] done = {count};
      int result = LibBpf.bpf_map_delete_batch(fd.get(), keys, done, null);
      checkBatch("delete " + count + " entries of", result, done[0]);
    }
  }

  /**
   * Reads the map in large steps (kernel 5.6; per-CPU arrays 5.13).
   *
   * @param step how many entries a system call may return
   */
  public BatchReader lookupBatch(int step) {
    return new BatchReader(this, step);
  }

  /**
   * Reads consecutive values of an array with one system call (kernel 5.6).
   *
   * @param first index of the first one
   * @param values filled one after the other, {@link MapInfo#valueBytes} each
   */
  public void lookupRange(int first, byte[] values) {
    int count = values.length / valueBytes;
    int[] found = {count};
    byte[] before =
        first == 0
            ? null
            : ByteBuffer.allocate(keySize).order(ByteOrder.nativeOrder()).putInt(first - 1).array();
    byte[] keys = new byte[count * keySize];
    int result =
        LibBpf.bpf_map_lookup_batch(fd.get(), before, new byte[keySize], keys, values, found, null);
    check("read " + count + " values from index " + first + " of", result);
    if (found[0] != count) {
      throw new IllegalArgumentException(
          this + " has " + found[0] + " values from index " + first + ", not " + count);
    }
  }

  /**
   * Maps the values of an array created with {@link MapInfo#MMAPABLE} into memory (kernel 5.5).
   *
   * @throws LibbpfException if the map was created without that flag, or has over 2 GiB
   */
  public MapMemory mmap() {
    return mmap(0, info.maxEntries());
  }

  /**
   * Maps some consecutive values into memory, as {@link #mmap()} does all: for a large map that is
   * seldom written, since mapped memory counts as the process's own.
   *
   * @param first index of the first one; value 0 of the memory
   * @param count how many
   */
  public MapMemory mmap(int first, int count) {
    return MapMemory.of(this, first, count);
  }

  /**
   * Makes the map read-only for user space for ever (kernel 5.2). EBUSY while it is mapped
   * writable.
   */
  public void freeze() {
    check("freeze", LibBpf.bpf_map_freeze(fd.get()));
  }

  /** Keeps the map alive under a path on a BPF file system; removing the file unpins it. */
  public void pin(Path path) {
    fd.pin(path);
  }

  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return info.typeName() + " map " + info.name() + " (id " + info.id() + ")";
  }

  void check(String attempted, int result) {
    if (result < 0) {
      throw new LibbpfException(attempted, toString(), -result, advice(-result));
    }
  }

  private void checkBatch(String attempted, int result, int done) {
    if (result < 0) {
      String advice = advice(-result);
      throw new LibbpfException(
          attempted,
          toString(),
          -result,
          (advice.isEmpty() ? "" : advice + "; ") + done + " were done before");
    }
  }

  private String advice(int errno) {
    return switch (errno) {
      case Errno.ENOENT -> "the key is absent";
      case Errno.EEXIST -> "the key is present already";
      case Errno.E2BIG -> "it has room for " + info.maxEntries() + " entries";
      case Errno.EPERM -> "the map is frozen, or the process lacks CAP_BPF";
      default -> LibbpfException.advice(errno);
    };
  }

  private void checkKey(byte[] key) {
    if (key.length != keySize) {
      throw new IllegalArgumentException(
          "a key of " + key.length + " bytes for " + this + ", which needs " + keySize);
    }
  }

  private void checkValue(byte[] value) {
    if (value.length != valueBytes) {
      throw new IllegalArgumentException(
          "a value of " + value.length + " bytes for " + this + ", which needs " + valueBytes);
    }
  }

  private void checkBatch(byte[] bytes, int each, int count) {
    if (count < 0 || bytes.length < (long) each * count) {
      throw new IllegalArgumentException(
          bytes.length + " bytes are too few for " + count + " times " + each + " of " + this);
    }
  }
}
