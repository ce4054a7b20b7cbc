// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.Errno;
import io.xdplb.libbpf.KernelException;
import java.nio.ByteBuffer;
import java.util.Optional;

/** The kernel's routing tables in the calling thread's network namespace. */
public final class Routes {
  private static final int RTM_GETROUTE = 26;
  private static final int RTMSG_SIZE = 12;
  private static final int RTMSG_TYPE = 7;
  private static final int RTN_UNICAST = 1;
  private static final int RTA_DST = 1;
  private static final int RTA_OIF = 4;
  private static final int RTA_GATEWAY = 5;
  private static final int RTA_PREFSRC = 7;
  private static final int RTA_METRICS = 8;
  private static final int RTA_VIA = 18;
  private static final int RTAX_MTU = 2;

  private Routes() {}

  /**
   * The route this machine's own packets to an address take at this moment, as {@code ip route get}
   * shows it. Policy routing by mark, incoming interface or source can send forwarded packets
   * elsewhere. Of several paths the kernel names one.
   *
   * @throws KernelException if the kernel refuses the question itself
   */
  public static Route lookup(Ip address) {
    byte[] bytes = address.bytes();
    NetlinkMessage.Builder request =
        new NetlinkMessage.Builder(RTM_GETROUTE, 0)
            .u8(NetlinkMessage.family(address))
            .u8(bytes.length * 8)
            .u8(0) // source prefix length
            .u8(0) // type of service
            .u8(0) // table
            .u8(0) // protocol
            .u8(0) // scope
            .u8(0) // type
            .u32(0) // flags
            .attribute(RTA_DST, bytes);
    try {
      return parse(NetlinkSocket.request(request).orElseThrow());
    } catch (NetlinkSocket.Refused e) {
      // What a reject route means is only told by its error number (fib_props in the kernel).
      return switch (e.errno()) {
        case Errno.EINVAL -> Route.none(Route.Type.BLACKHOLE);
        case Errno.EHOSTUNREACH, Errno.ENETUNREACH -> Route.none(Route.Type.UNREACHABLE);
        case Errno.EACCES -> Route.none(Route.Type.PROHIBIT);
        default -> throw new KernelException("look up the route to", "" + address, e.errno(), "");
      };
    }
  }

  private static Route parse(NetlinkMessage answer) {
    Route.Type type = Route.Type.values()[answer.body().get(RTMSG_TYPE) - RTN_UNICAST];
    int ifindex = answer.attribute(RTMSG_SIZE, RTA_OIF).map(ByteBuffer::getInt).orElse(0);
    // An IPv4 route with an IPv6 gateway has RTA_VIA: two bytes of family, then the address.
    Optional<Ip> gateway =
        answer
            .attribute(RTMSG_SIZE, RTA_GATEWAY)
            .or(() -> answer.attribute(RTMSG_SIZE, RTA_VIA).map(via -> via.position(2).slice()))
            .map(NetlinkMessage::bytes)
            .map(Ip::ofBytes);
    Optional<Ip> source =
        answer.attribute(RTMSG_SIZE, RTA_PREFSRC).map(NetlinkMessage::bytes).map(Ip::ofBytes);
    int mtu =
        answer
            .attribute(RTMSG_SIZE, RTA_METRICS)
            .flatMap(metrics -> new NetlinkMessage(0, metrics).attribute(0, RTAX_MTU))
            .map(ByteBuffer::getInt)
            .orElse(0);
    return new Route(type, ifindex, gateway, source, mtu);
  }
}
