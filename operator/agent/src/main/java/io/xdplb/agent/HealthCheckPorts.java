// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.HealthCheck;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.LocalEndpoints;
import io.xdplb.core.model.ObjectName;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers on the {@code healthCheckNodePort} of each Service that has one, as kube-proxy does: 200
 * where there are ready pods on this node, 503 where there are none. kube-proxy goes first: a port
 * that somebody has is left to him, and it is tried again from time to time.
 */
final class HealthCheckPorts implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(HealthCheckPorts.class);

  /** How soon after it is known a port is first tried: time for kube-proxy to take it. */
  static final Duration FIRST_TRY = Duration.ofSeconds(5);

  /** How long until a port that somebody has is tried again. */
  static final Duration AGAIN = Duration.ofSeconds(30);

  private static final int BACKLOG = 16;
  private static final int ANSWERING = 2;
  private static final int OK = 200;
  private static final int UNAVAILABLE = 503;

  private final String node;
  private final Duration firstTry;
  private final ScheduledExecutorService thread;
  private final ExecutorService answering;

  /** What is to be answered. */
  private final Map<ObjectName, Answer> wanted = new ConcurrentHashMap<>();

  /** Who answers; of the thread only. */
  private final Map<ObjectName, HttpServer> servers = new HashMap<>();

  /** Whose ports somebody else has; of the thread only. */
  private final Set<ObjectName> taken = new HashSet<>();

  /**
   * @param localEndpoints ready pods on this node
   */
  private record Answer(int port, String namespace, String service, int localEndpoints) {

    /** Names are such that nothing in them has to be escaped. */
    byte[] json() {
      return "{\"service\":{\"namespace\":\"%s\",\"name\":\"%s\"},\"localEndpoints\":%d}"
          .formatted(namespace, service, localEndpoints)
          .getBytes(StandardCharsets.UTF_8);
    }
  }

  /**
   * Listens in the network namespace of the calling thread.
   *
   * @param node name of this node
   */
  HealthCheckPorts(String node) {
    this(node, FIRST_TRY, AGAIN);
  }

  HealthCheckPorts(String node, Duration firstTry, Duration again) {
    this.node = node;
    this.firstTry = firstTry;
    // What still comes in after the end is of no use.
    thread =
        new ScheduledThreadPoolExecutor(
            1, HealthCheckPorts::daemon, new ThreadPoolExecutor.DiscardPolicy());
    answering = Executors.newFixedThreadPool(ANSWERING, HealthCheckPorts::daemon);
    // Makes the thread, which is in the network namespace of the one that makes it.
    thread.scheduleWithFixedDelay(
        () -> List.copyOf(taken).forEach(this::listen),
        again.toMillis(),
        again.toMillis(),
        TimeUnit.MILLISECONDS);
  }

  private static Thread daemon(Runnable run) {
    Thread thread = new Thread(run, "health checks");
    thread.setDaemon(true);
    return thread;
  }

  /** A table is there, or has a new version. */
  void table(ObjectName table, ForwardingTableSpec spec) {
    HealthCheck check = spec.healthCheck();
    if (check == null) {
      removed(table);
      return;
    }
    Answer now =
        new Answer(check.port(), table.namespace(), check.service(), localEndpoints(check));
    Answer before = wanted.put(table, now);
    if (before == null || before.port() != now.port()) {
      thread.execute(() -> close(table));
      thread.schedule(() -> listen(table), firstTry.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  /** A table is gone. */
  void removed(ObjectName table) {
    if (wanted.remove(table) != null) {
      thread.execute(() -> close(table));
    }
  }

  private int localEndpoints(HealthCheck check) {
    return check.nodes() == null
        ? 0
        : check.nodes().stream()
            .filter(local -> local.node().equals(node))
            .mapToInt(LocalEndpoints::count)
            .sum();
  }

  private void listen(ObjectName table) {
    Answer answer = wanted.get(table);
    if (answer == null || servers.containsKey(table)) {
      return;
    }
    try {
      HttpServer server = HttpServer.create(new InetSocketAddress(answer.port()), BACKLOG);
      server.createContext("/", exchange -> answer(exchange, table));
      server.setExecutor(answering);
      server.start();
      servers.put(table, server);
      taken.remove(table);
      log.info("{}: health checks are answered on port {}", table, answer.port());
    } catch (IOException e) {
      log.debug(
          "{}: health checks on port {} are left to whoever has it, most likely kube-proxy: {}",
          table,
          answer.port(),
          e.getMessage());
      taken.add(table);
    }
  }

  private void answer(HttpExchange exchange, ObjectName table) throws IOException {
    try (exchange) {
      Answer answer = wanted.get(table);
      if (answer == null) {
        return; // it is being closed
      }
      byte[] body = answer.json();
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange
          .getResponseHeaders()
          .set("X-Load-Balancing-Endpoint-Weight", Integer.toString(answer.localEndpoints()));
      exchange.sendResponseHeaders(answer.localEndpoints() > 0 ? OK : UNAVAILABLE, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  private void close(ObjectName table) {
    taken.remove(table);
    HttpServer server = servers.remove(table);
    if (server != null) {
      server.stop(0);
      log.info("{}: health checks are not answered any more", table);
    }
  }

  /** Gives all ports back. */
  @Override
  public void close() {
    thread.execute(
        () -> {
          wanted.clear();
          List.copyOf(servers.keySet()).forEach(this::close);
          answering.shutdown();
        });
    thread.shutdown();
  }
}
