// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.Errno;
import io.xdplb.libbpf.KernelException;
import java.nio.ByteBuffer;
import java.util.Optional;

/** The kernel's neighbour tables (ARP, NDP) in the calling thread's network namespace. */
public final class Neighbours {
  private static final int RTM_NEWNEIGH = 28;
  private static final int RTM_GETNEIGH = 30;
  private static final int NDMSG_SIZE = 12;
  private static final int NDMSG_STATE = 8;
  private static final int NDA_DST = 1;
  private static final int NDA_LLADDR = 2;
  private static final int NUD_NONE = 0;
  private static final int NTF_USE = 1;

  private Neighbours() {}

  /**
   * Makes the kernel find out an address's hardware address, as a packet to it would ({@code ip
   * neigh replace ADDRESS dev INTERFACE use}). Returns at once; the outcome is an event of {@link
   * NetworkMonitor}. For an address that is resolved already the kernel checks it again when it has
   * become old; for one that failed it tries again. An IPv6 address fails while the interface's own
   * link-local address is still being checked for duplicates. XDP programs need this: {@code
   * bpf_fib_lookup} only reads.
   *
   * @throws KernelException ENODEV if there is no such interface; EPERM without CAP_NET_ADMIN
   */
  public static void resolve(int ifindex, Ip address) {
    int flags = NetlinkMessage.ACK | NetlinkMessage.CREATE | NetlinkMessage.REPLACE;
    NetlinkMessage.Builder request = message(RTM_NEWNEIGH, flags, ifindex, NTF_USE, address);
    try {
      NetlinkSocket.request(request);
    } catch (NetlinkSocket.Refused e) {
      throw failure("resolve", ifindex, address, e);
    }
  }

  /**
   * What the kernel knows about an address (kernel 5.0).
   *
   * @return empty if it knows nothing
   * @throws KernelException ENODEV if there is no such interface
   */
  public static Optional<Neighbour> lookup(int ifindex, Ip address) {
    try {
      NetlinkMessage answer =
          NetlinkSocket.request(message(RTM_GETNEIGH, 0, ifindex, 0, address)).orElseThrow();
      byte[] mac =
          answer
              .attribute(NDMSG_SIZE, NDA_LLADDR)
              .map(NetlinkMessage::bytes)
              .orElseGet(() -> new byte[0]);
      ByteBuffer body = answer.body();
      return Optional.of(new Neighbour(body.getShort(NDMSG_STATE) & 0xffff, mac));
    } catch (NetlinkSocket.Refused e) {
      if (e.errno() == Errno.ENOENT) {
        return Optional.empty();
      }
      throw failure("look up", ifindex, address, e);
    }
  }

  private static NetlinkMessage.Builder message(
      int type, int flags, int ifindex, int neighbourFlags, Ip address) {
    return new NetlinkMessage.Builder(type, flags)
        .u8(NetlinkMessage.family(address))
        .u8(0)
        .u16(0)
        .u32(ifindex)
        .u16(NUD_NONE)
        .u8(neighbourFlags)
        .u8(0) // type
        .attribute(NDA_DST, address.bytes());
  }

  private static KernelException failure(
      String attempted, int ifindex, Ip address, NetlinkSocket.Refused refused) {
    String advice = refused.errno() == Errno.EPERM ? "needs CAP_NET_ADMIN" : "";
    return new KernelException(
        attempted, "neighbour " + address + " on ifindex " + ifindex, refused.errno(), advice);
  }
}
