// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.testing.apiserver.ApiRelay;
import io.xdplb.testing.apiserver.ApiServer;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.RunningProcess;
import io.xdplb.testing.kernel.Topology;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * How a cluster of many nodes follows: a real API server, one operator and one agent as processes,
 * and simulated agents beside. How long from a changed EndpointSlice, sent to the API server, to
 * the first packet that goes where it says; with ever more load balancers.
 */
final class ScaleBench {
  private static final int ENDPOINTS = 10;

  /** Who create load balancers at the same time. */
  private static final int USERS = 16;

  private static final int PORT = 7;
  private static final String PROBE = "lb0";
  private static final String PROBE_VIP = "203.0.113.254";
  private static final Duration DEADLINE = Duration.ofSeconds(180);
  private static final Duration ATTEMPT = Duration.ofMillis(50);
  private static final int FIRST_CLIENT_PORT = 1024;
  private static final double NANOS_A_MILLISECOND = 1e6;
  private static final double NANOS_A_SECOND = 1e9;

  private final List<Integer> sizes;
  private final int nodes;
  private final int changes;
  private int nextPort = FIRST_CLIENT_PORT;

  /**
   * @param sizes how many load balancers, ascending
   * @param nodes how many simulated agents
   * @param changes how many changes are timed with each size
   */
  ScaleBench(List<Integer> sizes, int nodes, int changes) {
    this.sizes = sizes;
    this.nodes = nodes;
    this.changes = changes;
  }

  /** One round of all sizes. */
  void measure(Results results) throws Exception {
    try (Topology lan = Topology.oneArmed(1, 2, Topology.PeerXdp.STUB);
        EchoServer first = EchoServer.start(lan.backends().get(0), PORT);
        EchoServer second = EchoServer.start(lan.backends().get(1), PORT);
        ApiServer server = ApiServer.start()) {
      KubernetesApi api = server.api();
      api.installCrds();
      try (KubernetesClient client = api.newClient();
          ApiRelay relay = new ApiRelay(lan.balancer().netns(), api.config().getMasterUrl());
          SimulatedAgents agents = new SimulatedAgents(client, nodes);
          Product product = new Product(lan.balancer().netns())) {
        new Run(api, client, lan, product).measure(results);
      }
    }
  }

  /** What a round works on. */
  private final class Run {
    private final KubernetesApi api;
    private final KubernetesClient client;
    private final Topology lan;
    private final Product product;
    private final String namespace;

    /** Those that are ready, by a watch: asking again and again would be a load of its own. */
    private final Set<String> ready = ConcurrentHashMap.newKeySet();

    private int created;

    Run(KubernetesApi api, KubernetesClient client, Topology lan, Product product) {
      this.api = api;
      this.client = client;
      this.lan = lan;
      this.product = product;
      namespace = api.newNamespace("scale");
    }

    void measure(Results results) throws Exception {
      try (SharedIndexInformer<LoadBalancer> informer = watch()) {
        informer.run();
        measureAll(results);
      }
    }

    private SharedIndexInformer<LoadBalancer> watch() {
      return client
          .resources(LoadBalancer.class)
          .inNamespace(namespace)
          .runnableInformer(0)
          .addEventHandler(
              new ResourceEventHandler<>() {
                @Override
                public void onAdd(LoadBalancer balancer) {
                  if (isReady(balancer)) {
                    ready.add(balancer.getMetadata().getName());
                  } else {
                    ready.remove(balancer.getMetadata().getName());
                  }
                }

                @Override
                public void onUpdate(LoadBalancer before, LoadBalancer now) {
                  onAdd(now);
                }

                @Override
                public void onDelete(LoadBalancer balancer, boolean unknown) {
                  ready.remove(balancer.getMetadata().getName());
                }
              });
    }

    private void measureAll(Results results) throws Exception {
      RunningProcess operator = operator();
      String[] command = {
        "agent",
        "--node-name",
        "bench-node",
        "--kubeconfig",
        api.kubeconfig().toString(),
        "--interface",
        lan.balancer().device()
      };
      RunningProcess agent = product.start(command);
      Product.await(agent, "attached", () -> agent.output().contains("attached in"));
      for (int size : sizes) {
        String id = "scale-" + size;
        String title = "%,d load balancers, %d nodes".formatted(size, nodes + 1);
        long start = System.nanoTime();
        createUpTo(size);
        Product.await(operator, "all are ready", () -> ready.size() == size);
        results.add(id, title, Quantity.SCALE_READY, seconds(start));
        System.err.printf("  %s: ready after %.0f s%n", title, seconds(start));
        List<Double> latencies = latencies();
        results.add(id, title, Quantity.SCALE_P50, latencies.get(latencies.size() / 2));
        results.add(id, title, Quantity.SCALE_P99, latencies.get(latencies.size() * 99 / 100));
        results.add(id, title, Quantity.SCALE_OPERATOR_MEMORY, Product.residentMebibytes(operator));
        operator = restart(operator, id, title, results);
      }
    }

    private RunningProcess operator() throws Exception {
      RunningProcess operator = product.startOperator("--kubeconfig", api.kubeconfig().toString());
      Product.await(operator, "it runs", () -> operator.output().contains("operator runs"));
      return operator;
    }

