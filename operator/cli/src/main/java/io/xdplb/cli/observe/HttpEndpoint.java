// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.observe;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers probes and Prometheus: {@code /healthz} and {@code /readyz} with 200, or with 503 and the
 * reason as text; {@code /metrics} in Prometheus' text format. Only GET and HEAD, no state, nothing
 * that a stranger could change.
 */
public final class HttpEndpoint implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(HttpEndpoint.class);
  private static final int BACKLOG = 16;

  /** One for a scrape, one for a probe that must not wait for it. */
  private static final int THREADS = 2;

  private static final String PLAIN = "text/plain; charset=utf-8";

  private final HttpServer server;
  private final ExecutorService threads;

  /** What is wrong, in a sentence; empty while nothing is. Asked with each request. */
  public interface Probe extends Supplier<Optional<String>> {}

  private HttpEndpoint(HttpServer server) {
    this.server = server;
    this.threads =
        Executors.newFixedThreadPool(
            THREADS,
            task -> {
              Thread thread = new Thread(task, "http");
              thread.setDaemon(true);
              return thread;
            });
  }

  /**
   * Starts to answer.
   *
   * @param health whether this process should go on; else whoever runs it starts it anew
   * @param ready whether it does all of its work
   * @throws IOException if the address cannot be had
   */
  public static HttpEndpoint start(
      HttpAddress address, Probe health, Probe ready, PrometheusRegistry metrics)
      throws IOException {
    HttpEndpoint endpoint = new HttpEndpoint(HttpServer.create(address.socketAddress(), BACKLOG));
    PrometheusTextFormatWriter writer = PrometheusTextFormatWriter.create();
    endpoint.serve("/healthz", () -> endpoint.answer(health));
    endpoint.serve("/readyz", () -> endpoint.answer(ready));
    endpoint.serve(
        "/metrics",
        () -> {
          ByteArrayOutputStream body = new ByteArrayOutputStream();
          writer.write(body, metrics.scrape());
          return new Answer(200, writer.getContentType(), body.toByteArray());
        });
    endpoint.server.setExecutor(endpoint.threads);
    endpoint.server.start();
    log.info("probes and metrics at {}", endpoint.server.getAddress());
    return endpoint;
  }

  /** The port it listens on. */
  public int port() {
    return server.getAddress().getPort();
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  private record Answer(int code, String type, byte[] body) {
    static Answer text(int code, String text) {
      return new Answer(code, PLAIN, (text + "\n").getBytes(StandardCharsets.UTF_8));
    }
  }

  private interface Handler {
    Answer answer() throws IOException;
  }

  private Answer answer(Probe probe) {
    return probe.get().map(why -> Answer.text(503, why)).orElseGet(() -> Answer.text(200, "ok"));
  }

  private void serve(String path, Handler handler) {
    server.createContext(
        path,
        exchange -> {
          try (exchange) {
            send(exchange, answer(exchange, path, handler));
          }
        });
  }

  private static Answer answer(HttpExchange exchange, String path, Handler handler) {
    if (!exchange.getRequestURI().getPath().equals(path)) {
      return Answer.text(404, "only /healthz, /readyz and /metrics are here");
    }
    if (!exchange.getRequestMethod().equals("GET") && !exchange.getRequestMethod().equals("HEAD")) {
      return Answer.text(405, "GET only");
    }
    try {
      return handler.answer();
    } catch (IOException | RuntimeException e) {
      log.warn("cannot answer {}", path, e);
      return Answer.text(500, String.valueOf(e.getMessage()));
    }
  }

  private static void send(HttpExchange exchange, Answer answer) throws IOException {
    boolean head = exchange.getRequestMethod().equals("HEAD");
    exchange.getResponseHeaders().set("Content-Type", answer.type());
    exchange.sendResponseHeaders(answer.code(), head ? -1 : answer.body().length);
    if (!head) {
      exchange.getResponseBody().write(answer.body());
    }
  }
}
