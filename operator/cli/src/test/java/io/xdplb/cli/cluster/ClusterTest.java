// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.Connections;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.kernel.RunningProcess;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Operator and agent on a real API server, the agent a process in a node's namespace. */
@RequiresBpf
@RequiresApiServer
class ClusterTest {

  private static final String VIP = "203.0.113.20";
  private static final int PORT = 7;

  /** As the Service below has them. */
  private static final String PORTS =
      "[{name: tcp, protocol: TCP, port: 7}, {name: udp, protocol: UDP, port: 7}]";

  private static final Duration SECOND = Duration.ofSeconds(1);

  private Cluster cluster;
  private int nextPort = 1024;

  @BeforeEach
  void start(KubernetesApi api) {
    cluster = Cluster.start(api, 3);
    cluster.lan().backends().forEach(host -> cluster.closeLater(EchoServer.start(host, PORT)));
  }

  @AfterEach
  void close() {
    cluster.close();
  }

  @Test
  void anAppliedLoadBalancerAnswersWithinASecondAndADeletedOneLeavesNothing() {
    cluster.startAgent();
    cluster.await(() -> cluster.nodeState() != null);
    cluster.apply(
        service("echo") + Cluster.slice("echo", PORTS, cluster.lan().backends().subList(0, 2)));
    cluster.apply(balancer("web", "echo"));
    long start = System.nanoTime();
    cluster.await(() -> answers(cluster.lan().client().netns()) != null);
    Duration taken = Duration.ofNanos(System.nanoTime() - start);
    System.out.printf("end of kubectl apply to answer: %d ms%n", taken.toMillis());
    assertThat(taken).isLessThan(SECOND);
    cluster.await(() -> cluster.isTrue("web", "Programmed"));
    NodeStateStatus evidence = cluster.nodeState();
    assertThat(evidence.tables()).isOne();
    assertThat(evidence.interfaces().get(0).attached()).isTrue();
    assertThat(evidence.exceptions()).isNullOrEmpty();

    cluster.kubectl("delete", "loadbalancer", "web").outOrFail();
    cluster.await(() -> cluster.xdplb().status().at("/vips").isEmpty());
    cluster.await(
        () -> {
          Integer tables = cluster.nodeState().tables();
          return tables == null || tables == 0;
        });
  }

  @Test
  void aChangedEndpointSliceTakesEffectWithinAHundredMilliseconds() {
    cluster.startAgent();
    cluster.apply(
        service("echo")
            + Cluster.slice("echo", PORTS, cluster.lan().backends().subList(0, 1))
            + balancer("web", "echo").replace("TCP", "UDP"));
    cluster.await(() -> cluster.isTrue("web", "Ready"));
    List<Long> micros = new ArrayList<>();
    for (int i = 1; i <= 21; i++) {
      micros.add(microsUntilAnsweredBy(cluster.lan().backends().get(i % 2)));
    }
    List<Long> sorted = micros.stream().sorted().toList();
    System.out.printf(
        "EndpointSlice to packet: median %.1f ms, max %.1f ms%n",
        sorted.get(sorted.size() / 2) / 1e3, sorted.get(sorted.size() - 1) / 1e3);
    assertThat(sorted.get(sorted.size() / 2)).as("microseconds, median").isLessThan(100_000);
  }

  @Test
  void anOutageOfTheApiServerAndARestartOfTheAgentInItBreakNoConnection() {
    RunningProcess agent = cluster.startAgent();
    cluster.apply(
        service("echo")
            + Cluster.slice("echo", PORTS, cluster.lan().backends().subList(0, 2))
            + balancer("web", "echo"));
    cluster.await(() -> answers(cluster.lan().client().netns()) != null);
    Connections connections =
        cluster.closeLater(
            Connections.open(
                cluster.lan().client().netns(),
                VIP,
                PORT,
                50,
                Duration.ofMillis(5),
                Duration.ofSeconds(2)));
    cluster.api().stop();
    connections.awaitRounds(3);
    agent.kill();
    cluster.startAgent();
    connections.awaitRounds(10);
    assertThat(cluster.xdplb().status().at("/vips")).as("kept while nothing is known").hasSize(1);
    assertThat(connections.broken()).isEmpty();
    cluster.api().start();
    cluster.apply(Cluster.slice("echo", PORTS, cluster.lan().backends()));
    cluster.await(() -> cluster.xdplb().status().at("/vips/0/backends").size() == 3);
    cluster.await(() -> cluster.isTrue("web", "Programmed"));
    connections.awaitRounds(3);
    assertThat(connections.broken()).isEmpty();
  }

  private long microsUntilAnsweredBy(Host backend) {
    String slice = Cluster.slice("echo", PORTS, List.of(backend));
    long start = System.nanoTime();
    cluster
        .client()
        .resource(slice.substring(4))
        .inNamespace(cluster.namespace())
        .forceConflicts()
        .serverSideApply();
    int first = nextPort;
    nextPort += 2000;
    return cluster
        .lan()
        .client()
        .netns()
        .call(
            () -> {
              for (int port = first; port < first + 2000; port++) {
                // A port that was never used: a flow that is under way stays where it is.
                try (DatagramSocket socket = new DatagramSocket(port)) {
                  InetSocketAddress vip = new InetSocketAddress(VIP, PORT);
                  if (Clients.ask(socket, vip, "x", Duration.ofMillis(100))
                      .startsWith(backend.name() + " ")) {
                    return (System.nanoTime() - start) / 1000;
                  }
                } catch (SocketTimeoutException lost) {
                  // Its backend was removed, and its flow cut, before the answer came by.
                  continue;
                }
                LockSupport.parkNanos(1_000_000); // ports are scarce
              }
              throw new AssertionError("not answered by " + backend.name());
            });
  }

  private static String answers(Netns from) {
    return echoFrom(from, VIP, PORT);
  }

  /** The server that answers a new connection; {@code null} if none does. */
  static String echoFrom(Netns from, String address, int port) {
    try (Connections one =
        Connections.open(from, address, port, 1, Duration.ofMillis(1), Duration.ofMillis(50))) {
      one.awaitRounds(1);
      return one.perServer().isEmpty() ? null : one.perServer().keySet().iterator().next();
    } catch (IllegalStateException notYet) {
      return null;
    }
  }

  private static String service(String name) {
    return """
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: %s}
        spec:
          ports:
          - {name: tcp, protocol: TCP, port: 7}
          - {name: udp, protocol: UDP, port: 7}
        """
        .formatted(name);
  }

  private static String balancer(String name, String service) {
    return """
        ---
        apiVersion: xdplb.io/v1alpha1
        kind: LoadBalancer
        metadata: {name: %s}
        spec:
          addresses: {requested: [%s]}
          listeners:
          - name: main
            protocol: TCP
            port: 7
            backends:
            - serviceRef: {name: %s, port: 7}
        """
        .formatted(name, VIP, service);
  }
}
