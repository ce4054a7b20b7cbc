// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Native;
import java.util.Optional;

/** Names and indices of network interfaces in the calling thread's network namespace. */
public final class Interfaces {
  private static final int IF_NAMESIZE = 16;

  private Interfaces() {}

  /**
   * The index of the interface with a name.
   *
   * @throws KernelException with ENODEV if there is none
   */
  public static int index(String name) {
    int index = LibC.if_nametoindex(name);
    if (index == 0) {
      throw new KernelException(
          "find", "interface " + name, Native.getLastError(), "`ip link` lists those there are");
    }
    return index;
  }

  /** The name of the interface with an index, if there is one. */
  public static Optional<String> name(int ifindex) {
    byte[] name = new byte[IF_NAMESIZE];
    return LibC.if_indextoname(ifindex, name) == null
        ? Optional.empty()
        : Optional.of(Native.toString(name, "UTF-8"));
  }

  /** For messages: "interface eth0 (ifindex 3)". */
  static String describe(int ifindex) {
    return "interface " + name(ifindex).orElse("?") + " (ifindex " + ifindex + ")";
  }
}
