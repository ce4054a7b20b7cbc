// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import io.xdplb.core.model.Ip;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/** The addresses of this machine, as far as the calling thread's network namespace goes. */
public final class Addresses {
  private static final int RTM_GETADDR = 22;
  private static final int IFADDRMSG_SIZE = 8;
  private static final int IFADDRMSG_SCOPE = 3;
  private static final int IFADDRMSG_INDEX = 4;
  private static final int IFA_ADDRESS = 1;

  /** With a peer on the other end of the link, {@code IFA_ADDRESS} is that one's. */
  private static final int IFA_LOCAL = 2;

  private static final int SCOPE_LINK = 253;

  /**
   * An address of an interface.
   *
   * @param ifindex of the interface
   * @param address of this machine
   */
  public record Address(int ifindex, Ip address) {}

  private Addresses() {}

  /** All that others can reach: neither loopback nor link-local ones. */
  public static List<Address> global() {
    NetlinkMessage.Builder request =
        new NetlinkMessage.Builder(RTM_GETADDR, NetlinkMessage.DUMP)
            .u32(0) // any family, prefix length, flags and scope
            .u32(0); // any interface
    return NetlinkSocket.dump(request).stream()
        .filter(message -> (message.body().get(IFADDRMSG_SCOPE) & 0xff) < SCOPE_LINK)
        .flatMap(message -> parse(message).stream())
        .toList();
  }

  private static Optional<Address> parse(NetlinkMessage message) {
    Optional<ByteBuffer> address = message.attribute(IFADDRMSG_SIZE, IFA_LOCAL);
    return address
        .or(() -> message.attribute(IFADDRMSG_SIZE, IFA_ADDRESS))
        .map(NetlinkMessage::bytes)
        .map(Ip::ofBytes)
        .map(ip -> new Address(message.body().getInt(IFADDRMSG_INDEX), ip));
  }
}
