// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

/** How the rows of either family are called. */
enum Family {
  IPV4("ipv4", "IPv4"),
  IPV6("ipv6", "IPv6");

  private final String suffix;
  private final String name;

  Family(String suffix, String name) {
    this.suffix = suffix;
    this.name = name;
  }

  static Family of(boolean ipv6) {
    return ipv6 ? IPV6 : IPV4;
  }

  String id(String row) {
    return row + "-" + suffix;
  }

  String title(String row) {
    return row + ", " + name;
  }
}
