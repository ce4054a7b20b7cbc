// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import io.xdplb.api.v1alpha1.Protocol;
import java.util.Comparator;

/**
 * What a packet is looked up by: one address, protocol and port.
 *
 * @param address the virtual address
 * @param protocol TCP or UDP
 * @param port 1 to 65535
 */
public record VipKey(Ip address, Protocol protocol, int port) implements Comparable<VipKey> {

  private static final Comparator<VipKey> ORDER =
      Comparator.comparing(VipKey::address)
          .thenComparing(VipKey::protocol)
          .thenComparingInt(VipKey::port);

  @Override
  public int compareTo(VipKey other) {
    return ORDER.compare(this, other);
  }

  /** As {@code TCP 203.0.113.10:80} or {@code UDP [2001:db8::1]:53}. */
  @Override
  public String toString() {
    return protocol + (address.isIpv4() ? " " + address : " [" + address + "]") + ":" + port;
  }
}
