// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Answers on TCP and UDP, both families, in this JVM but in the host's namespace: each TCP line and
 * each UDP datagram comes back as {@code "<host name> <client address>:<port> <what was sent>"}.
 * One thread serves all connections; how many there can be is a matter of file descriptors (see
 * {@link EchoProcess}).
 */
public final class EchoServer implements AutoCloseable {

  private static final int BACKLOG = 4096;

  private final String name;
  private final Selector selector;
  private final Thread thread;
  private final ByteBuffer received = ByteBuffer.allocate(1 << 16);
  private volatile boolean closed;

  private EchoServer(String name, Selector selector) {
    this.name = name;
    this.selector = selector;
    thread = new Thread(this::serve, "echo " + name);
    thread.setDaemon(true);
  }

  /** Listens on {@code port} of both protocols and families until closed. */
  public static EchoServer start(Host host, int port) {
    return start(host, "::", port);
  }

  /** Listens on one address only, a VIP on {@code lo} for instance, and answers from it. */
  public static EchoServer start(Host host, String address, int port) {
    List<Closeable> opened = new ArrayList<>();
    try {
      InetSocketAddress at = new InetSocketAddress(address, port);
      Selector selector = Selector.open();
      opened.add(selector);
      host.netns()
          .call(
              () -> {
                ServerSocketChannel tcp = ServerSocketChannel.open();
                opened.add(tcp);
                tcp.setOption(StandardSocketOptions.SO_REUSEADDR, true).bind(at, BACKLOG);
                tcp.configureBlocking(false).register(selector, SelectionKey.OP_ACCEPT);
                DatagramChannel udp = DatagramChannel.open();
                opened.add(udp);
                udp.bind(at);
                return udp.configureBlocking(false).register(selector, SelectionKey.OP_READ);
              });
      EchoServer server = new EchoServer(host.name(), selector);
      server.thread.start();
      return server;
    } catch (IOException | RuntimeException e) {
      opened.forEach(EchoServer::close);
      throw new IllegalStateException(
          "cannot listen on %s port %d in %s: %s".formatted(address, port, host.netns(), e), e);
    }
  }

  /** Closes the sockets, those of open connections included (clients see FIN or RST). */
  @Override
  public void close() {
    closed = true;
    selector.wakeup();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void serve() {
    try {
      while (!closed) {
        selector.select(this::ready);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("echo server " + name, e);
    } finally {
      selector.keys().forEach(key -> close(key.channel()));
      close(selector);
    }
  }

  private void ready(SelectionKey key) {
    SelectableChannel channel = key.channel();
    try {
      if (channel instanceof ServerSocketChannel tcp) {
        accept(tcp);
      } else if (channel instanceof DatagramChannel udp) {
        answerDatagrams(udp);
      } else {
        ((Connection) key.attachment()).ready(key);
      }
    } catch (IOException gone) {
      // The client went away: its side tells why. A listening socket has no such reason.
      if (!(channel instanceof SocketChannel)) {
        throw new UncheckedIOException("echo server " + name, gone);
      }
      close(channel);
    }
  }

  private void accept(ServerSocketChannel tcp) throws IOException {
    SocketChannel socket;
    while ((socket = tcp.accept()) != null) {
      socket.setOption(StandardSocketOptions.TCP_NODELAY, true).configureBlocking(false);
      socket.register(selector, SelectionKey.OP_READ, new Connection(socket));
    }
  }

  private void answerDatagrams(DatagramChannel udp) throws IOException {
    SocketAddress client;
    while ((client = udp.receive(received.clear())) != null) {
      String text = StandardCharsets.US_ASCII.decode(received.flip()).toString();
      udp.send(ByteBuffer.wrap(answer(client, text)), client);
    }
  }

  private byte[] answer(SocketAddress client, String text) {
    InetSocketAddress from = (InetSocketAddress) client;
    return (name + " " + from.getAddress().getHostAddress() + ":" + from.getPort() + " " + text)
        .getBytes(StandardCharsets.US_ASCII);
  }

  private static void close(Closeable channel) {
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads lines; while an answer does not fit into the socket, reads nothing. */
  private final class Connection {
    private final SocketChannel socket;
    private final SocketAddress client;
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private ByteBuffer answers = ByteBuffer.allocate(0);

    Connection(SocketChannel socket) throws IOException {
      this.socket = socket;
      client = socket.getRemoteAddress();
    }

    void ready(SelectionKey key) throws IOException {
      if (key.isReadable() && !read()) {
        socket.close();
        return;
      }
      socket.write(answers);
      key.interestOps(answers.hasRemaining() ? SelectionKey.OP_WRITE : SelectionKey.OP_READ);
    }

    /** Answers what has come; false at the end of the stream. */
    private boolean read() throws IOException {
      if (socket.read(received.clear()) < 0) {
        return false;
      }
      received.flip();
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      while (received.hasRemaining()) {
        byte b = received.get();
        line.write(b);
        if (b == '\n') {
          out.writeBytes(answer(client, line.toString(StandardCharsets.US_ASCII)));
          line.reset();
        }
      }
      answers = ByteBuffer.wrap(out.toByteArray());
      return true;
    }
  }
}
