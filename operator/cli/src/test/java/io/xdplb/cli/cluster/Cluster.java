// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.cluster;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.cli.Xdplb;
import io.xdplb.controller.OperatorRuntime;
import io.xdplb.controller.OperatorSettings;
import io.xdplb.testing.apiserver.ApiRelay;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.RunningProcess;
import io.xdplb.testing.kernel.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;

/**
 * A namespace of a real API server, an operator on it in this JVM, and a network of which the load
 * balancer is a node: agents are processes there. There are no controllers: EndpointSlices are the
 * test's to write.
 */
final class Cluster implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(15);

  private final KubernetesApi api;
  private final String namespace;
  private final String node;
  private final List<AutoCloseable> open = new ArrayList<>();
  private final KubernetesClient client;
  private final Topology lan;
  private final Xdplb xdplb;
  private OperatorRuntime operator;

  private Cluster(KubernetesApi api, int backends) {
    this.api = api;
    api.installCrds();
    namespace = api.newNamespace("cluster");
    node = "node-" + namespace;
    client =
        closeLater(
            new KubernetesClientBuilder()
                .withConfig(OperatorRuntime.clientConfig(api.config()))
                .build());
    lan = closeLater(Topology.oneArmed(1, backends, Topology.PeerXdp.STUB));
    closeLater(new ApiRelay(lan.balancer().netns(), api.config().getMasterUrl()));
    closeLater(() -> operator.close());
    startOperator();
    xdplb = new Xdplb(lan.balancer().netns());
  }

  static Cluster start(KubernetesApi api, int backends) {
    return new Cluster(api, backends);
  }

  private void startOperator() {
    operator = new OperatorRuntime(client, OperatorSettings.of("test"));
    operator.start();
  }

  void restartOperator() {
    operator.close();
    startOperator();
  }

  RunningProcess startAgent() {
    return xdplb.agent(node, api.kubeconfig());
  }

  KubernetesApi api() {
    return api;
  }

  KubernetesClient client() {
    return client;
  }

  String namespace() {
    return namespace;
  }

  Topology lan() {
    return lan;
  }

  Xdplb xdplb() {
    return xdplb;
  }

  /** What the agent reports; {@code null} before it has. */
  NodeStateStatus nodeState() {
    NodeState state = client.resources(NodeState.class).withName(node).get();
    return state == null ? null : state.getStatus();
  }

  boolean isTrue(String balancer, String type) {
    LoadBalancerStatus status =
        client
            .resources(LoadBalancer.class)
            .inNamespace(namespace)
            .withName(balancer)
            .get()
            .getStatus();
    return status != null
        && status.conditions() != null
        && status.conditions().stream()
            .filter(c -> c.getType().equals(type))
            .map(Condition::getStatus)
            .anyMatch("True"::equals);
  }

  KubernetesApi.Kubectl kubectl(String... arguments) {
    List<String> all = new ArrayList<>(List.of("-n", namespace));
    all.addAll(List.of(arguments));
    return api.kubectl(all.toArray(String[]::new));
  }

  void apply(String manifests) {
    api.kubectlWithInput(manifests, "-n", namespace, "apply", "--server-side", "-f", "-")
        .outOrFail();
  }

  void await(Callable<Boolean> condition) {
    try {
      Awaitility.await().atMost(DEADLINE).pollInterval(Duration.ofMillis(10)).until(condition);
    } catch (ConditionTimeoutException e) {
      throw new AssertionError(
          kubectl("get", "xdplb,endpointslices,services", "-o", "yaml").out()
              + "\n"
              + xdplb.status().toPrettyString(),
          e);
    }
  }

  <T extends AutoCloseable> T closeLater(T resource) {
    open.add(resource);
    return resource;
  }

  /** An EndpointSlice of the hosts' IPv4 addresses, all ready. */
  static String slice(String service, String ports, List<Host> hosts) {
    return slice(service, "IPv4", ports, hosts, Host::ipv4, "{ready: true}");
  }

  /** An EndpointSlice as the endpoint slice controller writes it. */
  static String slice(
      String service,
      String addressType,
      String ports,
      List<Host> hosts,
      Function<Host, String> address,
      String conditions) {
    String endpoints =
        hosts.stream()
            .map(
                host ->
                    "- {addresses: [\"%s\"], conditions: %s}%n"
                        .formatted(address.apply(host), conditions))
            .collect(Collectors.joining());
    return """
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: %s-%s, labels: {kubernetes.io/service-name: %s}}
        addressType: %s
        ports: %s
        endpoints:
        %s"""
        .formatted(
            service,
            addressType.toLowerCase(java.util.Locale.ROOT),
            service,
            addressType,
            ports,
            endpoints);
  }

  @Override
  public void close() {
    api.start();
    client.resources(LoadBalancer.class).inNamespace(namespace).delete();
    xdplb.close();
    // Not before the agent has ended: it would make it anew.
    client.resources(NodeState.class).withName(node).delete();
    for (int i = open.size() - 1; i >= 0; i--) {
      try {
        open.get(i).close();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
