// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.observe;

import java.net.InetSocketAddress;

/**
 * Where probes and metrics are served.
 *
 * @param host an address of this machine, or empty for all of them
 * @param port 1 to 65535, or 0 for any free one
 */
public record HttpAddress(String host, int port) {

  /** From {@code :9598}, {@code 127.0.0.1:9598} or {@code [::1]:9598}. */
  public static HttpAddress parse(String text) {
    int colon = text.lastIndexOf(':');
    try {
      int port = Integer.parseInt(text.substring(colon + 1));
      String host = text.substring(0, Math.max(0, colon)).replaceAll("^\\[(.*)]$", "$1");
      if (colon >= 0
          && port >= 0
          && port <= 0xffff
          && (!host.contains(":") || text.contains("]"))) {
        return new HttpAddress(host, port);
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new IllegalArgumentException(
        "\"" + text + "\" is not ADDRESS:PORT, for example :9598 or [::1]:9598");
  }

  InetSocketAddress socketAddress() {
    return host.isEmpty() ? new InetSocketAddress(port) : new InetSocketAddress(host, port);
  }
}
