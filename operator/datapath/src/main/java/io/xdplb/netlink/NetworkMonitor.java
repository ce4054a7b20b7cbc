// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import com.sun.jna.Native;
import io.xdplb.libbpf.Errno;
import io.xdplb.libbpf.KernelException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells when the network configuration of a namespace changes, by the kernel's own messages
 * (rtnetlink). A message says only what kind of thing changed: read the tables again. When messages
 * were lost because nobody read them in time, every kind is reported.
 *
 * <p>Changes from before {@link #start} returned may be reported or not; read the tables after it.
 */
public final class NetworkMonitor implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(NetworkMonitor.class);

  private static final int RECEIVE_BUFFER = 1 << 20;
  private static final int EFD_CLOEXEC_NONBLOCK = 0x80000 | 0x800;

  /** RTNLGRP_LINK 1, NEIGH 3, IPV4_IFADDR 5, IPV4_ROUTE 7, IPV6_IFADDR 9, IPV6_ROUTE 11. */
  private static final int GROUPS = 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10;

  static {
    Native.register(NetworkMonitor.class, "c");
  }

  private final NetlinkSocket socket;
  private final int wakeup;
  private final Thread thread;
  private final Consumer<Set<NetworkChange>> listener;
  private volatile boolean closing;

  private static native int eventfd(int initial, int flags);

  private static native int eventfd_write(int fd, long value);

  private static native int close(int fd);

  private NetworkMonitor(Consumer<Set<NetworkChange>> listener, int receiveBuffer) {
    this.listener = listener;
    socket = new NetlinkSocket(GROUPS, receiveBuffer);
    wakeup = eventfd(0, EFD_CLOEXEC_NONBLOCK);
    if (wakeup < 0) {
      socket.close();
      throw new KernelException("make", "an eventfd", Native.getLastError(), "");
    }
    thread = new Thread(this::run, "network-monitor");
    thread.setDaemon(true);
  }

  /**
   * Begins to watch the calling thread's network namespace.
   *
   * @param listener called on the monitor's own thread with what changed, never empty; changes that
   *     come while it runs are collected for its next call. What it throws is logged
   */
  public static NetworkMonitor start(Consumer<Set<NetworkChange>> listener) {
    return start(listener, RECEIVE_BUFFER);
  }

  static NetworkMonitor start(Consumer<Set<NetworkChange>> listener, int receiveBuffer) {
    NetworkMonitor monitor = new NetworkMonitor(listener, receiveBuffer);
    monitor.thread.start();
    return monitor;
  }

  private void run() {
    try {
      while (!closing) {
        if (socket.await(wakeup, -1)) {
          notify(drain());
        }
      }
    } catch (RuntimeException e) {
      log.error("the network monitor ends: changes are no longer seen", e);
    } finally {
      socket.close();
    }
  }

  private EnumSet<NetworkChange> drain() {
    EnumSet<NetworkChange> changes = EnumSet.noneOf(NetworkChange.class);
    while (true) {
      try {
        Optional<ByteBuffer> datagram = socket.receive();
        if (datagram.isEmpty()) {
          return changes;
        }
        NetlinkMessage.parse(datagram.get())
            .forEach(message -> kind(message.type()).ifPresent(changes::add));
      } catch (KernelException e) {
        if (e.errno() != Errno.ENOBUFS) {
          throw e;
        }
        log.info("network changes came faster than they were read: everything is read again");
        changes.addAll(EnumSet.allOf(NetworkChange.class));
      }
    }
  }

  /** By the message's type: RTM_NEWLINK is 16, and each kind has four (new, del, get, set). */
  private static Optional<NetworkChange> kind(int type) {
    return switch (type) {
      case 16, 17 -> Optional.of(NetworkChange.LINK);
      case 20, 21 -> Optional.of(NetworkChange.ADDRESS);
      case 24, 25 -> Optional.of(NetworkChange.ROUTE);
      case 28, 29 -> Optional.of(NetworkChange.NEIGHBOUR);
      default -> Optional.empty();
    };
  }

  private void notify(Set<NetworkChange> changes) {
    if (changes.isEmpty() || closing) {
      return;
    }
    try {
      listener.accept(changes);
    } catch (RuntimeException e) {
      log.error("after a change of {}", changes, e);
    }
  }

  /** Ends the watch. When it returns, the listener is not running and is not called any more. */
  @Override
  public void close() {
    if (closing) {
      return;
    }
    closing = true;
    eventfd_write(wakeup, 1);
    boolean interrupted = false;
    while (thread.isAlive() && thread != Thread.currentThread()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    close(wakeup);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