    /**
     * Killed, and started again: all stays as it is, and what has changed meanwhile is followed.
     */
    private RunningProcess restart(
        RunningProcess operator, String id, String title, Results results) throws Exception {
      operator.kill();
      Map<String, String> before = versions();
      Host backend = lan.backends().get(created % 2);
      send(backend);
      long start = System.nanoTime();
      RunningProcess next = operator();
      Product.await(next, "a change is followed", () -> answers(backend));
      Product.await(next, "all are ready", () -> ready.size() == created);
      results.add(id, title, Quantity.SCALE_RESTART, seconds(start));
      Map<String, String> after = versions();
      after.keySet().removeIf(name -> name.endsWith("/" + PROBE));
      after.entrySet().removeAll(before.entrySet());
      results.add(id, title, Quantity.SCALE_RESTART_WRITES, after.size());
      return next;
    }

    private void createUpTo(int size) throws Exception {
      ExecutorService users = Executors.newFixedThreadPool(USERS);
      try {
        for (Future<Object> one :
            users.invokeAll(
                IntStream.range(created, size)
                    .mapToObj(number -> Executors.callable(() -> create(number)))
                    .toList())) {
          one.get();
        }
      } finally {
        users.shutdownNow();
      }
      created = size;
    }

    private void create(int number) {
      List<String> endpoints = number == 0 ? List.of(lan.backends().get(0).ipv4()) : fake();
      Stream<HasMetadata> objects =
          client
              .load(
                  new java.io.ByteArrayInputStream(
                      manifests(number, endpoints)
                          .getBytes(java.nio.charset.StandardCharsets.UTF_8)))
              .items()
              .stream();
      objects.forEach(object -> client.resource(object).inNamespace(namespace).create());
    }

    private List<String> fake() {
      return IntStream.range(0, ENDPOINTS).mapToObj(i -> "198.51.100." + (101 + i)).toList();
    }

    private static boolean isReady(LoadBalancer balancer) {
      return balancer.getStatus() != null
          && balancer.getStatus().conditions() != null
          && balancer.getStatus().conditions().stream()
              .anyMatch(c -> c.getType().equals("Ready") && c.getStatus().equals("True"));
    }

    /** What the operator writes, with its resource versions. */
    private Map<String, String> versions() {
      return Stream.concat(
              client
                  .resources(LoadBalancer.class)
                  .inNamespace(namespace)
                  .list()
                  .getItems()
                  .stream(),
              client
                  .resources(ForwardingTable.class)
                  .inNamespace(namespace)
                  .list()
                  .getItems()
                  .stream())
          .collect(
              Collectors.toMap(
                  object -> object.getKind() + "/" + object.getMetadata().getName(),
                  object -> object.getMetadata().getResourceVersion(),
                  (a, b) -> a,
                  TreeMap::new));
    }

    /** In milliseconds, ascending. */
    private List<Double> latencies() throws Exception {
      List<Double> latencies = new ArrayList<>();
      for (int change = 1; change <= changes; change++) {
        Host backend = lan.backends().get(change % 2);
        long start = System.nanoTime();
        send(backend);
        while (!answers(backend)) {
          if (System.nanoTime() - start > DEADLINE.toNanos()) {
            throw new IllegalStateException("no packet has reached " + backend.name());
          }
          LockSupport.parkNanos(500_000); // ports are scarce
        }
        latencies.add((System.nanoTime() - start) / NANOS_A_MILLISECOND);
      }
      latencies.sort(null);
      return latencies;
    }

    private void send(Host backend) {
      Resource<EndpointSlice> slice =
          client.discovery().v1().endpointSlices().inNamespace(namespace).withName(PROBE);
      slice.patch(
          PatchContext.of(PatchType.JSON_MERGE),
          "{\"endpoints\":[{\"addresses\":[\"%s\"]}]}".formatted(backend.ipv4()));
    }

    /** By a port that was not used lately: a flow that is under way stays where it is. */
    private boolean answers(Host backend) throws Exception {
      return lan.clients()
          .get(0)
          .netns()
          .call(
              () -> {
                try (DatagramSocket socket = new DatagramSocket(port())) {
                  return Clients.ask(socket, new InetSocketAddress(PROBE_VIP, PORT), "x", ATTEMPT)
                      .startsWith(backend.name() + " ");
                } catch (SocketTimeoutException lost) {
                  return false;
                } catch (IOException e) {
                  throw new IllegalStateException("cannot ask " + PROBE_VIP, e);
                }
              });
    }
  }

  private int port() {
    nextPort = nextPort >= 65_000 ? FIRST_CLIENT_PORT : nextPort + 1;
    return nextPort;
  }

  private static String manifests(int number, List<String> endpoints) {
    boolean probe = number == 0;
    return """
        apiVersion: v1
        kind: Service
        metadata: {name: lb%1$d}
        spec:
          clusterIP: None
          ports: [{name: main, protocol: UDP, port: 7}]
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata:
          name: lb%1$d
          labels: {kubernetes.io/service-name: lb%1$d}
        addressType: IPv4
        ports: [{name: main, protocol: UDP, port: 7}]
        endpoints:
        %4$s
        ---
        apiVersion: xdplb.io/v1alpha1
        kind: LoadBalancer
        metadata: {name: lb%1$d}
        spec:
          addresses: {requested: ["%2$s"]}
          listeners:
          - name: main
            protocol: UDP
            port: %3$d
            backends:
            - serviceRef: {name: lb%1$d, port: 7}
        """
        .formatted(
            number,
            probe ? PROBE_VIP : "203.0.113." + (number % 250 + 1),
            probe ? PORT : 1000 + number,
            endpoints.stream()
                .map(address -> "- {addresses: [\"" + address + "\"]}")
                .collect(Collectors.joining("\n")));
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) / NANOS_A_SECOND;
  }
}
