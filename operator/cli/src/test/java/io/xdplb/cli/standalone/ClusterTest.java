// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.controller.OperatorRuntime;
import io.xdplb.controller.OperatorSettings;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.Connections;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.kernel.RunningProcess;
import io.xdplb.testing.kernel.Topology;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Operator and agent on a real API server, the agent a process in a node's namespace. */
@RequiresBpf
@RequiresApiServer
class ClusterTest {

  private static final String VIP = "203.0.113.20";
  private static final int PORT = 7;
  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final Duration DEADLINE = Duration.ofSeconds(15);

  private final List<AutoCloseable> open = new ArrayList<>();
  private KubernetesApi api;
  private KubernetesClient client;
  private String namespace;
  private String node;
  private Topology lan;
  private Xdplb xdplb;
  private int nextPort = 1024;

  @BeforeEach
  void start(KubernetesApi api) {
    this.api = api;
    api.installCrds();
    namespace = api.newNamespace("cluster");
    node = "node-" + namespace;
    client =
        opened(
            new KubernetesClientBuilder()
                .withConfig(OperatorRuntime.clientConfig(api.config()))
                .build());
    lan = opened(Topology.oneArmed(1, 3, Topology.PeerXdp.STUB));
    lan.backends().forEach(host -> opened(EchoServer.start(host, PORT)));
    opened(new ApiRelay(lan.balancer().netns(), api.config().getMasterUrl()));
    OperatorRuntime operator = opened(new OperatorRuntime(client, OperatorSettings.of("test")));
    operator.start();
    xdplb = new Xdplb(lan.balancer().netns());
  }

  @AfterEach
  void closeAll() throws Exception {
    api.start();
    client.resources(LoadBalancer.class).inNamespace(namespace).delete();
    xdplb.close();
    // Not before the agent has ended: it would make it anew.
    client.resources(NodeState.class).withName(node).delete();
    for (int i = open.size() - 1; i >= 0; i--) {
      open.get(i).close();
    }
  }

  @Test
  void anAppliedLoadBalancerAnswersWithinASecondAndADeletedOneLeavesNothing() {
    xdplb.agent(node, api.kubeconfig());
    await(() -> client.resources(NodeState.class).withName(node).get() != null);
    apply(service("echo") + slice("echo", lan.backends().subList(0, 2)));
    apply(balancer("web", "echo"));
    long start = System.nanoTime();
    await(() -> answers(lan.client().netns()) != null);
    Duration taken = Duration.ofNanos(System.nanoTime() - start);
    System.out.printf("end of kubectl apply to answer: %d ms%n", taken.toMillis());
    assertThat(taken).isLessThan(SECOND);
    await(() -> "True".equals(condition("web", "Programmed")));
    NodeStateStatus evidence = client.resources(NodeState.class).withName(node).get().getStatus();
    assertThat(evidence.tables()).isOne();
    assertThat(evidence.interfaces().get(0).attached()).isTrue();
    assertThat(evidence.exceptions()).isNullOrEmpty();

    api.kubectl("-n", namespace, "delete", "loadbalancer", "web").outOrFail();
    await(() -> xdplb.status().at("/vips").isEmpty());
    await(
        () -> {
          Integer tables =
              client.resources(NodeState.class).withName(node).get().getStatus().tables();
          return tables == null || tables == 0;
        });
  }

  @Test
  void aChangedEndpointSliceTakesEffectWithinAHundredMilliseconds() {
    xdplb.agent(node, api.kubeconfig());
    apply(
        service("echo")
            + slice("echo", lan.backends().subList(0, 1))
            + balancer("web", "echo").replace("TCP", "UDP"));
    await(() -> "True".equals(condition("web", "Ready")));
    List<Long> micros = new ArrayList<>();
    for (int i = 1; i <= 21; i++) {
      micros.add(microsUntilAnsweredBy(lan.backends().get(i % 2)));
    }
    List<Long> sorted = micros.stream().sorted().toList();
    System.out.printf(
        "EndpointSlice to packet: median %.1f ms, max %.1f ms%n",
        sorted.get(sorted.size() / 2) / 1e3, sorted.get(sorted.size() - 1) / 1e3);
    assertThat(sorted.get(sorted.size() / 2)).as("microseconds, median").isLessThan(100_000);
  }

  @Test
  void anOutageOfTheApiServerAndARestartOfTheAgentInItBreakNoConnection() {
    RunningProcess agent = xdplb.agent(node, api.kubeconfig());
    apply(service("echo") + slice("echo", lan.backends().subList(0, 2)) + balancer("web", "echo"));
    await(() -> answers(lan.client().netns()) != null);
    Connections connections =
        opened(
            Connections.open(
                lan.client().netns(), VIP, PORT, 50, Duration.ofMillis(5), Duration.ofSeconds(2)));
    api.stop();
    connections.awaitRounds(3);
    agent.kill();
    xdplb.agent(node, api.kubeconfig());
    connections.awaitRounds(10);
    assertThat(xdplb.status().at("/vips")).as("kept while nothing is known").hasSize(1);
    assertThat(connections.broken()).isEmpty();
    api.start();
    apply(slice("echo", lan.backends()));
    await(() -> xdplb.status().at("/vips/0/backends").size() == 3);
    await(() -> "True".equals(condition("web", "Programmed")));
    connections.awaitRounds(3);
    assertThat(connections.broken()).isEmpty();
  }

  private long microsUntilAnsweredBy(Host backend) {
    String slice = slice("echo", List.of(backend));
    long start = System.nanoTime();
    client.resource(slice.substring(4)).inNamespace(namespace).forceConflicts().serverSideApply();
    int first = nextPort;
    nextPort += 2000;
    return lan.client()
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

  private String condition(String balancer, String type) {
    var status =
        client
            .resources(LoadBalancer.class)
            .inNamespace(namespace)
            .withName(balancer)
            .get()
            .getStatus();
    return status == null || status.conditions() == null
        ? null
        : status.conditions().stream()
            .filter(c -> c.getType().equals(type))
            .map(Condition::getStatus)
            .findFirst()
            .orElse(null);
  }

  /** The server that answers a new connection; {@code null} if none does. */
  private static String answers(Netns from) {
    try (Connections one =
        Connections.open(from, VIP, PORT, 1, Duration.ofMillis(1), Duration.ofMillis(50))) {
      one.awaitRounds(1);
      return one.perServer().isEmpty() ? null : one.perServer().keySet().iterator().next();
    } catch (IllegalStateException notYet) {
      return null;
    }
  }

  private void apply(String manifests) {
    api.kubectlWithInput(manifests, "-n", namespace, "apply", "--server-side", "-f", "-")
        .outOrFail();
  }

  private <T extends AutoCloseable> T opened(T resource) {
    open.add(resource);
    return resource;
  }

  private static void await(Callable<Boolean> condition) {
    Awaitility.await().atMost(DEADLINE).pollInterval(Duration.ofMillis(10)).until(condition);
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

  private static String slice(String service, List<Host> backends) {
    String endpoints =
        backends.stream()
            .map(host -> "- {addresses: [" + host.ipv4() + "], conditions: {ready: true}}\n")
            .collect(Collectors.joining());
    return """
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: %s-1, labels: {kubernetes.io/service-name: %s}}
        addressType: IPv4
        ports:
        - {name: tcp, protocol: TCP, port: 7}
        - {name: udp, protocol: UDP, port: 7}
        endpoints:
        %s"""
        .formatted(service, service, endpoints);
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
