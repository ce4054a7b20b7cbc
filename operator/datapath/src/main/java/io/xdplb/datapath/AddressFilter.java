// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Ip;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;

/**
 * The first thing that the datapath looks at: may this destination be ours, or this source somebody
 * we know? One byte for each hash value, shared by all addresses that have it, hence the counting.
 */
final class AddressFilter {
  static final int SIZE = 65536;

  /** What an address is to us; the bit in the filter. */
  enum Role {
    /** A destination: a VIP's. */
    VIP(1),
    /** A destination: this machine's, towards a backend. */
    NAT(2),
    /** A destination: this machine's, where encapsulated packets come to. */
    TUNNEL(4),
    /** A source: a node's. */
    PEER(8),
    /** A source, on the way out: of an endpoint on this machine. */
    ENDPOINT(16),
    /** A destination: the multicast address where neighbours ask for a VIP. */
    SOLICITED(32);

    private final int bit;

    Role(int bit) {
      this.bit = bit;
    }
  }

  private record Use(Role role, Ip address) {}

  private final ByteBuffer bits;
  private final Map<Use, Integer> uses = new HashMap<>();
  private final Map<Role, short[]> counts = new EnumMap<>(Role.class);

  AddressFilter(ByteBuffer bits) {
    this.bits = bits;
    for (Role role : Role.values()) {
      counts.put(role, new short[SIZE]);
    }
  }

  /** Whether the address has this role. */
  boolean has(Role role, Ip address) {
    return uses.containsKey(new Use(role, address));
  }

  /** Whether packets to the address would be looked up in this role. */
  static boolean lets(byte[] filter, Role role, Ip address) {
    return (filter[at(address)] & role.bit) != 0;
  }

  private static int at(Ip address) {
    return (int) (Hash.address(address) & (SIZE - 1));
  }

  /** Answers whether the address is new in this role. */
  boolean add(Role role, Ip address) {
    if (uses.merge(new Use(role, address), 1, Integer::sum) > 1) {
      return false;
    }
    int at = at(address);
    if (counts.get(role)[at]++ == 0) {
      bits.put(at, (byte) (bits.get(at) | role.bit));
    }
    return true;
  }

  /** Answers whether the address has lost this role. */
  boolean remove(Role role, Ip address) {
    if (uses.merge(new Use(role, address), -1, (old, one) -> old == 1 ? null : old - 1) != null) {
      return false;
    }
    int at = at(address);
    if (--counts.get(role)[at] == 0) {
      bits.put(at, (byte) (bits.get(at) & ~role.bit));
    }
    return true;
  }

  /**
   * Makes all bits what they should be: after an agent was killed between two steps, or somebody
   * else has written here.
   */
  void settle() {
    for (int at = 0; at < SIZE; at++) {
      int wanted = 0;
      for (Role role : Role.values()) {
        wanted |= counts.get(role)[at] > 0 ? role.bit : 0;
      }
      if (bits.get(at) != wanted) {
        bits.put(at, (byte) wanted);
      }
    }
  }
}
