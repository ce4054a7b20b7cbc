// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import io.xdplb.testing.kernel.Host;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/** Asks a UDP echo server a thousand times a second, one flow, and notes what is not answered. */
final class Probe implements AutoCloseable {

  private static final long INTERVAL_NANOS = 1_000_000;
  private static final int LONGEST = 600_000;

  /** How long an answer may take and still be one. */
  private static final long PATIENCE_NANOS = 1_000_000_000;

  private final DatagramChannel channel;
  private final Thread thread;
  private final long[] sentNanos = new long[LONGEST];
  private final boolean[] answered = new boolean[LONGEST];
  private volatile int sent;
  private volatile boolean closed;
  private int from;

  private Probe(DatagramChannel channel, String address) {
    this.channel = channel;
    thread = new Thread(this::run, "probe " + address);
    thread.setDaemon(true);
    thread.setPriority(Thread.MAX_PRIORITY);
  }

  static Probe start(Host client, String address, int port) {
    DatagramChannel channel =
        client
            .netns()
            .call(
                () -> {
                  DatagramChannel opened = DatagramChannel.open();
                  opened.connect(new InetSocketAddress(address, port));
                  opened.configureBlocking(false);
                  return opened;
                });
    Probe probe = new Probe(channel, address);
    probe.thread.start();
    return probe;
  }

  private void run() {
    ByteBuffer in = ByteBuffer.allocate(256);
    long next = System.nanoTime();
    try {
      while (!closed && sent < LONGEST) {
        send();
        next += INTERVAL_NANOS;
        do {
          receive(in);
          LockSupport.parkNanos(Math.min(200_000, Math.max(1, next - System.nanoTime())));
        } while (!closed && System.nanoTime() < next);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void send() throws IOException {
    int number = sent;
    sentNanos[number] = System.nanoTime();
    byte[] text = (number + "\n").getBytes(StandardCharsets.US_ASCII);
    try {
      channel.write(ByteBuffer.wrap(text));
    } catch (IOException unreachable) {
      // What an ICMP error said of an earlier one: this one was not sent, and is not answered.
    }
    sent = number + 1;
  }

  private void receive(ByteBuffer in) throws IOException {
    while (true) {
      int length;
      try {
        length = channel.read(in.clear());
      } catch (IOException unreachable) {
        continue;
      }
      if (length <= 0) {
        return;
      }
      String text = new String(in.array(), 0, length, StandardCharsets.US_ASCII).strip();
      answered[Integer.parseInt(text.substring(text.lastIndexOf(' ') + 1))] = true;
    }
  }

  /** Waits until so many more have been sent. */
  void awaitSent(int count) {
    int from = sent;
    while (sent < from + count) {
      LockSupport.parkNanos(INTERVAL_NANOS);
    }
  }

  /** What is counted begins now. */
  void begin() {
    from = sent;
  }

  /** Lets what was asked until now be answered, or not be: only that is counted. */
  static void awaitAnswers() {
    LockSupport.parkNanos(PATIENCE_NANOS);
  }

  /** The longest time in which nothing was answered, since {@link #begin}. */
  Duration longestGap() {
    int to = lastDecided();
    long longest = 0;
    int last = from;
    for (int i = from; i < to; i++) {
      if (answered[i]) {
        longest = Math.max(longest, i - last > 1 ? sentNanos[i] - sentNanos[last] : 0);
        last = i;
      }
    }
    if (to > last + 1) {
      longest = Math.max(longest, sentNanos[to - 1] - sentNanos[last]);
    }
    return Duration.ofNanos(longest);
  }

  /** How many were not answered, since {@link #begin}. */
  int lost() {
    int to = lastDecided();
    int lost = 0;
    for (int i = from; i < to; i++) {
      lost += answered[i] ? 0 : 1;
    }
    return lost;
  }

  private int lastDecided() {
    long end = System.nanoTime() - PATIENCE_NANOS;
    int to = sent;
    int at = Arrays.binarySearch(sentNanos, 0, to, end);
    return at < 0 ? -at - 1 : at;
  }

  @Override
  public void close() throws IOException {
    closed = true;
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    channel.close();
  }
}
