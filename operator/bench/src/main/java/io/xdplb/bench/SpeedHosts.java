// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.List;
import java.util.stream.IntStream;

/** Who is who on the network of the table of speed. A host's number is the end of its addresses. */
final class SpeedHosts {

  static final int BALANCER = 1;

  /** Clients are behind it. */
  static final int ROUTER = 254;

  static final int FIRST_BACKEND = 101;
  static final int BACKENDS = 100;
  static final int VIPS = 100;

  /** All that are on the balancer's network. */
  static final List<Integer> ALL =
      IntStream.concat(
              IntStream.of(BALANCER, ROUTER),
              IntStream.range(FIRST_BACKEND, FIRST_BACKEND + BACKENDS))
          .boxed()
          .toList();

  /** Linux sends it with every segment; RFC 7323. */
  static final byte[] TIMESTAMP = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1};

  private SpeedHosts() {}

  /** The address of a host on the balancer's network. */
  static String host(boolean ipv6, int number) {
    return ipv6 ? "2001:db8:0:1::%x".formatted(number) : "198.51.100." + number;
  }

  static String mac(int host) {
    return "02:00:c6:33:64:%02x".formatted(host);
  }

  /** The network of the clients. */
  static String clients(boolean ipv6) {
    return ipv6 ? "2001:db8:0:4::/64" : "192.0.2.0/24";
  }

  /** The address of a client, from 1. */
  static String client(boolean ipv6, int number) {
    return ipv6 ? "2001:db8:0:4::%x".formatted(number) : "192.0.2." + number;
  }

  /** The address of a VIP, from 1 to {@link #VIPS}. */
  static String vip(boolean ipv6, int number) {
    return ipv6 ? "2001:db8:0:2::%x".formatted(number) : "203.0.113." + number;
  }
}
