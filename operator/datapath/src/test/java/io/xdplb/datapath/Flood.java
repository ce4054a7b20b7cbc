// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import io.xdplb.testing.kernel.Host;
import java.util.List;

/**
 * Sends the same frames again and again out of an interface, as fast as one thread can: many of
 * them a system call, past the queueing discipline. See packet(7) and sendmmsg(2).
 */
final class Flood implements AutoCloseable {
  private static final int AF_PACKET = 17;
  private static final int SOCK_RAW = 3;
  private static final int SOL_PACKET = 263;
  private static final int PACKET_QDISC_BYPASS = 20;
  private static final int SOCKADDR_LL_BYTES = 20;
  private static final int SOCKADDR_LL_IFINDEX = 4;
  private static final int MMSGHDR_BYTES = 64;
  private static final int MMSGHDR_IOV = 16;
  private static final int MMSGHDR_IOVLEN = 24;
  private static final int IOVEC_BYTES = 16;
  private static final int AT_A_TIME = 64;
  private static final int ENOBUFS = 105;

  static {
    Native.register(Flood.class, "c");
  }

  private final int fd;
  private final Memory bytes;
  private final Memory vectors;
  private final Memory messages;
  private final int count;
  private final Thread thread = new Thread(this::send, "flood");
  private volatile boolean stopped;
  private volatile long sent;

  private Flood(int fd, List<byte[]> frames) {
    this.fd = fd;
    count = frames.size();
    bytes = new Memory(frames.stream().mapToLong(frame -> frame.length).sum());
    vectors = new Memory((long) count * IOVEC_BYTES);
    messages = new Memory((long) count * MMSGHDR_BYTES);
    messages.clear();
    long at = 0;
    for (int i = 0; i < count; i++) {
      byte[] frame = frames.get(i);
      bytes.write(at, frame, 0, frame.length);
      vectors.setPointer((long) i * IOVEC_BYTES, bytes.share(at));
      vectors.setLong((long) i * IOVEC_BYTES + Native.POINTER_SIZE, frame.length);
      messages.setPointer(
          (long) i * MMSGHDR_BYTES + MMSGHDR_IOV, vectors.share((long) i * IOVEC_BYTES));
      messages.setLong((long) i * MMSGHDR_BYTES + MMSGHDR_IOVLEN, 1);
      at += frame.length;
    }
    thread.setDaemon(true);
  }

  /** Begins; {@link #close} ends it. */
  static Flood start(Host host, List<byte[]> frames) {
    int ifindex = host.netns().index(host.device());
    int fd =
        host.netns()
            .call(
                () -> {
                  int packet = socket(AF_PACKET, SOCK_RAW, 0);
                  Memory address = new Memory(SOCKADDR_LL_BYTES);
                  address.clear();
                  address.setShort(0, (short) AF_PACKET);
                  address.setInt(SOCKADDR_LL_IFINDEX, ifindex);
                  bind(packet, address, SOCKADDR_LL_BYTES);
                  Pointer yes = new IntByReference(1).getPointer();
                  setsockopt(packet, SOL_PACKET, PACKET_QDISC_BYPASS, yes, Integer.BYTES);
                  return packet;
                });
    Flood flood = new Flood(fd, frames);
    flood.thread.start();
    return flood;
  }

  /** How many frames have left so far. */
  long sent() {
    return sent;
  }

  @Override
  public void close() {
    stopped = true;
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    close(fd);
  }

  private void send() {
    int next = 0;
    while (!stopped) {
      int some = Math.min(AT_A_TIME, count - next);
      try {
        int done = sendmmsg(fd, messages.share((long) next * MMSGHDR_BYTES), some, 0);
        next = (next + done) % count;
        sent += done;
      } catch (LastErrorException e) {
        if (e.getErrorCode() != ENOBUFS) {
          throw e;
        }
      }
    }
  }

  private static native int socket(int family, int type, int protocol) throws LastErrorException;

  private static native int bind(int fd, Pointer address, int length) throws LastErrorException;

  private static native int setsockopt(int fd, int level, int name, Pointer value, int length)
      throws LastErrorException;

  private static native int sendmmsg(int fd, Pointer messages, int count, int flags)
      throws LastErrorException;

  private static native int close(int fd) throws LastErrorException;
}
