// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import io.xdplb.testing.kernel.Netns;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A machine with one interface, "near", and what it sends there: datagrams that the programs of
 * tc.bpf.c count. Nobody needs to receive them.
 */
public final class EgressLab implements AutoCloseable {
  private static final InetSocketAddress TO = new InetSocketAddress("198.51.100.2", 4242);

  private final Netns machine = Netns.create("egress");

  public EgressLab() {
    try {
      addVeth();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** Makes the interface, again if it is gone. */
  public void addVeth() {
    machine.ip(
        "link add near type veth peer name far",
        "link set near up",
        "link set far up",
        "address add 198.51.100.1/24 dev near",
        "neigh add 198.51.100.2 lladdr 02:00:00:00:00:02 dev near nud permanent");
  }

  public Netns machine() {
    return machine;
  }

  public int ifindex() {
    return machine.index("near");
  }

  private DatagramChannel socket() {
    return machine.call(() -> DatagramChannel.open(StandardProtocolFamily.INET));
  }

  /** Sends some datagrams; when it returns, they have passed the egress. */
  public void send(int datagrams) throws Exception {
    try (DatagramChannel socket = socket()) {
      for (int i = 0; i < datagrams; i++) {
        socket.send(ByteBuffer.allocate(32), TO);
      }
    }
  }

  /** How many datagrams a program of the object has counted. */
  public static long count(BpfObject object, String program) {
    int index =
        switch (program) {
          case "first" -> 0;
          case "second" -> 1;
          case "last" -> 2;
          default -> throw new IllegalArgumentException(program);
        };
    return TestObjects.number(object.map("counts").lookup(TestObjects.u32(index)).orElseThrow());
  }

  /** Sends without a pause until closed. */
  public Traffic traffic() {
    return new Traffic(socket());
  }

  /** Datagrams that are being sent. */
  public static final class Traffic implements AutoCloseable {
    private final AtomicLong sent = new AtomicLong();
    private final DatagramChannel socket;
    private final Thread thread = new Thread(this::run, "traffic");
    private volatile boolean ended;
    private volatile Exception failure;

    private Traffic(DatagramChannel socket) {
      this.socket = socket;
      thread.start();
    }

    private void run() {
      try {
        while (!ended) {
          socket.send(ByteBuffer.allocate(32), TO);
          sent.incrementAndGet();
        }
      } catch (Exception e) {
        failure = e;
      }
    }

    /** How many were sent until now. */
    public long sent() {
      return sent.get();
    }

    /** Waits until some more were sent. */
    public void await(long more) {
      long until = sent() + more;
      long deadline = System.nanoTime() + 10_000_000_000L;
      while (sent() < until) {
        if (failure != null || System.nanoTime() > deadline) {
          throw new IllegalStateException("only " + sent() + " of " + until + " sent", failure);
        }
        Thread.onSpinWait();
      }
    }

    /** Ends it, and answers how many were sent in all. */
    public long end() {
      close();
      if (failure != null) {
        throw new IllegalStateException("after " + sent() + " datagrams", failure);
      }
      return sent();
    }

    @Override
    public void close() {
      ended = true;
      try {
        thread.join();
        socket.close();
      } catch (InterruptedException | IOException e) {
        throw new IllegalStateException("cannot end the traffic", e);
      }
    }
  }

  @Override
  public void close() {
    machine.close();
  }
}
