// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The network interfaces in the calling thread's network namespace. */
public final class Links {
  private static final int RTM_GETLINK = 18;
  private static final int IFINFOMSG_SIZE = 16;
  private static final int IFINFOMSG_INDEX = 4;
  private static final int IFLA_ADDRESS = 1;
  private static final int IFLA_IFNAME = 3;
  private static final int IFLA_MTU = 4;

  /**
   * An interface.
   *
   * @param ifindex its number
   * @param name its name
   * @param mac its hardware address; empty if it has none, and all zero for the loopback interface
   * @param mtu the largest packet it sends, in bytes from the IP header on
   */
  public record Link(int ifindex, String name, byte[] mac, int mtu) {}

  private Links() {}

  /** All of them. {@link java.net.NetworkInterface} knows only those that have an address. */
  public static List<Link> list() {
    NetlinkMessage.Builder request =
        new NetlinkMessage.Builder(RTM_GETLINK, NetlinkMessage.DUMP)
            .u32(0) // any family and type
            .u32(0) // any index
            .u32(0) // flags
            .u32(0); // which flags are to change
    return NetlinkSocket.dump(request).stream().map(Links::parse).toList();
  }

  private static Link parse(NetlinkMessage message) {
    String name =
        message
            .attribute(IFINFOMSG_SIZE, IFLA_IFNAME)
            .map(NetlinkMessage::bytes)
            .map(bytes -> new String(bytes, 0, bytes.length - 1, StandardCharsets.UTF_8))
            .orElse("");
    byte[] mac =
        message
            .attribute(IFINFOMSG_SIZE, IFLA_ADDRESS)
            .map(NetlinkMessage::bytes)
            .orElseGet(() -> new byte[0]);
    int mtu = message.attribute(IFINFOMSG_SIZE, IFLA_MTU).map(ByteBuffer::getInt).orElse(0);
    return new Link(message.body().getInt(IFINFOMSG_INDEX), name, mac, mtu);
  }
}
