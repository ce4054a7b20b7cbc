// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/** One of {@link ManyConnections}: opens, asks, and compares the answer with what it must be. */
final class EchoConnection {

  private static final int LONGEST_ANSWER = 512;

  private final SocketChannel socket;
  private final String clientName;
  private final ByteBuffer answer = ByteBuffer.allocate(LONGEST_ANSWER);
  private String question;
  private boolean waits;
  private long begun;
  private String client;
  private String server;
  private String seenFrom;
  private String failure;

  /**
   * Takes a socket that is not connected yet.
   *
   * @param clientName names the connection until it has an address
   */
  EchoConnection(SocketChannel socket, String clientName) throws IOException {
    this.socket = socket;
    this.clientName = clientName;
    socket.setOption(StandardSocketOptions.TCP_NODELAY, true).configureBlocking(false);
  }

  /** Sends {@code text} and begins to wait for its answer; connects before, the first time. */
  void begin(Selector selector, SocketAddress address, String text) {
    question = text;
    waits = true;
    begun = System.nanoTime();
    attempt(
        () -> {
          if (socket.isConnected()) {
            send();
          } else if (socket.connect(address)) {
            connected(socket.register(selector, 0, this));
          } else {
            socket.register(selector, SelectionKey.OP_CONNECT, this);
          }
        });
  }

  /** Goes on when the socket can be connected or read. */
  void ready(SelectionKey key) {
    attempt(
        () -> {
          if (key.isConnectable() && socket.finishConnect()) {
            connected(key);
          } else if (key.isReadable()) {
            read();
          }
        });
  }

  private void connected(SelectionKey key) throws IOException {
    InetSocketAddress own = (InetSocketAddress) socket.getLocalAddress();
    client = own.getAddress().getHostAddress() + ":" + own.getPort();
    // From now on for ever: the end of an idle connection is noticed too.
    key.interestOps(SelectionKey.OP_READ);
    send();
  }

  private void send() throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap((question + "\n").getBytes(StandardCharsets.US_ASCII));
    socket.write(bytes);
    if (bytes.hasRemaining()) {
      throw new IOException("the socket takes no more");
    }
  }

  private void read() throws IOException {
    if (socket.read(answer) < 0) {
      throw new IOException("the server closed the connection");
    }
    int last = answer.position() - 1;
    if (last >= 0 && answer.get(last) == '\n') {
      check(new String(answer.array(), 0, last, StandardCharsets.US_ASCII));
      answer.clear();
    } else if (!answer.hasRemaining()) {
      throw new IOException("an answer without end");
    }
  }

  private void check(String line) throws IOException {
    String[] words = line.split(" ");
    if (!waits || words.length != 3 || !words[2].equals(question)) {
      throw new IOException(
          "asked \"" + (waits ? question : "") + "\", was answered \"" + line + "\"");
    }
    if (server != null && !server.equals(words[0])) {
      throw new IOException("now answered by " + words[0]);
    }
    server = words[0];
    seenFrom = words[1].substring(0, words[1].lastIndexOf(':'));
    waits = false;
  }

  private void attempt(Step step) {
    try {
      step.run();
    } catch (IOException e) {
      fail(e.getMessage());
    }
  }

  private interface Step {
    void run() throws IOException;
  }

  /** Breaks it, and closes the socket. */
  void fail(String reason) {
    failure = reason;
    waits = false;
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void close() throws IOException {
    socket.close();
  }

  boolean alive() {
    return failure == null;
  }

  /** Whether an answer is still to come. */
  boolean waits() {
    return waits;
  }

  /** When it began to wait, by {@link System#nanoTime}. */
  long begun() {
    return begun;
  }

  /** Who answers; null if nobody has. */
  String server() {
    return server;
  }

  /** The client's address as the server sees it. */
  String seenFrom() {
    return seenFrom;
  }

  ManyConnections.Broken broken() {
    return new ManyConnections.Broken(client == null ? clientName : client, server, failure);
  }
}
