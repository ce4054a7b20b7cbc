// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import io.xdplb.core.model.Ip;
import java.util.Optional;

/**
 * Where the kernel sends packets for an address.
 *
 * @param type what it does with them
 * @param ifindex the interface they leave by; 0 where they leave by none
 * @param gateway the next hop, of either family; empty if the address itself is the next hop
 * @param source the source address the kernel would choose, if it named one
 * @param mtu the largest packet on this route, or on the path as far as the kernel has learned it;
 *     0 where only the interface's limit is known
 */
public record Route(Type type, int ifindex, Optional<Ip> gateway, Optional<Ip> source, int mtu) {

  /** What happens to a packet, in the kernel's order ({@code RTN_UNICAST} is 1). */
  public enum Type {
    /** It is sent to the next hop. */
    UNICAST,
    /** The address is this machine's. */
    LOCAL,
    BROADCAST,
    ANYCAST,
    MULTICAST,
    /** It is dropped silently. */
    BLACKHOLE,
    /** There is no route, or one that says "unreachable". */
    UNREACHABLE,
    /** It is refused by policy. */
    PROHIBIT
  }

  static Route none(Type type) {
    return new Route(type, 0, Optional.empty(), Optional.empty(), 0);
  }
}
