// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.apps.DaemonSet;
import io.fabric8.kubernetes.api.model.apps.DaemonSetBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The test plays the controller of DaemonSets and the kubelets. */
@RequiresApiServer
@Timeout(60)
class AgentRemovalTest {

  private static final Map<String, String> LABELS = Map.of("app", "agent");
  private static final Duration LONG = Duration.ofSeconds(40);

  private final KubernetesClient client;
  private final String namespace;
  private final List<String> log = new CopyOnWriteArrayList<>();
  private final List<String> nodes = new ArrayList<>();
  private final AgentRemoval removal;

  AgentRemovalTest(KubernetesApi api) {
    client = api.newClient();
    namespace = api.newNamespace("removal");
    removal = new AgentRemoval(client, namespace, "agent", log::add);
  }

  @BeforeEach
  void install() {
    addNode("a", true);
    addNode("b", true);
    client
        .resource(
            new DaemonSetBuilder()
                .withNewMetadata()
                .withName("agent")
                .withNamespace(namespace)
                .endMetadata()
                .withNewSpec()
                .withNewSelector()
                .withMatchLabels(LABELS)
                .endSelector()
                .withNewTemplate()
                .withNewMetadata()
                .withLabels(LABELS)
                .endMetadata()
                .withNewSpec()
                .addNewContainer()
                .withName("agent")
                .withImage("none")
                .withArgs("agent", "--http=:9598", "--xdp-mode=auto")
                .endContainer()
                .addNewContainer()
                .withName("bird")
                .withImage("none")
                .endContainer()
                .endSpec()
                .endTemplate()
                .endSpec()
                .build())
        .create();
    nodes.forEach(node -> pod(node, true));
    observe();
  }

  @AfterEach
  void close() {
    nodes.forEach(node -> client.nodes().withName(node).delete());
    client.close();
  }

  @Test
  void itReturnsWhenAPodHasDetachedOnEachNode() throws Exception {
    Thread cluster =
        whenUpdated(
            () -> {
              nodes.forEach(
                  node -> {
                    replace(node, false);
                    replace(node, true);
                  });
            });
    removal.run(LONG);
    cluster.join();
    DaemonSet set = daemonSet();
    assertThat(set.getSpec().getTemplate().getSpec().getContainers())
        .extracting(Container::getName)
        .containsExactly("agent", "bird");
    assertThat(set.getSpec().getTemplate().getSpec().getContainers().get(0).getArgs())
        .containsExactly("detach", "--stay", "--http=:9598");
    assertThat(set.getSpec().getUpdateStrategy().getRollingUpdate().getMaxUnavailable().getStrVal())
        .isEqualTo("100%");
    assertThat(log).last().isEqualTo("all nodes are clean");
  }

  @Test
  void whereNoControllerTakesItUpNothingIsCalledClean() {
    assertThatThrownBy(() -> removal.run(Duration.ofSeconds(2)))
        .isInstanceOf(UserError.class)
        .hasMessageContaining("the DaemonSet's controller does not answer");
  }

  @Test
  void aNodeThatIsNotCleanInTimeIsNamed() throws Exception {
    Thread cluster =
        whenUpdated(
            () -> {
              replace(nodes.get(0), true);
              replace(nodes.get(1), false);
            });
    assertThatThrownBy(() -> removal.run(Duration.ofSeconds(4)))
        .isInstanceOf(UserError.class)
        .hasMessageContaining(nodes.get(1))
        .hasMessageNotContaining(nodes.get(0))
        .hasMessageContaining("get pods");
    cluster.join();
  }

  @Test
  void aNodeThatIsGoneDoesNotBlock() throws Exception {
    addNode("dead", false);
    pod(nodes.get(2), true);
    observe();
    Thread cluster =
        whenUpdated(
            () -> {
              replace(nodes.get(0), true);
              replace(nodes.get(1), true);
            });
    removal.run(LONG);
    cluster.join();
    assertThat(log).last().asString().contains(nodes.get(2), "reboot");
  }

  @Test
  void withoutAgentsThereIsNothingToDo() throws Exception {
    client.apps().daemonSets().inNamespace(namespace).withName("agent").delete();
    removal.run(LONG);
    assertThat(log).singleElement().asString().contains("nothing to detach");
  }

  // The cluster.

  private DaemonSet daemonSet() {
    return client.apps().daemonSets().inNamespace(namespace).withName("agent").require();
  }

  private Thread whenUpdated(Runnable kubelets) {
    long before = daemonSet().getMetadata().getGeneration();
    Thread thread =
        new Thread(
            () -> {
              client
                  .apps()
                  .daemonSets()
                  .inNamespace(namespace)
                  .withName("agent")
                  .waitUntilCondition(
                      set -> set.getMetadata().getGeneration() > before,
                      LONG.toSeconds(),
                      TimeUnit.SECONDS);
              observe();
              kubelets.run();
            });
    thread.start();
    return thread;
  }

  private void observe() {
    client
        .resource(daemonSet())
        .editStatus(
            set ->
                new DaemonSetBuilder(set)
                    .withNewStatus()
                    .withObservedGeneration(set.getMetadata().getGeneration())
                    .withDesiredNumberScheduled(nodes.size())
                    .withCurrentNumberScheduled(nodes.size())
                    .withNumberMisscheduled(0)
                    .withNumberReady(0)
                    .endStatus()
                    .build());
  }

  private void addNode(String name, boolean ready) {
    String unique = name + "-" + UUID.randomUUID();
    nodes.add(unique);
    client
        .resource(new NodeBuilder().withNewMetadata().withName(unique).endMetadata().build())
        .create();
    client
        .nodes()
        .withName(unique)
        .editStatus(
            node ->
                new NodeBuilder(node)
                    .withNewStatus()
                    .addNewCondition()
                    .withType("Ready")
                    .withStatus(ready ? "True" : "Unknown")
                    .endCondition()
                    .endStatus()
                    .build());
  }

  private void replace(String node, boolean ready) {
    client.pods().inNamespace(namespace).withName("pod-" + node).withGracePeriod(0).delete();
    pod(node, ready);
  }

  private void pod(String node, boolean ready) {
    client
        .resource(
            new PodBuilder()
                .withNewMetadata()
                .withName("pod-" + node)
                .withNamespace(namespace)
                .withLabels(LABELS)
                .endMetadata()
                .withSpec(daemonSet().getSpec().getTemplate().getSpec())
                .editSpec()
                .withNodeName(node)
                .endSpec()
                .build())
        .create();
    client
        .pods()
        .inNamespace(namespace)
        .withName("pod-" + node)
        .editStatus(
            pod ->
                new PodBuilder(pod)
                    .withNewStatus()
                    .addNewCondition()
                    .withType("Ready")
                    .withStatus(ready ? "True" : "False")
                    .endCondition()
                    .endStatus()
                    .build());
  }
}
