// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.cli.Xdplb;
import io.xdplb.testing.Checkout;
import io.xdplb.testing.apiserver.ApiRelay;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.Nginx;
import io.xdplb.testing.kernel.RunningProcess;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each file in {@code examples/}, applied as it is. */
class ExamplesTest extends ClusterTestCase {

  private static final Duration ATTEMPT = Duration.ofMillis(100);
  private static final Duration PROMISED = Duration.ofSeconds(1);
  private static final int DNS = 53;

  /** Within the range of {@code access.yaml}, from its first port. */
  private static final int IN_RANGE = 42;

  private static final int MEDIA = 8000 + IN_RANGE;

  /** Which Node a host is, where an example has its pods on nodes. */
  private final Map<Host, String> nodes = new HashMap<>();

  private static final String FIRST_OF_POOL =
      """
      apiVersion: xdplb.io/v1alpha1
      kind: AddressPool
      metadata: {name: first}
      spec: {blocks: [{cidr: 203.0.113.201/32}]}
      ---
      apiVersion: xdplb.io/v1alpha1
      kind: LoadBalancer
      metadata: {name: first-of-pool}
      spec:
        listeners:
        - {name: dns, protocol: UDP, port: 53, backends: [{static: {addresses: [198.51.100.101], port: 53}}]}
      """;

  @TempDir Path folder;

  ExamplesTest() {
    super(3);
  }

  @Override
  void startServers() {
    for (Host host : cluster.lan().backends()) {
      cluster.opened(Nginx.web(host));
      cluster.opened(EchoServer.start(host, DNS));
      cluster.opened(EchoServer.start(host, MEDIA));
    }
    theFirstOfAll();
  }

  /**
   * The first LoadBalancer in the life of two processes, and the first with a pool, waits for their
   * classes to be loaded, on a busy machine for longer than was promised: its time is told and not
   * judged.
   */
  private void theFirstOfAll() {
    cluster.apply(
        Manifests.service("first")
            + Manifests.slices("first", hosts(1))
            + Manifests.balancer(
                "first", List.of("203.0.113.200"), DNS, Manifests.group("first", 1)));
    long applied = System.nanoTime();
    cluster.until("the first is programmed", () -> !cluster.vips().isEmpty());
    System.out.printf(
        "first LoadBalancer after the start of the processes: programmed %d ms after kubectl apply%n",
        Duration.ofNanos(System.nanoTime() - applied).toMillis());
    cluster.awaitReady("first");
    cluster.apply(FIRST_OF_POOL);
    cluster.awaitReady("first-of-pool");
    cluster.kubectlWithInput(FIRST_OF_POOL, "delete", "-f", "-").outOrFail();
    cluster.clear();
  }

