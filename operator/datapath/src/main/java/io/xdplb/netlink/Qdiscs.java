// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import io.xdplb.libbpf.Errno;
import io.xdplb.libbpf.KernelException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** The kernel's queueing disciplines in the calling thread's network namespace. */
public final class Qdiscs {
  private static final int RTM_GETQDISC = 38;
  private static final int TCMSG_SIZE = 20;
  private static final int TC_H_CLSACT = 0xfffffff1; // and TC_H_INGRESS: they share the place
  private static final int TCA_KIND = 1;

  private Qdiscs() {}

  /**
   * The kind of qdisc that holds an interface's ingress filters: "clsact", which holds those of the
   * egress too, or "ingress", which does not.
   *
   * @return empty if there is none
   * @throws KernelException ENODEV if there is no such interface
   */
  public static Optional<String> filterHolder(int ifindex) {
    // A qdisc is answered only as an echo, and nothing at all where one was before.
    NetlinkMessage.Builder request =
        new NetlinkMessage.Builder(RTM_GETQDISC, NetlinkMessage.ECHO | NetlinkMessage.ACK)
            .u8(0) // family
            .u8(0)
            .u16(0)
            .u32(ifindex)
            .u32(0) // handle
            .u32(TC_H_CLSACT) // parent
            .u32(0); // info
    try {
      return NetlinkSocket.request(request)
          .flatMap(answer -> answer.attribute(TCMSG_SIZE, TCA_KIND))
          .map(kind -> new String(NetlinkMessage.bytes(kind), StandardCharsets.US_ASCII).trim());
    } catch (NetlinkSocket.Refused e) {
      if (e.errno() == Errno.ENOENT || e.errno() == Errno.EINVAL) {
        return Optional.empty(); // EINVAL: older kernels, where one was before
      }
      throw new KernelException(
          "ask for the qdiscs of", "the interface with index " + ifindex, e.errno(), "");
    }
  }
}
