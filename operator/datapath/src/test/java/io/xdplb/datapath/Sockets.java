// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.testing.kernel.Host;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** Single connections from ports of the test's choice, which others may be using too. */
final class Sockets {
  private static final Duration TIMEOUT = Duration.ofSeconds(2);

  private Sockets() {}

  /** Listens on a port of the host. */
  static ServerSocketChannel listen(Host host, int port) {
    return host.netns()
        .call(
            () ->
                ServerSocketChannel.open()
                    .setOption(StandardSocketOptions.SO_REUSEADDR, true)
                    .setOption(StandardSocketOptions.SO_REUSEPORT, true)
                    .bind(new InetSocketAddress(port)));
  }

  /**
   * Connects from a port of the host.
   *
   * @throws IllegalStateException whose cause says why it could not
   */
  static SocketChannel connect(Host host, int fromPort, InetSocketAddress to) {
    return host.netns()
        .call(
            () -> {
              SocketChannel socket = SocketChannel.open();
              try {
                socket.setOption(StandardSocketOptions.SO_REUSEADDR, true);
                socket.setOption(StandardSocketOptions.SO_REUSEPORT, true);
                socket.bind(new InetSocketAddress(fromPort));
                socket.socket().connect(to, (int) TIMEOUT.toMillis());
                return socket;
              } catch (IOException e) {
                socket.close();
                throw e;
              }
            });
  }

  /** Whether what goes in at one end comes out at the other, in time. */
  static boolean carries(SocketChannel from, SocketChannel to, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    from.socket().getOutputStream().write(bytes);
    to.socket().setSoTimeout((int) TIMEOUT.toMillis());
    return text.equals(
        new String(
            to.socket().getInputStream().readNBytes(bytes.length), StandardCharsets.US_ASCII));
  }
}
