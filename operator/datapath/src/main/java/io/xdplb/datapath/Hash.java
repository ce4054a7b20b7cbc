// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Ip;

/**
 * The hashes of {@code bpf/src/hash.h}, for the tables that the agent fills and the datapath looks
 * up. Words are what a little- or big-endian CPU loads from an address in network order, as there.
 */
final class Hash {
  private static final long START = 0x243f6a8885a308d3L;
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private Hash() {}

  static long mix(long hash, long word) {
    long mixed = (hash ^ word) * GOLDEN;
    return mixed ^ mixed >>> 32;
  }

  static long address(Ip ip) {
    if (ip.isIpv4()) {
      return mix(START, Wire.nativeInt((int) ip.low()) & 0xffff_ffffL);
    }
    return mix(mix(START, words(ip.high())), words(ip.low()));
  }

  /**
   * The later word in the low half: addresses differ there, and a multiplication carries upwards
   * only.
   */
  private static long words(long half) {
    return Wire.nativeInt((int) half) & 0xffff_ffffL
        | (long) Wire.nativeInt((int) (half >>> 32)) << 32;
  }

  /** Of the tag of an endpoint, which stands where the first half of an IPv6 address would. */
  static long tag(long tag) {
    return mix(mix(START, Long.rotateLeft(tag, Integer.SIZE)), 0);
  }

  /**
   * Of a key of the lookup table. The halves choose the buckets.
   *
   * @param of {@link #address} or {@link #tag}
   */
  static long key(long of, int protocol, int port, boolean ipv6) {
    return mix(
        of, Wire.nativeShort(port) & 0xffffL | (long) protocol << 16 | (ipv6 ? 1L << 24 : 0));
  }
}
