// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** The network interfaces in the calling thread's network namespace. */
public final class Links {
  private static final int RTM_GETLINK = 18;
  private static final int IFINFOMSG_SIZE = 16;
  private static final int IFINFOMSG_INDEX = 4;
  private static final int IFLA_ADDRESS = 1;
  private static final int IFLA_IFNAME = 3;
  private static final int IFLA_MTU = 4;
  private static final int IFLA_LINK = 5;
  private static final int IFLA_LINKINFO = 18;
  private static final int IFLA_INFO_KIND = 1;
  private static final int IFLA_INFO_DATA = 2;
  private static final int IFLA_VLAN_ID = 1;
  private static final int IFINFOMSG_FLAGS = 8;
  private static final int IFF_UP = 1;
  private static final int IFF_LOWER_UP = 1 << 16;

  /**
   * An interface.
   *
   * @param ifindex its number
   * @param name its name
   * @param mac its hardware address; empty if it has none, and all zero for the loopback interface
   * @param mtu the largest packet it sends, in bytes from the IP header on
   * @param up whether it was set up, by an administrator
   * @param carrier whether it is connected
   * @param parent for a VLAN the interface that it is on; else 0
   * @param vlan number of the VLAN; 0 if it is none
   */
  public record Link(
      int ifindex,
      String name,
      byte[] mac,
      int mtu,
      boolean up,
      boolean carrier,
      int parent,
      int vlan) {}

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
    int flags = message.body().getInt(IFINFOMSG_FLAGS);
    int vlan = vlan(message);
    return new Link(
        message.body().getInt(IFINFOMSG_INDEX),
        name,
        mac,
        mtu,
        (flags & IFF_UP) != 0,
        (flags & IFF_LOWER_UP) != 0,
        vlan == 0
            ? 0
            : message.attribute(IFINFOMSG_SIZE, IFLA_LINK).map(ByteBuffer::getInt).orElse(0),
        vlan);
  }

  private static int vlan(NetlinkMessage message) {
    Optional<NetlinkMessage> info =
        message
            .attribute(IFINFOMSG_SIZE, IFLA_LINKINFO)
            .map(nested -> new NetlinkMessage(0, nested));
    boolean isVlan =
        info.flatMap(nested -> nested.attribute(0, IFLA_INFO_KIND))
            .map(NetlinkMessage::bytes)
            .map(bytes -> new String(bytes, StandardCharsets.US_ASCII).equals("vlan\0"))
            .orElse(false);
    return isVlan
        ? info.flatMap(nested -> nested.attribute(0, IFLA_INFO_DATA))
            .flatMap(data -> new NetlinkMessage(0, data).attribute(0, IFLA_VLAN_ID))
            .map(id -> id.getShort() & 0xfff)
            .orElse(0)
        : 0;
  }
}
