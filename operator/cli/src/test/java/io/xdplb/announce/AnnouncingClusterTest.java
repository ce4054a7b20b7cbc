// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.NodeStatusBuilder;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.Membership;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.cli.Xdplb;
import io.xdplb.controller.OperatorRuntime;
import io.xdplb.testing.apiserver.ApiRelay;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.ManyConnections;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.kernel.RunningProcess;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The same with operator, agents and a real API server: who announces is what the cluster says. */
@RequiresBpf
@RequiresApiServer
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AnnouncingClusterTest {

  private static final Logger log = LoggerFactory.getLogger(AnnouncingClusterTest.class);

  private static final List<String> VIPS = List.of(AnnouncingLan.VIP4, AnnouncingLan.VIP6);
  private static final String NAMESPACE = "default";
  private static final String NAME = "echo0";
  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final Duration SECOND = Duration.ofSeconds(1);

  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final Map<String, RunningProcess> agents = new HashMap<>();
  private final Map<String, Xdplb> commands = new HashMap<>();
  private KubernetesApi api;
  private KubernetesClient client;
  private AnnouncingLan lan;
  private RunningProcess operator;

  @BeforeAll
  void start(KubernetesApi api, @TempDir Path folder) {
    this.api = api;
    api.installCrds();
    client =
        opened(
            new KubernetesClientBuilder()
                .withConfig(OperatorRuntime.clientConfig(api.config()))
                .build());
    lan = opened(new AnnouncingLan(folder, 3, VIPS));
    for (ClusterNode node : lan.nodes()) {
      opened(new ApiRelay(node.netns(), api.config().getMasterUrl()));
      addNode(node);
      commands.put(node.name(), opened(new Xdplb(node.netns())));
      startAgent(node);
    }
    operator = commands.get("edge1").operator(api.kubeconfig());
    apply(lan.balancer());
    until("not managed", () -> reason("Announced").equals("NotManaged"));
    apply(AnnouncingLan.policy());
    until("ready", () -> status("Ready").equals("True"));
  }

  private <T extends AutoCloseable> T opened(T closeable) {
    open.push(closeable);
    return closeable;
  }

  @AfterAll
  void stop() throws Exception {
    log.info("operator:\n{}", operator.output());
    agents.forEach((name, process) -> log.info("{}:\n{}", name, process.output()));
    client.resources(LoadBalancer.class).inNamespace(NAMESPACE).withName(NAME).delete();
    until(
        "no LoadBalancer",
        () ->
            client.resources(LoadBalancer.class).inNamespace(NAMESPACE).withName(NAME).get()
                == null);
    while (!open.isEmpty()) {
      open.pop().close();
    }
    try (KubernetesClient last = api.newClient()) {
      last.resources(AnnouncementPolicy.class).delete();
      last.resources(Membership.class).delete();
      last.resources(NodeState.class).delete();
      last.secrets().inNamespace(NAMESPACE).withName("xdplb-announcing").delete();
    }
  }

  private void startAgent(ClusterNode node) {
    agents.put(node.name(), commands.get(node.name()).agent(node.name(), api.kubeconfig()));
  }

  private void addNode(ClusterNode node) {
    var object =
        new NodeBuilder()
            .withNewMetadata()
            .withName(node.name())
            .endMetadata()
            .withNewSpec()
            .withUnschedulable(true)
            .endSpec()
            .build();
    client.resource(object).create();
    opened(() -> client.nodes().withName(node.name()).delete());
    object.setStatus(
        new NodeStatusBuilder()
            .withAddresses(
                new NodeAddress(node.host().ipv4(), "InternalIP"),
                new NodeAddress(node.host().ipv6(), "InternalIP"))
            .build());
    client.resource(object).patchStatus();
  }

  private void apply(String manifest) {
    client
        .load(new ByteArrayInputStream(manifest.getBytes(StandardCharsets.UTF_8)))
        .inNamespace(NAMESPACE)
        .resources()
        .forEach(resource -> resource.forceConflicts().serverSideApply());
  }

  private Optional<Condition> condition(String type) {
    LoadBalancer balancer =
        client.resources(LoadBalancer.class).inNamespace(NAMESPACE).withName(NAME).get();
    return balancer == null
            || balancer.getStatus() == null
            || balancer.getStatus().conditions() == null
        ? Optional.empty()
        : balancer.getStatus().conditions().stream()
            .filter(c -> c.getType().equals(type))
            .findFirst();
  }

  private String reason(String type) {
    return condition(type).map(Condition::getReason).orElse("");
  }

  private String status(String type) {
    return condition(type).map(Condition::getStatus).orElse("");
  }

  private void until(String what, Callable<Boolean> holds) {
    try {
      Awaitility.await(what).atMost(DEADLINE).pollInterval(Duration.ofMillis(50)).until(holds);
    } catch (org.awaitility.core.ConditionTimeoutException e) {
      throw new AssertionError(what + "; Announced is " + condition("Announced"), e);
    }
  }

  /** Who answers for an address, as NodeStates say. */
  private List<String> owners(String vip) {
    return client.resources(NodeState.class).list().getItems().stream()
        .filter(
            state ->
                state.getStatus() != null
                    && state.getStatus().announcing() != null
                    && state.getStatus().announcing().l2() != null
                    && state.getStatus().announcing().l2().contains(vip))
        .map(state -> state.getMetadata().getName())
        .toList();
  }

  private ClusterNode owner() {
    until("one owner", () -> owners(AnnouncingLan.VIP4).size() == 1);
    String name = owners(AnnouncingLan.VIP4).get(0);
    return lan.nodes().stream().filter(node -> node.name().equals(name)).findFirst().orElseThrow();
  }

  @Test
  void theStatusSaysWhoAnswers() {
    assertThat(condition("Announced").orElseThrow().getMessage())
        .contains(AnnouncingLan.VIP4, AnnouncingLan.VIP6, owner().name());
    assertThat(client.resources(Membership.class).withName("xdplb").get().getSpec().members())
        .hasSize(3);
  }

  @Test
  void aNodeThatIsTaintedForDeletionHandsOverWithoutALoss() {
    ClusterNode owner = owner();
    try (Probe probe = Probe.start(lan.client(), AnnouncingLan.VIP4, AnnouncingLan.PORT);
        Probe control = Probe.start(lan.client(), lan.server().ipv4(), AnnouncingLan.PORT);
        ManyConnections connections = connections()) {
      probe.begin();
      control.begin();
      taint(owner, "ToBeDeletedByClusterAutoscaler");
      until("another owner", () -> !owners(AnnouncingLan.VIP4).equals(List.of(owner.name())));
      assertThat(owner().name()).isNotEqualTo(owner.name());
      assertThat(probe.lost()).isLessThanOrEqualTo(2 * control.lost());
      assertThat(connections.check()).isEmpty();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    } finally {
      client.nodes().withName(owner.name()).edit(node -> edited(node, List.of()));
    }
  }

  private ManyConnections connections() {
    return ManyConnections.open(
        List.of(lan.client()), AnnouncingLan.VIP4, AnnouncingLan.PORT, 200, DEADLINE);
  }

  private void taint(ClusterNode node, String key) {
    client
        .nodes()
        .withName(node.name())
        .edit(object -> edited(object, List.of(new Taint("NoSchedule", key, null, "true"))));
  }

  private static io.fabric8.kubernetes.api.model.Node edited(
      io.fabric8.kubernetes.api.model.Node node, List<Taint> taints) {
    node.getSpec().setTaints(taints);
    return node;
  }

  @Test
  void withoutTheApiServerNothingIsLostAndALostNodeIsReplacedAllTheSame() throws Exception {
    ClusterNode owner = owner();
    try (Probe probe = Probe.start(lan.client(), AnnouncingLan.VIP4, AnnouncingLan.PORT);
        Probe control = Probe.start(lan.client(), lan.server().ipv4(), AnnouncingLan.PORT);
        ManyConnections connections = connections()) {
      probe.begin();
      control.begin();
      api.stop();
      Thread.sleep(5000);
      assertThat(probe.lost())
          .as("while the API server is away")
          .isLessThanOrEqualTo(2 * control.lost()); // what this machine loses by itself
      probe.begin();
      lan.cluster().mute(owner, true);
      Thread.sleep(3000);
      Probe.awaitAnswers();
      assertThat(probe.longestGap()).isLessThan(SECOND);
      assertThat(connections.check()).isEmpty();
      lan.cluster().mute(owner, false);
    } finally {
      lan.nodes().forEach(node -> lan.cluster().mute(node, false));
      api.start();
    }
    until("ready again", () -> status("Ready").equals("True"));
    assertThat(owner().name()).isNotEqualTo(owner.name());
  }

  @Test
  void aDeletedPolicyWithdrawsAndSaysSo() {
    client.resources(AnnouncementPolicy.class).withName("lan").delete();
    until("withdrawn", () -> owners(AnnouncingLan.VIP4).isEmpty());
    until("not managed", () -> reason("Announced").equals("NotManaged"));
    apply(AnnouncingLan.policy());
    until("announced", () -> status("Announced").equals("True"));
  }
}
