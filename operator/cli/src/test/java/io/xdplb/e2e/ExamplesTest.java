// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.testing.Checkout;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.Nginx;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each file in {@code examples/}, applied as it is. */
class ExamplesTest extends ClusterTestCase {

  private static final Duration ATTEMPT = Duration.ofMillis(100);
  private static final Duration PROMISED = Duration.ofSeconds(1);
  private static final int DNS = 53;

  ExamplesTest() {
    super(3);
  }

  @Override
  void startServers() {
    for (Host host : cluster.lan().backends()) {
      cluster.opened(Nginx.web(host));
      cluster.opened(EchoServer.start(host, DNS));
    }
    theFirstOfAll();
  }

  /**
   * The first LoadBalancer in the life of two processes waits for their classes to be loaded, on a
   * busy machine for longer than was promised: its time is told and not judged.
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
    for (HasMetadata balancer : of(LoadBalancer.class, objects)) {
      cluster
          .kubectl(
              "wait",
              "--for=condition=Ready",
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
      default -> fail("examples/" + file + " has no case here: say what it shows");
    }
  }

  private SortedMap<String, Integer> web(String vip, int count) {
    return Clients.whoAnswers(client(), vip, 80, count, Duration.ofSeconds(2));
  }

  /** The first Service is served by two of the topology's servers, the second by the third. */
  private void writeSlices(List<HasMetadata> objects) {
    List<Host> hosts = cluster.lan().backends();
    List<List<Host>> shares = List.of(hosts.subList(0, 2), hosts.subList(2, 3));
    List<Service> services = of(Service.class, objects);
    for (int i = 0; i < services.size(); i++) {
      for (EndpointSlice slice :
          EndpointController.slices(
              services.get(i), of(Deployment.class, objects), shares.get(i))) {
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

  private static List<Listener> listeners(List<HasMetadata> objects) {
    List<Listener> listeners = new ArrayList<>();
    for (LoadBalancer balancer : of(LoadBalancer.class, objects)) {
      for (String address : balancer.getSpec().addresses().requested()) {
        balancer
            .getSpec()
            .listeners()
            .forEach(l -> listeners.add(new Listener(l.protocol(), address, l.port())));
      }
    }
    return listeners;
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
