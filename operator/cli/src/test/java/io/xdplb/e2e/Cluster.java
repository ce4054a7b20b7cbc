// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.NodeStatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.cli.Xdplb;
import io.xdplb.controller.OperatorRuntime;
import io.xdplb.datapath.DatapathView;
import io.xdplb.datapath.VipStatus;
import io.xdplb.testing.apiserver.ApiRelay;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.kernel.RunningProcess;
import io.xdplb.testing.kernel.Topology;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * A cluster of one node: a real API server, {@code xdplb operator} as a process beside it, {@code
 * xdplb agent} as a process in the namespace of the topology's balancer. A test plays the user and
 * the endpoint controller. Works in a Kubernetes namespace of its own.
 */
final class Cluster implements AutoCloseable {

  static final Duration DEADLINE = Duration.ofSeconds(20);

  private static final Duration POLL = Duration.ofMillis(10);

  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final KubernetesApi api;
  private final String namespace;
  private final String node;
  private final KubernetesClient client;
  private final Topology lan;
  private final Xdplb xdplb;
  private RunningProcess operator;
  private RunningProcess agent;

  private Cluster(KubernetesApi api, int backends) {
    this.api = api;
    api.installCrds();
    namespace = api.newNamespace("e2e");
    node = "node-" + namespace;
    client =
        opened(
            new KubernetesClientBuilder()
                .withConfig(OperatorRuntime.clientConfig(api.config()))
                .build());
    lan = opened(Topology.oneArmed(1, backends, Topology.PeerXdp.STUB));
    opened(new ApiRelay(lan.balancer().netns(), api.config().getMasterUrl()));
    xdplb = opened(new Xdplb(lan.balancer().netns()));
  }

