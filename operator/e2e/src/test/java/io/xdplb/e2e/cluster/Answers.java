// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import io.xdplb.testing.kernel.Netns;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Asks over and over, each time by a new connection, from several threads that wait a tenth of a
 * second for an answer; notes the longest time in which there was none.
 */
final class Answers implements AutoCloseable {

  private static final int THREADS = 8;
  private static final int PATIENCE_MS = 100;

  private final AtomicLong last = new AtomicLong(System.nanoTime());
  private final AtomicLong longest = new AtomicLong();
  private volatile boolean closed;

  private Answers() {}

  static Answers from(Netns client, String address, int port) {
    Answers answers = new Answers();
    InetSocketAddress server = new InetSocketAddress(address, port);
    for (int i = 0; i < THREADS; i++) {
      Thread thread =
          new Thread(
              () ->
                  client.call(
                      () -> {
                        answers.run(server);
                        return null;
                      }),
              "answers");
      thread.setDaemon(true);
      thread.start();
    }
    return answers;
  }

  private void run(InetSocketAddress server) throws InterruptedException {
    while (!closed) {
      try (Socket socket = new Socket()) {
        socket.setSoTimeout(PATIENCE_MS);
        socket.connect(server, PATIENCE_MS);
        socket.getOutputStream().write("hello\n".getBytes(StandardCharsets.US_ASCII));
        if (socket.getInputStream().read() >= 0) {
          answered();
        }
      } catch (IOException e) {
        // no answer
      }
      Thread.sleep(5);
    }
  }

  private void answered() {
    long now = System.nanoTime();
    long before = last.getAndSet(now);
    longest.accumulateAndGet(now - before, Math::max);
  }

  /** Until now. */
  Duration longestGap() {
    return Duration.ofNanos(Math.max(longest.get(), System.nanoTime() - last.get()));
  }

  @Override
  public void close() {
    closed = true;
  }
}
