// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import io.xdplb.api.v1alpha1.Protocol;
import java.util.Comparator;

/**
 * What a packet is looked up by: one address, protocol and port, or a range of ports. A packet
 * belongs to the narrowest that fits: a single port inside a range is not part of the range.
 *
 * @param address the virtual address
 * @param protocol TCP or UDP
 * @param port the first or only port, 1 to 65535
 * @param endPort the last one: {@code port} for a single one
 */
public record VipKey(Ip address, Protocol protocol, int port, int endPort)
    implements Comparable<VipKey> {

  private static final Comparator<VipKey> ORDER =
      Comparator.comparing(VipKey::address)
          .thenComparing(VipKey::protocol)
          .thenComparingInt(VipKey::port)
          .thenComparingInt(VipKey::endPort);

  /**
   * @throws IllegalArgumentException if the ports are out of bounds or in the wrong order
   */
  public VipKey {
    if (port < 1 || endPort < port || endPort > 65_535) {
      throw new IllegalArgumentException(
          "ports " + port + " to " + endPort + " are no range within 1 to 65535");
    }
  }

  /** A single port. */
  public VipKey(Ip address, Protocol protocol, int port) {
    this(address, protocol, port, port);
  }

  /** Whether it has more than one port: backends then get a packet's own port. */
  public boolean isRange() {
    return endPort != port;
  }

  /** Whether some packet could be looked up by both. */
  public boolean overlaps(VipKey other) {
    return address.equals(other.address)
        && protocol == other.protocol
        && port <= other.endPort
        && other.port <= endPort;
  }

  /** Whether both have ports in common and each has some that the other has not. */
  public boolean crosses(VipKey other) {
    return overlaps(other)
        && (port < other.port && endPort < other.endPort
            || other.port < port && other.endPort < endPort);
  }

  @Override
  public int compareTo(VipKey other) {
    return ORDER.compare(this, other);
  }

  /** As {@code TCP 203.0.113.10:80} or {@code UDP [2001:db8::1]:8000-8999}. */
  @Override
  public String toString() {
    return protocol
        + (address.isIpv4() ? " " + address : " [" + address + "]")
        + ":"
        + port
        + (isRange() ? "-" + endPort : "");
  }
}
