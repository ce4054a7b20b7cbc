// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.Errno;
import io.xdplb.libbpf.LibbpfException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntPredicate;

/**
 * The map {@code source_ranges}: sets of blocks of addresses, each by the number that a VIP refers
 * to it by. A set is made whole before a VIP refers to it and is never changed; numbers are not
 * used again while the agent lives. A set without blocks admits nobody.
 *
 * <p>Each set has one more entry, the address that is all zero with the longest prefix length: no
 * packet that is not malformed has that source. The kernel walks the trie so that it comes first
 * and the others of its set follow, and it is written last: a set that has it is whole.
 *
 * <p>The value of an entry is the prefix length of its key, by which it is known what a lookup
 * found; that of the first entry has {@link #ALSO_RANGE} set where somebody did list that address.
 */
final class SourceSets {
  private static final int SET_BITS = Integer.SIZE;
  private static final int LONGEST = SET_BITS + 128;
  private static final int ALSO_RANGE = 1 << 16;

  private final BpfMap map;
  private int last;

  SourceSets(BpfMap map) {
    this.map = map;
  }

  /**
   * Makes a set.
   *
   * @return its number, not 0
   * @throws DatapathException if there is no room; nothing has changed then
   */
  int add(List<Cidr> ranges, boolean ipv6) {
    int set = ++last;
    List<ByteBuffer> keys = ranges.stream().map(range -> key(set, ipv6, range)).toList();
    ByteBuffer anchor = anchor(set, ipv6);
    try {
      for (ByteBuffer key : keys) {
        map.put(key.array(), value(key.getInt(Layouts.Source.PREFIX_LENGTH)));
      }
      map.put(anchor.array(), value(keys.contains(anchor) ? LONGEST | ALSO_RANGE : LONGEST));
    } catch (LibbpfException e) {
      keys.forEach(key -> map.deleteIfPresent(key.array()));
      throw new DatapathException(
          e.errno() == Errno.ENOSPC
              ? DatapathException.Reason.MapFull
              : DatapathException.Reason.Failed,
          "cannot add %d source ranges: %s".formatted(ranges.size(), e.getMessage()),
          e);
    }
    return set;
  }

  /** Removes a set that no VIP refers to any more, once no packet can be looking at it. */
  void remove(int set, boolean ipv6) {
    LockSupport.parkNanos(KeyTable.PACKET.toNanos());
    Optional<List<byte[]>> keys = walk(map, set, ipv6);
    // without its first entry it was tampered with, and has to be searched for
    keys.orElseGet(() -> search(number -> number == number(set, ipv6)))
        .forEach(map::deleteIfPresent);
  }

  /** Removes all sets that no VIP refers to: what a former agent has left half done. */
  void adopt(IntPredicate used) {
    List<byte[]> keys = search(number -> true);
    for (byte[] key : keys) {
      int set = natively(key).getInt(Layouts.Source.SET) >>> 1;
      last = Math.max(last, set);
      if (!used.test(set)) {
        map.deleteIfPresent(key);
      }
    }
  }

  private List<byte[]> search(IntPredicate wanted) {
    List<byte[]> found = new ArrayList<>();
    for (byte[] key : map.keys()) {
      if (wanted.test(natively(key).getInt(Layouts.Source.SET))) {
        found.add(key);
      }
    }
    return found;
  }

  /**
   * What the kernel has of a set, by system calls.
   *
   * @return ordered; empty if it is not whole
   */
  static Optional<List<Cidr>> read(BpfMap map, int set, boolean ipv6) {
    return walk(map, set, ipv6)
        .map(
            keys ->
                keys.stream()
                    .skip((value(map, keys.get(0)) & ALSO_RANGE) != 0 ? 0 : 1)
                    .map(key -> range(natively(key), ipv6))
                    .sorted()
                    .toList());
  }

  /** The keys of a set, the anchor first; empty if that is absent. */
  private static Optional<List<byte[]>> walk(BpfMap map, int set, boolean ipv6) {
    byte[] key = anchor(set, ipv6).array();
    if ((value(map, key) & ~ALSO_RANGE) != LONGEST) {
      return Optional.empty();
    }
    List<byte[]> keys = new ArrayList<>();
    for (Optional<byte[]> next = Optional.of(key); next.isPresent(); ) {
      keys.add(next.get());
      next =
          map.nextKey(next.get())
              .filter(k -> natively(k).getInt(Layouts.Source.SET) == number(set, ipv6))
              .filter(k -> keys.size() < map.info().maxEntries());
    }
    return Optional.of(keys);
  }

  /** A lookup finds the longest prefix of the key that there is: the value tells which. */
  private static int value(BpfMap map, byte[] key) {
    return map.lookup(key).map(value -> natively(value).getInt(0)).orElse(0);
  }

  private static Cidr range(ByteBuffer key, boolean ipv6) {
    int family = ipv6 ? Wire.FAMILY_IPV6 : Wire.FAMILY_IPV4;
    int prefix = key.getInt(Layouts.Source.PREFIX_LENGTH) - SET_BITS;
    return new Cidr(
        Wire.address(key, Layouts.Source.ADDRESS, family), Math.min(prefix, ipv6 ? 128 : 32));
  }

  private static ByteBuffer anchor(int set, boolean ipv6) {
    return key(set, ipv6, new Ip(0, 0, false), LONGEST);
  }

  private static ByteBuffer key(int set, boolean ipv6, Cidr range) {
    return key(set, ipv6, range.address(), SET_BITS + range.prefix());
  }

  private static ByteBuffer key(int set, boolean ipv6, Ip address, int prefixLength) {
    ByteBuffer key = natively(new byte[Layouts.Source.LAYOUT.size()]);
    key.putInt(Layouts.Source.PREFIX_LENGTH, prefixLength);
    key.putInt(Layouts.Source.SET, number(set, ipv6));
    Wire.putAddress(key, Layouts.Source.ADDRESS, address);
    return key;
  }

  private static int number(int set, boolean ipv6) {
    return set << 1 | (ipv6 ? 1 : 0);
  }

  private static byte[] value(int prefixLength) {
    return natively(new byte[Integer.BYTES]).putInt(prefixLength).array();
  }

  private static ByteBuffer natively(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
  }
}
