// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Asks a BIRD over its control socket. Each command has a connection of its own, so that there is
 * no state to lose when BIRD is restarted.
 */
final class BirdControl {

  /** BIRD needs some 0.1 s to read a configuration of 10,000 routes. */
  static final Duration DEADLINE = Duration.ofSeconds(5);

  private static final int CODE_DIGITS = 4;
  private static final int FIRST_ERROR = 8000;

  private final Path socket;
  private final Duration deadline;

  BirdControl(Path socket) {
    this(socket, DEADLINE);
  }

  /** With another time that an answer may take. */
  BirdControl(Path socket, Duration deadline) {
    this.socket = socket;
    this.deadline = deadline;
  }

  /**
   * A line of an answer.
   *
   * @param code what kind of line: {@code birdc -v} shows them; 8000 and above is an error
   * @param text without the code
   */
  record Line(int code, String text) {}

  /**
   * An answer, in whole.
   *
   * @param lines at least one; the last one's code says how it ended
   */
  record Reply(List<Line> lines) {

    /** How it ended. */
    int code() {
      return lines.get(lines.size() - 1).code();
    }

    boolean isError() {
      return code() >= FIRST_ERROR;
    }

    /** Its text, without codes. */
    String text() {
      return lines.stream().map(Line::text).collect(Collectors.joining("\n"));
    }

    /** What the last line says. */
    String last() {
      return lines.get(lines.size() - 1).text();
    }
  }

  /**
   * Sends a command and waits for the end of the answer.
   *
   * @throws BirdException if there is no BIRD, or it does not answer in time; not for an answer
   *     that is an error
   */
  Reply ask(String command) throws BirdException {
    long end = System.nanoTime() + deadline.toNanos();
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        Selector selector = Selector.open()) {
      channel.configureBlocking(false);
      channel.connect(UnixDomainSocketAddress.of(socket));
      SelectionKey key = channel.register(selector, SelectionKey.OP_READ);
      Reader reader = new Reader(channel, selector, end);
      reader.reply(); // BIRD greets first
      ByteBuffer line = ByteBuffer.wrap((command + "\n").getBytes(StandardCharsets.UTF_8));
      while (line.hasRemaining()) {
        key.interestOps(SelectionKey.OP_WRITE);
        reader.await();
        channel.write(line);
      }
      key.interestOps(SelectionKey.OP_READ);
      return reader.reply();
    } catch (IOException e) {
      throw new BirdException(
          "no answer of BIRD at %s to \"%s\": %s".formatted(socket, command, e.getMessage()), e);
    }
  }

  /**
   * As {@link #ask}, if the answer must be none of an error.
   *
   * @throws BirdException with the answer, if it is
   */
  Reply run(String command) throws BirdException {
    Reply reply = ask(command);
    if (reply.isError()) {
      throw new BirdException("BIRD refuses \"%s\": %s".formatted(command, reply.text()));
    }
    return reply;
  }

  private static final class Reader {

    private final SocketChannel channel;
    private final Selector selector;
    private final long end;
    private final ByteBuffer buffer = ByteBuffer.allocate(1 << 16).flip();

    Reader(SocketChannel channel, Selector selector, long end) {
      this.channel = channel;
      this.selector = selector;
      this.end = end;
    }

    Reply reply() throws IOException {
      List<Line> lines = new ArrayList<>();
      int code = 0;
      while (true) {
        String line = line();
        if (line.startsWith("+")) {
          continue; // from BIRD's log
        }
        if (line.startsWith(" ")) {
          lines.add(new Line(code, line.substring(1)));
          continue;
        }
        if (line.length() <= CODE_DIGITS
            || !line.substring(0, CODE_DIGITS).chars().allMatch(c -> c >= '0' && c <= '9')) {
          throw new IOException("this is no line of BIRD's: \"" + line + "\"");
        }
        code = Integer.parseInt(line.substring(0, CODE_DIGITS));
        lines.add(new Line(code, line.substring(CODE_DIGITS + 1)));
        if (line.charAt(CODE_DIGITS) == ' ') {
          return new Reply(List.copyOf(lines));
        }
      }
    }

    private String line() throws IOException {
      ByteArrayOutputStream line = new ByteArrayOutputStream(80);
      while (true) {
        while (buffer.hasRemaining()) {
          byte next = buffer.get();
          if (next == '\n') {
            return line.toString(StandardCharsets.UTF_8);
          }
          line.write(next);
        }
        await();
        buffer.clear();
        int count = channel.read(buffer);
        buffer.flip();
        if (count < 0) {
          throw new IOException("it closed the connection");
        }
      }
    }

    /** Until the channel is ready for what it is registered for. */
    void await() throws IOException {
      selector.selectedKeys().clear();
      long milliseconds = (end - System.nanoTime()) / 1_000_000;
      if (milliseconds <= 0 || selector.select(milliseconds) == 0) {
        throw new IOException(
            Thread.currentThread().isInterrupted() ? "interrupted" : "it takes too long");
      }
    }
  }
}
