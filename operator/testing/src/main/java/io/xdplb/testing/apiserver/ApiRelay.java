// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import io.xdplb.testing.kernel.Netns;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Lets processes in a namespace reach an API server outside of it, under the same address: a port
 * of the namespace's loopback, relayed by this JVM.
 */
public final class ApiRelay implements AutoCloseable {

  private final InetSocketAddress server;
  private final ServerSocket inside;
  private final Set<Closeable> open = ConcurrentHashMap.newKeySet();

  /**
   * Relays until closed.
   *
   * @param url of the API server, by an address of the loopback
   */
  public ApiRelay(Netns netns, String url) {
    URI uri = URI.create(url);
    server = new InetSocketAddress(uri.getHost(), uri.getPort());
    inside =
        netns.call(() -> new ServerSocket(uri.getPort(), 50, InetAddress.getByName(uri.getHost())));
    background(this::accept);
  }

  @Override
  public void close() throws IOException {
    inside.close();
    for (Closeable socket : open) {
      socket.close();
    }
  }

  private void accept() {
    while (!inside.isClosed()) {
      try {
        Socket client = inside.accept();
        open.add(client);
        background(() -> relay(client));
      } catch (IOException e) {
        if (!inside.isClosed()) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private void relay(Socket client) {
    try (client;
        Socket upstream = new Socket()) {
      open.add(upstream);
      upstream.connect(server, 2000);
      Thread answers = background(() -> pump(upstream, client));
      pump(client, upstream);
      answers.join();
      open.remove(upstream);
    } catch (IOException e) {
      // The server is away: the client sees its connection closed.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      open.remove(client);
    }
  }

  private static void pump(Socket from, Socket to) {
    try {
      from.getInputStream().transferTo(to.getOutputStream());
    } catch (IOException e) {
      // One side is gone; so is the other, in a moment.
    } finally {
      try {
        to.close();
        from.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static Thread background(Runnable body) {
    Thread thread = new Thread(body, "api relay");
    thread.setDaemon(true);
    thread.start();
    return thread;
  }
}
