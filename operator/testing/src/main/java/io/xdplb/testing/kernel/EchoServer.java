// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Answers on TCP and UDP, both families, in this JVM but in the host's namespace: each TCP line and
 * each UDP datagram comes back as {@code "<host name> <client address>:<port> <what was sent>"}.
 */
public final class EchoServer implements AutoCloseable {

  private final String name;
  private final ServerSocket tcp;
  private final DatagramSocket udp;
  private final Set<Closeable> connections = ConcurrentHashMap.newKeySet();

  private EchoServer(String name, ServerSocket tcp, DatagramSocket udp) {
    this.name = name;
    this.tcp = tcp;
    this.udp = udp;
  }

  /** Listens on {@code port} of both protocols and families until closed. */
  public static EchoServer start(Host host, int port) {
    return start(host, "::", port);
  }

  /** Listens on one address only, a VIP on {@code lo} for instance, and answers from it. */
  public static EchoServer start(Host host, String address, int port) {
    EchoServer server =
        host.netns()
            .call(
                () -> {
                  ServerSocket tcp = new ServerSocket();
                  tcp.setReuseAddress(true);
                  tcp.bind(new InetSocketAddress(address, port), 4096);
                  var udp = new DatagramSocket(new InetSocketAddress(address, port));
                  return new EchoServer(host.name(), tcp, udp);
                });
    server.inBackground("tcp", server::accept);
    server.inBackground("udp", server::answerDatagrams);
    return server;
  }

  /** Closes the sockets, those of open connections included (clients see FIN or RST). */
  @Override
  public void close() {
    udp.close();
    try {
      tcp.close();
      for (Closeable connection : connections) {
        connection.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void inBackground(String what, Runnable body) {
    Thread thread = new Thread(body, what + " echo " + name);
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    while (!tcp.isClosed()) {
      try {
        Socket socket = tcp.accept();
        connections.add(socket);
        inBackground("connection", () -> answerLines(socket));
      } catch (IOException e) {
        if (!tcp.isClosed()) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private void answerLines(Socket socket) {
    try (socket) {
      socket.setTcpNoDelay(true);
      var lines =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      String line;
      while ((line = lines.readLine()) != null) {
        socket.getOutputStream().write(answer(socket.getRemoteSocketAddress(), line + "\n"));
      }
    } catch (IOException gone) {
      // The client went away, or close() closed the socket: the client's side tells which.
    } finally {
      connections.remove(socket);
    }
  }

  private void answerDatagrams() {
    byte[] buffer = new byte[65536];
    while (!udp.isClosed()) {
      try {
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        udp.receive(packet);
        String text = new String(buffer, 0, packet.getLength(), StandardCharsets.US_ASCII);
        byte[] answer = answer(packet.getSocketAddress(), text);
        udp.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
      } catch (IOException e) {
        if (!udp.isClosed()) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private byte[] answer(SocketAddress client, String text) {
    InetSocketAddress from = (InetSocketAddress) client;
    return "%s %s:%d %s"
        .formatted(name, from.getAddress().getHostAddress(), from.getPort(), text)
        .getBytes(StandardCharsets.US_ASCII);
  }
}
