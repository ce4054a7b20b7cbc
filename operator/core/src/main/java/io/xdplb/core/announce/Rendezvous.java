// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;
import java.nio.charset.StandardCharsets;

/**
 * Rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates",
 * IEEE/ACM Transactions on Networking 6(1), 1998): each node has a score for each address, and the
 * highest of those that can have it is the first choice. The nodes must agree, so changing this is
 * changing the protocol.
 */
final class Rendezvous {

  private Rendezvous() {}

  /** What a node's name contributes to its scores. */
  static long seed(String name) {
    long hash = 0;
    for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
      hash = mix(hash ^ b);
    }
    return hash;
  }

  /** The score of a node for an address; compare signed. */
  static long score(long seed, Ip address) {
    return mix(mix(seed ^ address.high()) ^ address.low() ^ (address.isIpv4() ? 1L << 32 : 0));
  }

  /** The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), with its increment. */
  private static long mix(long value) {
    long z = value + 0x9e37_79b9_7f4a_7c15L;
    z = (z ^ z >>> 30) * 0xbf58_476d_1ce4_e5b9L;
    z = (z ^ z >>> 27) * 0x94d0_49bb_1331_11ebL;
    return z ^ z >>> 31;
  }
}
