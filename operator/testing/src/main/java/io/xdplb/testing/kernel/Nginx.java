// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * A real nginx in a namespace, with its files in a folder of its own. As a web server it answers
 * every request with who it is and whom it sees:
 *
 * <pre>
 * Hostname: http1
 * Server: 198.51.100.101
 * Client: 198.51.100.10
 * </pre>
 */
public final class Nginx implements AutoCloseable {

  private static final Duration DEADLINE = Duration.ofSeconds(10);

  private final Path folder;
  private final RunningProcess process;

  private Nginx(Path folder, RunningProcess process) {
    this.folder = folder;
    this.process = process;
    Cleanup.opened(this);
  }

  /** A web server on port 80, both families, that calls itself by the host's name. */
  public static Nginx web(Host host) {
    return web(host, 80);
  }

  /** A web server on another port. */
  public static Nginx web(Host host, int port) {
    return start(
        host.netns(),
        port,
        "1",
        "",
        """
        http {
          access_log off;
          default_type text/plain;
          keepalive_requests 1000000000;
          client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
          uwsgi_temp_path tmp; scgi_temp_path tmp;
          server {
            listen 0.0.0.0:%1$d backlog=4096;
            listen [::]:%1$d backlog=4096;
            location / {
              return 200 "Hostname: %2$s\\nServer: $server_addr\\nClient: $remote_addr\\n";
            }
          }
        }
        """
            .formatted(port, host.name()));
  }

  /**
   * Any other nginx.
   *
   * @param port where it will accept TCP connections, at the latest ten seconds after the start
   * @param workers {@code worker_processes}: a number, or {@code auto}
   * @param top what comes first in the file, {@code load_module} for instance; may be empty
   * @param blocks the configuration after {@code events}; relative paths are in its own folder
   */
  public static Nginx start(Netns netns, int port, String workers, String top, String blocks) {
    try {
      Path folder = Files.createTempDirectory(Cleanup.PREFIX + "nginx");
      Path log = folder.resolve("error.log");
      Path configuration = folder.resolve("nginx.conf");
      Files.writeString(
          configuration,
          """
          %s
          daemon off;
          user root;
          worker_processes %s;
          pid %s/nginx.pid;
          error_log %s;
          events { worker_connections 8192; }
          %s
          """
              .formatted(top, workers, folder, log, blocks));
      Nginx nginx =
          new Nginx(
              folder,
              netns.start(
                  "/usr/sbin/nginx",
                  "-e",
                  log.toString(),
                  "-p",
                  folder.toString(),
                  "-c",
                  configuration.toString()));
      try {
        Awaitility.await("nginx in " + netns)
            .atMost(DEADLINE)
            .pollInterval(Duration.ofMillis(20))
            .until(() -> nginx.accepts(netns, port));
        return nginx;
      } catch (RuntimeException e) {
        nginx.close();
        throw e;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The master process. */
  public RunningProcess process() {
    return process;
  }

  /** Ends it and removes its folder. */
  @Override
  public void close() {
    if (!Cleanup.closed(this)) {
      return;
    }
    process.close();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private boolean accepts(Netns netns, int port) {
    process.mustBeAlive();
    return netns.call(
        () -> {
          try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress("127.0.0.1", port), 1000);
            return true;
          } catch (IOException e) {
            return false;
          }
        });
  }
}
