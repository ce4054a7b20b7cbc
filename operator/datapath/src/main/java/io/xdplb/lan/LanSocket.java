// SPDX-License-Identifier: Apache-2.0
package io.xdplb.lan;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import io.xdplb.lan.LanFrames.Claim;
import io.xdplb.libbpf.Errno;
import io.xdplb.libbpf.KernelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Sends frames to LANs, and hears which hosts say that they have an address. Needs CAP_NET_RAW.
 * Belongs for ever to the network namespace of the thread that opens it; used by one thread.
 */
public final class LanSocket implements AutoCloseable {
  private static final int AF_INET6 = 10;
  private static final int AF_PACKET = 17;
  private static final int SOCK_RAW = 3;
  private static final int SOCK_FLAGS = 0x80000 | 0x800; // CLOEXEC, NONBLOCK
  private static final int IPPROTO_ICMPV6 = 58;
  private static final int ICMPV6_FILTER = 1;
  private static final int IPPROTO_IPV6 = 41;
  private static final int IPV6_RECVPKTINFO = 49;
  private static final int SOCKADDR_LL_SIZE = 20;
  private static final int PACKET_OUTGOING = 4;
  private static final int SOCKADDR_IN6_SIZE = 28;
  private static final int LONGEST = 2048;
  private static final int MOST_AT_A_TIME = 256;

  static {
    Native.register(LanSocket.class, "c");
  }

  private final int arp;
  private final int ndp;
  private final byte[] buffer = new byte[LONGEST];

  private static native int socket(int domain, int type, int protocol);

  private static native int setsockopt(int fd, int level, int name, byte[] value, int length);

  private static native long sendto(
      int fd, byte[] data, long length, int flags, byte[] address, int addressLength);

  private static native long recvfrom(
      int fd, byte[] data, long length, int flags, byte[] address, int[] addressLength);

  private static native long recvmsg(int fd, Pointer message, int flags);

  private static native int close(int fd);

  private LanSocket(int arp, int ndp) {
    this.arp = arp;
    this.ndp = ndp;
  }

  /**
   * Opens it.
   *
   * @throws KernelException EPERM without CAP_NET_RAW
   */
  public static LanSocket open() {
    int arp =
        check(
            "open",
            "a packet socket for ARP",
            socket(AF_PACKET, SOCK_RAW | SOCK_FLAGS, bigEndian(LanFrames.ETH_P_ARP)));
    int ndp = socket(AF_INET6, SOCK_RAW | SOCK_FLAGS, IPPROTO_ICMPV6);
    if (ndp < 0 && Native.getLastError() != Errno.EAFNOSUPPORT) {
      int errno = Native.getLastError();
      close(arp);
      throw new KernelException("open", "a raw socket for ICMPv6", errno, "needs CAP_NET_RAW");
    }
    LanSocket socket = new LanSocket(arp, ndp);
    if (ndp >= 0) {
      // A bit for each type that is not wanted.
      ByteBuffer filter = natively(32);
      for (int i = 0; i < 8; i++) {
        filter.putInt(i * 4, -1);
      }
      int word = LanFrames.ADVERTISEMENT / 32 * 4;
      filter.putInt(word, ~(1 << LanFrames.ADVERTISEMENT % 32));
      try {
        check(
            "filter", "ICMPv6", setsockopt(ndp, IPPROTO_ICMPV6, ICMPV6_FILTER, filter.array(), 32));
        check(
            "ask for",
            "interfaces of ICMPv6 messages",
            setsockopt(ndp, IPPROTO_IPV6, IPV6_RECVPKTINFO, natively(4).putInt(0, 1).array(), 4));
      } catch (KernelException e) {
        socket.close();
        throw e;
      }
    }
    return socket;
  }

  /**
   * Sends a whole frame.
   *
   * @return whether the interface took it; not if it is down or gone
   */
  public boolean send(int ifindex, byte[] frame) {
    ByteBuffer address = natively(SOCKADDR_LL_SIZE);
    address.putShort(0, (short) AF_PACKET);
    address.order(ByteOrder.BIG_ENDIAN).putShort(2, ByteBuffer.wrap(frame).getShort(12));
    address.order(ByteOrder.nativeOrder()).putInt(4, ifindex);
    return sendto(arp, frame, frame.length, 0, address.array(), SOCKADDR_LL_SIZE) == frame.length;
  }

  /** What hosts have said since the last call, but for what this node has sent itself. */
  public List<Claim> heard() {
    List<Claim> claims = new ArrayList<>();
    byte[] address = new byte[SOCKADDR_LL_SIZE];
    for (int i = 0; i < MOST_AT_A_TIME; i++) {
      long length = recvfrom(arp, buffer, buffer.length, 0, address, new int[] {SOCKADDR_LL_SIZE});
      if (length < 0) {
        break;
      }
      ByteBuffer from = ByteBuffer.wrap(address).order(ByteOrder.nativeOrder());
      if (from.get(10) != PACKET_OUTGOING) {
        LanFrames.arpClaim(from.getInt(4), ByteBuffer.wrap(buffer, 0, (int) length).slice())
            .ifPresent(claims::add);
      }
    }
    if (ndp >= 0) {
      hearAdvertisements(claims);
    }
    return claims;
  }

  private void hearAdvertisements(List<Claim> claims) {
    try (Memory data = new Memory(LONGEST);
        Memory control = new Memory(128);
        Memory vector = new Memory(16);
        Memory name = new Memory(SOCKADDR_IN6_SIZE);
        Memory header = new Memory(56)) {
      for (int i = 0; i < MOST_AT_A_TIME; i++) {
        header.clear();
        vector.setPointer(0, data);
        vector.setLong(8, LONGEST);
        header.setPointer(0, name);
        header.setInt(8, SOCKADDR_IN6_SIZE);
        header.setPointer(16, vector);
        header.setLong(24, 1);
        header.setPointer(32, control);
        header.setLong(40, control.size());
        long length = recvmsg(ndp, header, 0);
        if (length < 0) {
          return;
        }
        // One control message: length (8), level (4), type (4), address (16), interface (4).
        int ifindex = header.getLong(40) >= 36 ? control.getInt(32) : 0;
        LanFrames.advertisedClaim(ifindex, data.getByteBuffer(0, length)).ifPresent(claims::add);
      }
    }
  }

  @Override
  public void close() {
    close(arp);
    if (ndp >= 0) {
      close(ndp);
    }
  }

  private static int check(String attempted, String subject, int result) {
    if (result < 0) {
      int errno = Native.getLastError();
      throw new KernelException(
          attempted, subject, errno, errno == Errno.EPERM ? "needs CAP_NET_RAW" : "");
    }
    return result;
  }

  private static int bigEndian(int type) {
    return natively(2)
            .order(ByteOrder.BIG_ENDIAN)
            .putShort(0, (short) type)
            .order(ByteOrder.nativeOrder())
            .getShort(0)
        & 0xffff;
  }

  private static ByteBuffer natively(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.nativeOrder());
  }
}
