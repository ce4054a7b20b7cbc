// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.Comparator;

/**
 * The identity of a backend within a VIP, stable over time and the same on every node.
 *
 * @param address of the endpoint
 * @param port 1 to 65535
 */
public record BackendKey(Ip address, int port) implements Comparable<BackendKey> {

  private static final Comparator<BackendKey> ORDER =
      Comparator.comparing(BackendKey::address).thenComparingInt(BackendKey::port);

  @Override
  public int compareTo(BackendKey other) {
    return ORDER.compare(this, other);
  }

  /** As {@code 10.0.0.1:80} or {@code [2001:db8::1]:80}. */
  @Override
  public String toString() {
    return (address.isIpv4() ? address.toString() : "[" + address + "]") + ":" + port;
  }
}
