// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import io.xdplb.core.model.Ip;
import io.xdplb.testing.kernel.Host;
import java.nio.ByteOrder;

/**
 * A connected UDP socket that never fragments and learns the path's MTU: what QUIC uses, and Java
 * 17 has no option for. See ip(7), {@code IP_MTU_DISCOVER}, and ipv6(7).
 */
final class MtuSocket implements AutoCloseable {
  static final int EMSGSIZE = 90;

  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int SOCK_DGRAM = 2;
  private static final int SOL_SOCKET = 1;
  private static final int SO_ERROR = 4;
  private static final int IPPROTO_IP = 0;
  private static final int IPPROTO_IPV6 = 41;
  private static final int IP_MTU_DISCOVER = 10;
  private static final int IP_MTU = 14;
  private static final int IPV6_MTU_DISCOVER = 23;
  private static final int IPV6_MTU = 24;
  private static final int PMTUDISC_DO = 2;
  private static final int SOCKADDR_BYTES = 28; // struct sockaddr_in6; sockaddr_in is shorter
  private static final int ADDRESS_IPV4 = 4;
  private static final int ADDRESS_IPV6 = 8;

  static {
    Native.register(MtuSocket.class, "c");
  }

  private final int fd;
  private final boolean ipv4;

  private MtuSocket(int fd, boolean ipv4) {
    this.fd = fd;
    this.ipv4 = ipv4;
  }

  /** Opens one in the host's namespace. */
  static MtuSocket open(Host host, String address, int port) {
    return host.netns().call(() -> open(Ip.parse(address), port));
  }

  private static MtuSocket open(Ip address, int port) {
    boolean ipv4 = address.isIpv4();
    MtuSocket socket = new MtuSocket(socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0), ipv4);
    IntByReference always = new IntByReference(PMTUDISC_DO);
    setsockopt(
        socket.fd,
        ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
        ipv4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
        always.getPointer(),
        Integer.BYTES);
    Memory to = new Memory(SOCKADDR_BYTES);
    to.clear();
    to.setShort(0, (short) (ipv4 ? AF_INET : AF_INET6));
    to.getByteBuffer(2, 2).order(ByteOrder.BIG_ENDIAN).putShort((short) port);
    byte[] bytes = address.bytes();
    to.write(ipv4 ? ADDRESS_IPV4 : ADDRESS_IPV6, bytes, 0, bytes.length);
    connect(socket.fd, to, ipv4 ? 16 : SOCKADDR_BYTES);
    return socket;
  }

  /**
   * Sends a datagram of that many zeros.
   *
   * @return 0, or the errno: {@link #EMSGSIZE} if it is known, or has just been said, that one did
   *     not fit
   */
  int send(int bytes) {
    Memory data = new Memory(bytes);
    data.clear();
    try {
      send(fd, data, bytes, 0);
      return 0;
    } catch (LastErrorException e) {
      return e.getErrorCode();
    }
  }

  /** The errno that an ICMP message has left for the socket's next call; 0 for none. */
  int error() {
    return option(SOL_SOCKET, SO_ERROR);
  }

  /** The path's MTU, as the kernel knows it for this socket. */
  int mtu() {
    return ipv4 ? option(IPPROTO_IP, IP_MTU) : option(IPPROTO_IPV6, IPV6_MTU);
  }

  private int option(int level, int name) {
    IntByReference value = new IntByReference();
    getsockopt(fd, level, name, value.getPointer(), new IntByReference(Integer.BYTES));
    return value.getValue();
  }

  @Override
  public void close() {
    close(fd);
  }

  private static native int socket(int family, int type, int protocol) throws LastErrorException;

  private static native int connect(int fd, Pointer address, int length) throws LastErrorException;

  private static native int setsockopt(int fd, int level, int name, Pointer value, int length)
      throws LastErrorException;

  private static native int getsockopt(
      int fd, int level, int name, Pointer value, IntByReference length) throws LastErrorException;

  private static native long send(int fd, Pointer data, long length, int flags)
      throws LastErrorException;

  private static native int close(int fd) throws LastErrorException;
}
