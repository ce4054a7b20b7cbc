// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

/**
 * A network of each family. A machine has the same host part in both: the digits of the decimal
 * number are the hexadecimal digits of the IPv6 one.
 *
 * @param ipv4 its first address
 * @param length of the IPv4 prefix: 24 to 32
 * @param ipv6 its first address, which ends in {@code ::}; the prefix has 64 bits
 */
record Network(String ipv4, int length, String ipv6) {

  /** The IPv4 address of a host part. */
  String ipv4(int host) {
    int dot = ipv4.lastIndexOf('.') + 1;
    int first = Integer.parseInt(ipv4.substring(dot));
    if (host >= (1 << 32 - length) - 1) {
      throw new IllegalArgumentException("no host " + host + " in " + ipv4Prefix());
    }
    return ipv4.substring(0, dot) + (first + host);
  }

  /** The IPv6 address of a host part. */
  String ipv6(int host) {
    return ipv6 + host;
  }

  String ipv4Prefix() {
    return ipv4 + "/" + length;
  }

  String ipv6Prefix() {
    return ipv6 + "/64";
  }

  /** {@code ip}'s lines that give the device its addresses. */
  String[] addresses(String device, int host) {
    return new String[] {
      "addr add %s/%d dev %s".formatted(ipv4(host), length, device),
      "addr add %s/64 dev %s nodad".formatted(ipv6(host), device)
    };
  }
}
