// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.Comparator;

/**
 * The identity of a backend within a VIP, stable over time and the same on every node.
 *
 * @param address of the endpoint
 * @param port 1 to 65535; 0 where the VIP has a range of ports and each packet keeps its own
 */
public record BackendKey(Ip address, int port) implements Comparable<BackendKey> {

  private static final Comparator<BackendKey> ORDER =
      Comparator.comparing(BackendKey::address).thenComparingInt(BackendKey::port);

  /**
   * @throws IllegalArgumentException if the port is out of bounds
   */
  public BackendKey {
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("port " + port + " of " + address + " is not 0 to 65535");
    }
  }

  @Override
  public int compareTo(BackendKey other) {
    return ORDER.compare(this, other);
  }

  /** As {@code 10.0.0.1:80} or {@code [2001:db8::1]:80}; {@code *} for a packet's own port. */
  @Override
  public String toString() {
    return (address.isIpv4() ? address.toString() : "[" + address + "]")
        + ":"
        + (port == 0 ? "*" : port);
  }
}
