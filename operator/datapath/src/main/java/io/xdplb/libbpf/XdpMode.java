// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

/** Where in the receive path an XDP program runs. */
public enum XdpMode {
  /** In the driver, before the kernel allocates a packet; not every driver can. */
  NATIVE(1 << 2),
  /** In the stack, on every interface, much slower. */
  GENERIC(1 << 1),
  /** In the network card. */
  OFFLOADED(1 << 3);

  private final int flag;

  XdpMode(int flag) {
    this.flag = flag;
  }

  /** {@code XDP_FLAGS_DRV_MODE} and so on. */
  int flag() {
    return flag;
  }
}