  /** Makes the network and starts operator and agent. */
  static Cluster start(KubernetesApi api, int backends) {
    Cluster cluster = new Cluster(api, backends);
    try {
      // Where there are controllers, a Deployment of an example shall not get pods of its own: the
      // endpoints are the topology's servers.
      cluster.kubectl("create", "quota", "no-pods", "--hard=pods=0").outOrFail();
      cluster.addNode(cluster.node, cluster.lan.balancer().ipv4(), cluster.lan.balancer().ipv6());
      cluster.startOperator();
      cluster.startAgent();
      cluster.until("a NodeState is reported", () -> cluster.nodeState().isPresent());
      return cluster;
    } catch (RuntimeException | Error e) {
      cluster.close();
      throw e;
    }
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

  /** Closes {@code resource} with the cluster, before it. */
  <T extends AutoCloseable> T opened(T resource) {
    open.push(resource);
    return resource;
  }

  // Operator and agent.

  void startOperator() {
    operator = xdplb.operator(api.kubeconfig());
  }

  void startAgent() {
    agent = xdplb.agent(node, api.kubeconfig());
  }

  /** One whose program is another; it does not wait. */
  RunningProcess startAgent(Path classes) {
    agent = xdplb.agent(node, api.kubeconfig(), classes);
    return agent;
  }

  /** A Node, with these internal addresses; it goes with the cluster. */
  void addNode(String name, String... addresses) {
    Node object =
        new NodeBuilder()
            .withNewMetadata()
            .withName(name)
            .endMetadata()
            .withNewSpec()
            .withUnschedulable(true)
            .endSpec()
            .build();
    client.resource(object).create();
    opened(() -> removeNode(name));
    object.setStatus(
        new NodeStatusBuilder()
            .withAddresses(
                Stream.concat(
                        Stream.of(new NodeAddress(name, "Hostname")),
                        Arrays.stream(addresses).map(ip -> new NodeAddress(ip, "InternalIP")))
                    .toList())
            .build());
    client.resource(object).patchStatus();
  }

  /** As when a machine is given back. */
  void removeNode(String name) {
    client.nodes().withName(name).delete();
  }

  /** What the agent has logged since it was started. */
  String agentOutput() {
    return agent.output();
  }

  /** {@code kill -9}. */
  void killOperator() {
    operator.kill();
  }

  /** {@code kill -9}. */
  void killAgent() {
    agent.kill();
  }

  /** The agent ends in order, and the node is taken out of the cluster. */
  void removeNode() {
    agent.close();
    client.resources(NodeState.class).withName(node).delete();
  }

  // As the user, and as the endpoint controller.

  KubernetesApi.Kubectl kubectl(String... arguments) {
    return kubectlWithInput("", arguments);
  }

  KubernetesApi.Kubectl kubectlWithInput(String input, String... arguments) {
    String[] all = new String[arguments.length + 2];
    all[0] = "-n";
    all[1] = namespace;
    System.arraycopy(arguments, 0, all, 2, arguments.length);
    return api.kubectlWithInput(input, all);
  }

  /** {@code kubectl apply}, which must succeed. */
  void apply(String manifests) {
    kubectlWithInput(manifests, "apply", "-f", "-").outOrFail();
  }

  /** As {@link #apply}, by one request without a process: for what is measured. */
  void applyQuickly(String manifests) {
    client
        .load(
            new java.io.ByteArrayInputStream(
                manifests.getBytes(java.nio.charset.StandardCharsets.UTF_8)))
        .inNamespace(namespace)
        .resources()
        .forEach(resource -> resource.forceConflicts().serverSideApply());
  }

  // What is there.

  Optional<Condition> condition(String balancer, String type) {
    return Optional.ofNullable(
            client.resources(LoadBalancer.class).inNamespace(namespace).withName(balancer).get())
        .filter(b -> b.getStatus() != null && b.getStatus().conditions() != null)
        .flatMap(
            b ->
                b.getStatus().conditions().stream()
                    .filter(c -> c.getType().equals(type))
                    .filter(
                        c ->
                            Objects.equals(
                                c.getObservedGeneration(), b.getMetadata().getGeneration()))
                    .findFirst());
  }

  Optional<NodeStateStatus> nodeState() {
    return nodeState(node);
  }

  Optional<NodeStateStatus> nodeState(String ofNode) {
    return Optional.ofNullable(client.resources(NodeState.class).withName(ofNode).get())
        .map(NodeState::getStatus);
  }

  LoadBalancerStatus balancer(String name) {
    return client
        .resources(LoadBalancer.class)
        .inNamespace(namespace)
        .withName(name)
        .require()
        .getStatus();
  }

  List<ForwardingTable> tables() {
    return client.resources(ForwardingTable.class).inNamespace(namespace).list().getItems();
  }

  /** The VIPs in the kernel's maps. */
  List<VipStatus> vips() {
    try (DatapathView view = DatapathView.open(xdplb.pinPath())) {
      return view.vips();
    }
  }

  // What is waited for.

  /** Waits for a condition of the current generation: Ready=True, Programmed=False NoNodes. */
  void awaitCondition(String balancer, String type, String status, String reason) {
    until(
        "%s: %s=%s %s".formatted(balancer, type, status, reason),
        () ->
            condition(balancer, type)
                .filter(c -> status.equals(c.getStatus()) && reason.equals(c.getReason()))
                .isPresent());
  }

  void awaitReady(String balancer) {
    awaitCondition(balancer, "Ready", "True", "Ready");
  }

  void until(String what, Callable<Boolean> condition) {
    until(what, DEADLINE, condition);
  }

  void until(String what, Duration deadline, Callable<Boolean> condition) {
    Awaitility.await(what).atMost(deadline).pollInterval(POLL).until(condition);
  }

  /**
   * Deletes what a test applied, and waits until all of it has gone: no table, no VIP in the
   * kernel, none reported.
   */
  void clear() {
    kubectl(
            "delete",
            "loadbalancers,services,deployments,endpointslices,announcementpolicies,bgppeers",
            "--all",
            "--wait=false")
        .outOrFail();
    until("the tables are gone", () -> tables().isEmpty());
    until(
        "the Services are gone",
        () -> client.services().inNamespace(namespace).list().getItems().isEmpty());
    until("the kernel's maps are empty", () -> vips().isEmpty());
    until(
        "the node reports no tables",
        () -> nodeState().map(s -> s.tables() == null || s.tables() == 0).orElse(false));
  }

  /** All that helps to see why a test failed. */
  String describe() {
    return String.join(
        "\n",
        "--- objects",
        safely(() -> kubectl("get", "xlb,xft,xfts,xns,endpointslices,events", "-o", "yaml").out()),
        "--- the kernel's maps",
        safely(
            () -> {
              StringBuilder text = new StringBuilder();
              vips().forEach(vip -> text.append(vip).append('\n'));
              return text.toString();
            }),
        "--- agent",
        safely(() -> agent.output()),
        "--- operator",
        safely(() -> operator.output()));
  }

  private static String safely(Callable<String> text) {
    try {
      return text.call();
    } catch (Exception e) {
      return "cannot be had: " + e;
    }
  }

  /** The node is taken out of the cluster, too: the next class has another one. */
  @Override
  public void close() {
    open.push(() -> client.resources(NodeState.class).withName(node).delete());
    open.push(
        () -> {
          if (agent != null) {
            agent.close();
          }
        });
    open.push(() -> client.resources(LoadBalancer.class).inNamespace(namespace).delete());
    open.push(api::start);
    RuntimeException failure = null;
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (Exception e) {
        failure = failure == null ? new IllegalStateException("cannot clean up", e) : failure;
        if (failure.getCause() != e) {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
