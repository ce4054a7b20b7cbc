// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import com.sun.jna.Native;
import io.xdplb.libbpf.Errno;
import io.xdplb.libbpf.KernelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A socket to the kernel's routing tables (rtnetlink(7)). It belongs for ever to the network
 * namespace of the thread that opens it.
 */
final class NetlinkSocket implements AutoCloseable {
  private static final int AF_NETLINK = 16;
  private static final int SOCK_RAW_CLOEXEC = 3 | 0x80000;
  private static final int NETLINK_ROUTE = 0;
  private static final int SOCKADDR_NL_SIZE = 12;
  private static final int SOL_SOCKET = 1;
  private static final int SO_RCVBUF = 8;
  private static final int MSG_DONTWAIT = 0x40;
  private static final short POLLIN = 1;
  private static final int POLLFD_SIZE = 8;

  /** NLMSG_GOODSIZE: what the kernel allocates for one message at most. */
  private static final int LONGEST_ANSWER = 8192;

  /** A link with many virtual functions has a message longer than that. */
  private static final int LONGEST_EVENT = 64 * 1024;

  /** Answers are sent while the request is being handled; this only bounds a kernel's bug. */
  private static final int ANSWER_TIMEOUT_MS = 5000;

  static {
    Native.register(NetlinkSocket.class, "c");
  }

  private final int fd;
  private final byte[] buffer;

  private static native int socket(int domain, int type, int protocol);

  private static native int bind(int fd, byte[] address, int length);

  private static native int setsockopt(int fd, int level, int name, byte[] value, int length);

  private static native long send(int fd, byte[] data, long length, int flags);

  private static native long recv(int fd, byte[] data, long length, int flags);

  private static native int poll(byte[] fds, long count, int timeoutMs);

  private static native int close(int fd);

  /**
   * @param groups a bit for each multicast group to listen to, {@code 1 << (RTNLGRP_… - 1)}
   * @param receiveBuffer how many bytes may wait to be read; 0 for the system's default
   */
  NetlinkSocket(int groups, int receiveBuffer) {
    this(groups, receiveBuffer, groups == 0 ? LONGEST_ANSWER : LONGEST_EVENT);
  }

  private NetlinkSocket(int longest) {
    this(0, 0, longest);
  }

  private NetlinkSocket(int groups, int receiveBuffer, int longest) {
    // JNA copies the whole array in and out: an answer's is no larger than the kernel makes them.
    buffer = new byte[longest];
    fd = check("open", socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE));
    try {
      if (receiveBuffer > 0) {
        byte[] size = natively(4).putInt(receiveBuffer).array();
        check("size", setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, size.length));
      }
      ByteBuffer address = natively(SOCKADDR_NL_SIZE).putShort((short) AF_NETLINK);
      check("bind", bind(fd, address.putInt(8, groups).array(), SOCKADDR_NL_SIZE));
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /**
   * Asks, and answers the kernel's first message.
   *
   * @return the answer; empty if it is only an acknowledgement
   * @throws Refused if the kernel answers with an error number
   */
  static Optional<NetlinkMessage> request(NetlinkMessage.Builder request) throws Refused {
    try (NetlinkSocket socket = new NetlinkSocket(0, 0)) {
      byte[] bytes = request.bytes();
      check("send to", (int) send(socket.fd, bytes, bytes.length, 0));
      if (!socket.await(-1, ANSWER_TIMEOUT_MS)) {
        throw failure("get an answer from", Errno.ETIMEDOUT);
      }
      NetlinkMessage answer = NetlinkMessage.parse(socket.receive().orElseThrow()).get(0);
      if (answer.type() != NetlinkMessage.ERROR) {
        return Optional.of(answer);
      }
      int result = answer.body().getInt(0);
      if (result != 0) {
        throw new Refused(-result);
      }
      return Optional.empty();
    }
  }

  /**
   * Asks for a list.
   *
   * @return all messages of the answer
   * @throws KernelException if the kernel refuses, or does not answer
   */
  static List<NetlinkMessage> dump(NetlinkMessage.Builder request) {
    try (NetlinkSocket socket = new NetlinkSocket(LONGEST_EVENT)) {
      byte[] bytes = request.bytes();
      check("send to", (int) send(socket.fd, bytes, bytes.length, 0));
      List<NetlinkMessage> all = new ArrayList<>();
      while (true) {
        if (!socket.await(-1, ANSWER_TIMEOUT_MS)) {
          throw failure("get a list from", Errno.ETIMEDOUT);
        }
        for (NetlinkMessage message : NetlinkMessage.parse(socket.receive().orElseThrow())) {
          if (message.type() == NetlinkMessage.DONE) {
            return all;
          }
          if (message.type() == NetlinkMessage.ERROR) {
            throw failure("get a list from", -message.body().getInt(0));
          }
          all.add(message.copy());
        }
      }
    }
  }

  /** The kernel understood a request and answered with an error number. */
  static final class Refused extends Exception {
    private final int errno;

    private Refused(int errno) {
      super(Errno.name(errno), null, false, false);
      this.errno = errno;
    }

    int errno() {
      return errno;
    }
  }

  /**
   * Waits until there is something to read here or at another descriptor.
   *
   * @param other -1 for none
   * @return whether there is something to read here
   */
  boolean await(int other, int timeoutMs) {
    ByteBuffer fds = natively(2 * POLLFD_SIZE);
    fds.putInt(0, fd).putShort(4, POLLIN).putInt(POLLFD_SIZE, other).putShort(12, POLLIN);
    if (poll(fds.array(), 2, timeoutMs) < 0 && Native.getLastError() != Errno.EINTR) {
      throw failure("wait for", Native.getLastError());
    }
    return fds.getShort(6) != 0;
  }

  /**
   * Reads one datagram.
   *
   * @return a buffer that the next call overwrites; empty if there is nothing to read
   * @throws KernelException ENOBUFS if messages were lost since the last call
   */
  Optional<ByteBuffer> receive() {
    long length = recv(fd, buffer, buffer.length, MSG_DONTWAIT);
    if (length < 0) {
      int errno = Native.getLastError();
      if (errno == Errno.EAGAIN || errno == Errno.EINTR) {
        return Optional.empty();
      }
      throw failure("read from", errno);
    }
    return Optional.of(
        ByteBuffer.wrap(buffer, 0, (int) length).slice().order(ByteOrder.nativeOrder()));
  }

  @Override
  public void close() {
    close(fd);
  }

  private static ByteBuffer natively(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.nativeOrder());
  }

  private static int check(String attempted, int result) {
    if (result < 0) {
      throw failure(attempted, Native.getLastError());
    }
    return result;
  }

  private static KernelException failure(String attempted, int errno) {
    return new KernelException(attempted, "the netlink socket", errno, "");
  }
}