  static List<String> examples() throws IOException {
    try (Stream<Path> files = Files.list(Checkout.path("examples"))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".yaml"))
          .sorted()
          .toList();
    }
  }

  @ParameterizedTest
  @MethodSource("examples")
  void anAppliedExampleAnswersWithinASecond(String file) throws IOException {
    String manifests = Files.readString(Checkout.path("examples").resolve(file));
    List<HasMetadata> objects = objects(manifests);
    prepare(file, manifests);
    writeSlices(objects);
    cluster.apply(manifests);
    long applied = System.nanoTime();
    List<Listener> listeners = listeners(objects);
    assertThat(listeners).as("listeners of " + file).isNotEmpty();
    for (Listener listener : listeners) {
      cluster.until(listener + " answers", () -> listener.answers(client()));
      long millis = Duration.ofNanos(System.nanoTime() - applied).toMillis();
      System.out.printf("%s: %s answers %d ms after kubectl apply%n", file, listener, millis);
      assertThat(millis)
          .as("milliseconds from the end of kubectl apply to the first answer of " + listener)
          .isLessThan(PROMISED.toMillis());
    }
    for (Service service : exposed(objects)) {
      cluster
          .kubectl(
              "wait",
              "--for=condition=xdplb.io/Ready",
              "--timeout=20s",
              "service/" + service.getMetadata().getName())
          .outOrFail();
    }
    for (HasMetadata balancer : of(LoadBalancer.class, objects)) {
      cluster
          .kubectl(
              "wait",
              "--for=condition=" + (needsRouter(file) ? "Programmed" : "Ready"),
              "--timeout=20s",
              "loadbalancer/" + balancer.getMetadata().getName())
          .outOrFail();
    }
    checkWhoAnswers(file);
    cluster.kubectlWithInput(manifests, "delete", "-f", "-").outOrFail();
    cluster.until("its VIPs have gone", () -> cluster.vips().isEmpty());
    for (Listener listener : listeners) {
      assertThat(listener.answers(client())).as(listener + " after its deletion").isFalse();
    }
  }

  /** There is none here that speaks BGP. */
  private static boolean needsRouter(String file) {
    return file.equals("announce-bgp.yaml");
  }

  /** What an example says that others have to do. */
  private void prepare(String file, String manifests) throws IOException {
    nodes.clear();
    switch (file) {
      case "dsr-server.yaml" -> {
        Files.writeString(folder.resolve(file), manifests);
        Host edge = cluster.lan().balancer();
        for (Host server : hosts(2)) {
          Xdplb xdplb = opened(new Xdplb(server.netns()));
          RunningProcess process =
              xdplb.standalone(folder, "--peer", edge.ipv4() + "," + edge.ipv6());
          Xdplb.awaitLine(process, "[2001:db8:0:2::51]:8080 → 2 backends (programmed)");
        }
      }
      case "dsr-pods.yaml" -> hosts(2).forEach(this::join);
      default -> {
        // The cluster has all it needs.
      }
    }
  }

  /** Makes a node with an agent of a host. */
  private void join(Host host) {
    String node = host.name() + "-" + cluster.namespace();
    nodes.put(host, node);
    cluster.addNode(node, host.ipv4(), host.ipv6());
    opened(() -> cluster.removeNode(node));
    opened(() -> cluster.client().resources(NodeState.class).withName(node).delete());
    opened(new ApiRelay(host.netns(), cluster.api().config().getMasterUrl()));
    opened(new Xdplb(host.netns())).agent(node, cluster.api().kubeconfig());
    cluster.until(node + " reports", () -> cluster.nodeState(node).isPresent());
  }

  /** What each example is there to show. */
  private void checkWhoAnswers(String file) {
    switch (file) {
      case "static.yaml" -> {
        assertThat(web("203.0.113.10", 40)).containsOnlyKeys("http1", "http2");
        assertThat(web("2001:db8:0:2::10", 40)).containsOnlyKeys("http1", "http2");
      }
      case "service.yaml" -> {
        assertThat(web("203.0.113.20", 40)).containsOnlyKeys("http1", "http2");
        assertThat(web("2001:db8:0:2::20", 40)).containsOnlyKeys("http1", "http2");
      }
      case "service-loadbalancer.yaml" -> {
        assertThat(web("203.0.113.90", 40)).containsOnlyKeys("http1", "http2");
        assertThat(web("2001:db8:0:2::90", 40)).containsOnlyKeys("http1", "http2");
        assertThat(cluster.kubectl("get", "service", "shop", "-o", "wide").outOrFail())
            .as("what kubectl shows")
            .contains("203.0.113.90", "2001:db8:0:2::90");
      }
      case "pool.yaml" -> {
        List<String> shared = cluster.balancer("shop").addresses();
        assertThat(shared).containsExactly("203.0.113.113", "2001:db8:0:2::70");
        assertThat(cluster.balancer("shop-admin").addresses()).isEqualTo(shared);
        for (String vip : shared) {
          assertThat(web(vip, 40)).containsOnlyKeys("http1", "http2");
          assertThat(web(vip, 8080, 10)).containsOnlyKeys("http3");
        }
      }
      case "canary.yaml" -> {
        SortedMap<String, Integer> answers = web("203.0.113.30", 400);
        assertThat(answers).containsOnlyKeys("http1", "http2", "http3");
        // Binomial, n = 400, p = 0.1: below 16 or above 64 less than once in 10,000 runs.
        assertThat(answers.get("http3")).as("connections to the canary").isBetween(16, 64);
      }
      case "dns.yaml" -> {
        for (String vip : List.of("203.0.113.53", "2001:db8:0:2::53")) {
          assertThat(Clients.udp(client(), vip, DNS, "who", Duration.ofSeconds(1)))
              .matches("http[12] .* who");
        }
      }
      case "access.yaml" -> {
        for (String vip : List.of("203.0.113.40", "2001:db8:0:2::40")) {
          assertThat(web(vip, 20)).as("one client").hasSize(1);
          assertThat(Clients.udp(client(), vip, MEDIA, "who", Duration.ofSeconds(1)))
              .matches("http[12] .* who");
        }
        assertIgnored("198.51.100.10", 81, "no_listener");
        client().ip("address add 192.0.2.9/32 dev eth0");
        try {
          assertIgnored("192.0.2.9", 80, "source_not_allowed");
        } finally {
          client().ip("address delete 192.0.2.9/32 dev eth0");
        }
      }
      case "dsr-server.yaml" -> {
        for (String vip : List.of("203.0.113.50", "2001:db8:0:2::50")) {
          assertThat(web(vip, 40)).containsOnlyKeys("http1", "http2");
        }
        for (String vip : List.of("203.0.113.51", "2001:db8:0:2::51")) {
          assertThat(web(vip, 8080, 40)).containsOnlyKeys("http1", "http2");
        }
        assertDirect("dsr-ipip", "EncapsulationGiven");
        assertDirect("dsr-gue", "EncapsulationGiven");
      }
      case "dsr-pods.yaml" -> {
        for (String vip : List.of("203.0.113.60", "2001:db8:0:2::60")) {
          assertThat(web(vip, 8080, 40)).containsOnlyKeys("http1", "http2");
        }
        assertDirect("api", "AsRequested");
      }
      case "announce-l2.yaml" -> {
        for (String vip : List.of("203.0.113.230", "2001:db8:0:2::e6")) {
          assertThat(web(vip, 40)).containsOnlyKeys("http1", "http2");
        }
        awaitIs("Ready", "announcementpolicy/lan");
        assertThat(cluster.condition("on-the-lan", "Announced").orElseThrow().getMessage())
            .contains("203.0.113.230 by ARP from ", "2001:db8:0:2::e6 by NDP from ");
      }
      case "announce-bgp.yaml" -> {
        for (String vip : List.of("203.0.113.231", "2001:db8:0:2::e7")) {
          assertThat(web(vip, 40)).containsOnlyKeys("http1", "http2");
        }
        awaitIs("Ready", "announcementpolicy/routed");
        awaitIs("Accepted", "bgppeer/tor-1");
        cluster.awaitCondition("routed", "Announced", "False", "SessionDown");
      }
      default -> fail("examples/" + file + " has no case here: say what it shows");
    }
  }

  private void awaitIs(String condition, String object) {
    cluster.kubectl("wait", "--for=condition=" + condition, "--timeout=20s", object).outOrFail();
  }

  /** Neither answered nor refused. */
  private void assertIgnored(String source, int port, String reason) {
    long before = dropped(reason);
    assertThatThrownBy(
            () ->
                client()
                    .call(
                        () -> {
                          try (Socket socket = new Socket()) {
                            socket.bind(new InetSocketAddress(source, 0));
                            socket.connect(new InetSocketAddress("203.0.113.40", port), 300);
                          }
                          return null;
                        }))
        .as("from %s to port %d", source, port)
        .hasRootCauseInstanceOf(SocketTimeoutException.class);
    assertThat(dropped(reason)).as(reason).isGreaterThan(before);
  }

  private long dropped(String reason) {
    return cluster.xdplb().status().at("/drops/" + reason).asLong();
  }

  /** The edge has seen requests, and no answers. */
  private void assertDirect(String balancer, String reason) {
    assertThat(cluster.balancer(balancer).forwarding())
        .extracting(f -> f.mode() + " " + f.reason())
        .containsExactly("DSR " + reason);
    for (JsonNode vip : cluster.xdplb().status().at("/vips")) {
      for (JsonNode backend : vip.get("backends")) {
        assertThat(backend.get("packetsToBackend").asLong()).isPositive();
        assertThat(backend.get("packetsToClient").asLong()).isZero();
      }
    }
  }

  private SortedMap<String, Integer> web(String vip, int count) {
    return web(vip, 80, count);
  }

  private SortedMap<String, Integer> web(String vip, int port, int count) {
    return Clients.whoAnswers(client(), vip, port, count, Duration.ofSeconds(2));
  }

  /** The first Service is served by two of the topology's servers, the second by the third. */
  private void writeSlices(List<HasMetadata> objects) {
    List<Host> hosts = cluster.lan().backends();
    List<List<Host>> shares = List.of(hosts.subList(0, 2), hosts.subList(2, 3));
    List<Service> services = of(Service.class, objects);
    for (int i = 0; i < services.size(); i++) {
      for (EndpointSlice slice :
          EndpointController.slices(
              services.get(i),
              of(Deployment.class, objects),
              shares.get(i),
              host -> Optional.ofNullable(nodes.get(host)))) {
        cluster.client().resource(slice).inNamespace(cluster.namespace()).create();
      }
    }
  }

  private List<HasMetadata> objects(String manifests) {
    return cluster
        .client()
        .load(new ByteArrayInputStream(manifests.getBytes(StandardCharsets.UTF_8)))
        .items()
        .stream()
        .map(this::typed)
        .toList();
  }

  /** The client reads kinds that are not its own as maps. */
  private HasMetadata typed(HasMetadata object) {
    return object.getKind().equals("LoadBalancer")
        ? cluster.client().getKubernetesSerialization().convertValue(object, LoadBalancer.class)
        : object;
  }

  private static <T extends HasMetadata> List<T> of(Class<T> kind, List<HasMetadata> objects) {
    return objects.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  private List<Listener> listeners(List<HasMetadata> objects) {
    List<Listener> listeners = new ArrayList<>();
    for (Service service : exposed(objects)) {
      String addresses = service.getMetadata().getAnnotations().get("xdplb.io/addresses");
      for (String address : addresses.split(", *")) {
        service
            .getSpec()
            .getPorts()
            .forEach(p -> listeners.add(new Listener(Protocol.TCP, address, p.getPort())));
      }
    }
    for (LoadBalancer balancer : of(LoadBalancer.class, objects)) {
      if (Boolean.TRUE.equals(balancer.getSpec().template())) {
        continue;
      }
      for (String address : addresses(balancer)) {
        balancer
            .getSpec()
            .listeners()
            .forEach(
                l ->
                    listeners.add(
                        new Listener(
                            l.protocol(),
                            address,
                            l.endPort() == null ? l.port() : l.port() + IN_RANGE)));
      }
    }
    return listeners;
  }

  /** The Services that are LoadBalancers. */
  private static List<Service> exposed(List<HasMetadata> objects) {
    return of(Service.class, objects).stream()
        .filter(service -> "LoadBalancer".equals(service.getSpec().getType()))
        .toList();
  }

  /** Those that it requests, or what it got from a pool. */
  private List<String> addresses(LoadBalancer balancer) {
    List<String> requested = balancer.getSpec().addresses().requested();
    if (requested != null && !requested.isEmpty()) {
      return requested;
    }
    String name = balancer.getMetadata().getName();
    cluster.until(
        name + " has addresses",
        () ->
            Optional.ofNullable(cluster.balancer(name))
                .map(LoadBalancerStatus::addresses)
                .isPresent());
    return cluster.balancer(name).addresses();
  }

  /** Where an answer is expected. */
  private record Listener(Protocol protocol, String address, int port) {

    boolean answers(Netns client) {
      try {
        if (protocol == Protocol.UDP) {
          return Clients.udp(client, address, port, "hi", ATTEMPT).endsWith(" hi");
        }
        return port == DNS
            ? Echo.server(client, address, port, ATTEMPT).isPresent()
            : !Clients.whoAnswers(client, address, port, 1, ATTEMPT).isEmpty();
      } catch (IllegalStateException notYet) {
        return false;
      }
    }

    @Override
    public String toString() {
      return protocol + " " + (address.contains(":") ? "[" + address + "]" : address) + ":" + port;
    }
  }
}
