// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.endpoint;
import static io.xdplb.controller.TestCluster.message;
import static io.xdplb.controller.TestCluster.onlyVip;
import static io.xdplb.controller.TestCluster.serviceListener;
import static io.xdplb.controller.TestCluster.serviceSpec;
import static io.xdplb.controller.TestCluster.spec;
import static io.xdplb.controller.TestCluster.staticListener;
import static io.xdplb.controller.TestCluster.staticSpec;
import static io.xdplb.controller.TestCluster.takers;
import static io.xdplb.controller.TestCluster.until;
import static io.xdplb.controller.TestCluster.vips;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** From LoadBalancers, Services and EndpointSlices to ForwardingTables. */
class TablesTest extends OperatorTestCase {

  private static final Boolean[] TRISTATE = {null, true, false};

  TablesTest(KubernetesApi api) {
    super(api);
  }

  @Test
  void staticBackendsBecomeATableOwnedByItsLoadBalancer() {
    LoadBalancer balancer =
        cluster.create("web", staticSpec("203.0.113.1", 80, "198.51.100.1", "198.51.100.2"));
    ForwardingTable table = cluster.awaitTakers("web", "198.51.100.1:8080", "198.51.100.2:8080");
    assertThat(vips(table)).containsExactly("203.0.113.1 TCP 80");
    assertThat(table.getMetadata().getOwnerReferences()).hasSize(1);
    OwnerReference owner = table.getMetadata().getOwnerReferences().get(0);
    assertThat(owner.getKind()).isEqualTo("LoadBalancer");
    assertThat(owner.getUid()).isEqualTo(balancer.getMetadata().getUid());
    assertThat(owner.getController()).isTrue();
    assertThat(owner.getBlockOwnerDeletion()).isTrue();
    assertThat(table.getMetadata().getManagedFields())
        .allSatisfy(f -> assertThat(f.getManager()).isEqualTo("xdplb-operator"));
  }

  @Test
  void anEditIsFollowed() {
    cluster.create("web", staticSpec("203.0.113.1", 80, "198.51.100.1"));
    cluster.awaitTakers("web", "198.51.100.1:8080");
    cluster.edit(
        "web",
        spec(
            List.of("203.0.113.1", "2001:db8::1"),
            staticListener(80, "198.51.100.3", "2001:db8::3"),
            staticListener(443, "198.51.100.4")));
    ForwardingTable table =
        cluster.awaitTakers("web", "198.51.100.3:8080", "198.51.100.4:8080", "2001:db8::3:8080");
    assertThat(vips(table))
        .containsExactly(
            "203.0.113.1 TCP 80",
            "203.0.113.1 TCP 443",
            "2001:db8::1 TCP 80",
            "2001:db8::1 TCP 443");
    LoadBalancer balancer =
        cluster.awaitCondition("web", "Programmed", "False", StatusComposer.NO_NODES);
    assertThat(balancer.getStatus().addresses()).containsExactly("203.0.113.1", "2001:db8::1");
    assertThat(balancer.getStatus().readyEndpoints()).isEqualTo(3);
    assertThat(balancer.getStatus().observedGeneration()).isEqualTo(2);
  }

  @Test
  void endpointsOfTwoSlicesAndBothFamiliesAreFollowed() {
    cluster.service("echo", 80);
    cluster.slice("echo-1", "echo", "IPv4", 8080, endpoint("198.51.100.1"));
    cluster.slice("echo-2", "echo", "IPv4", 9090, endpoint("198.51.100.2"));
    cluster.slice("echo-6", "echo", "IPv6", 8080, endpoint("2001:db8::1:1"));
    cluster.create(
        "echo", spec(List.of("203.0.113.2", "2001:db8::2"), serviceListener("echo", 80)));
    // The named target port is another one in the second slice.
    cluster.awaitTakers("echo", "198.51.100.1:8080", "198.51.100.2:9090", "2001:db8::1:1:8080");
    cluster.endpoints("echo-1", endpoint("198.51.100.1"), endpoint("198.51.100.3"));
    cluster.awaitTakers(
        "echo",
        "198.51.100.1:8080",
        "198.51.100.2:9090",
        "198.51.100.3:8080",
        "2001:db8::1:1:8080");
    cluster
        .client
        .discovery()
        .v1()
        .endpointSlices()
        .inNamespace(cluster.namespace)
        .withName("echo-2")
        .delete();
    cluster.awaitTakers("echo", "198.51.100.1:8080", "198.51.100.3:8080", "2001:db8::1:1:8080");
  }

  @Test
  void all27RowsOfEndpointConditionsAreReadFromTheApiServer() {
    List<Endpoint> all = new ArrayList<>();
    List<Endpoint> noneReady = new ArrayList<>();
    List<String> ready = new ArrayList<>();
    List<String> fallback = new ArrayList<>();
    for (Boolean isReady : TRISTATE) {
      for (Boolean isServing : TRISTATE) {
        for (Boolean isTerminating : TRISTATE) {
          String address = "198.51.100." + (all.size() + 1);
          Endpoint endpoint = endpoint(address, isReady, isServing, isTerminating);
          all.add(endpoint);
          if (isReady == null || isReady) {
            ready.add(address + ":8080");
          } else {
            noneReady.add(endpoint);
            boolean serves = isServing == null || isServing;
            if (serves && isTerminating != null && isTerminating) {
              fallback.add(address + ":8080");
            }
          }
        }
      }
    }
    assertThat(all).hasSize(27);
    assertThat(fallback).hasSize(2);
    cluster.service("rows", 80);
    cluster.slice("rows", "rows", "IPv4", 8080, all.toArray(Endpoint[]::new));
    cluster.create("rows", serviceSpec("203.0.113.3", "rows", 80));
    cluster.awaitTakers("rows", ready.toArray(String[]::new));
    cluster.endpoints("rows", noneReady.toArray(Endpoint[]::new));
    cluster.awaitTakers("rows", fallback.toArray(String[]::new));
  }

  @Test
  void aServiceMayComeAfterTheLoadBalancer() {
    cluster.create("late", serviceSpec("203.0.113.4", "late", 80));
    LoadBalancer balancer =
        cluster.awaitCondition("late", "ResolvedRefs", "False", "BackendNotFound");
    assertThat(message(balancer, "ResolvedRefs")).contains("late");
    cluster.awaitCondition("late", "Ready", "False", "BackendNotFound");
    cluster.slice("late", "late", "IPv4", 8080, endpoint("198.51.100.1"));
    cluster.service("late", 80);
    cluster.awaitTakers("late", "198.51.100.1:8080");
    cluster.awaitCondition("late", "ResolvedRefs", "True", "ResolvedRefs");
    until(
        "Events say both",
        () ->
            cluster
                .events("late")
                .containsAll(List.of("Warning BackendNotFound", "Normal ResolvedRefs")));
  }

  @Test
  void aServicePortThatGoesTakesItsEndpointsWithIt() {
    cluster.service("moved", 80);
    cluster.slice("moved", "moved", "IPv4", 8080, endpoint("198.51.100.1"));
    cluster.create("moved", serviceSpec("203.0.113.5", "moved", 80));
    cluster.awaitTakers("moved", "198.51.100.1:8080");
    var service = cluster.client.services().inNamespace(cluster.namespace).withName("moved");
    service.edit(
        s ->
            new ServiceBuilder(s)
                .editSpec()
                .editFirstPort()
                .withPort(81)
                .endPort()
                .endSpec()
                .build());
    cluster.awaitTakers("moved");
    cluster.awaitCondition("moved", "ResolvedRefs", "False", "BackendNotFound");
    service.edit(
        s ->
            new ServiceBuilder(s)
                .editSpec()
                .editFirstPort()
                .withPort(80)
                .endPort()
                .endSpec()
                .build());
    cluster.awaitTakers("moved", "198.51.100.1:8080");
  }

  @Test
  void aServiceWithoutPodsIsSaidAndIsNoError() {
    cluster.service("idle", 80);
    cluster.slice("idle", "idle", "IPv4", 8080, endpoint("198.51.100.1"));
    cluster.create("idle", serviceSpec("203.0.113.6", "idle", 80));
    cluster.awaitTakers("idle", "198.51.100.1:8080");
    cluster.endpoints("idle");
    ForwardingTable table = cluster.awaitTakers("idle");
    assertThat(onlyVip(table).ringSize()).isZero();
    until(
        "the status says so",
        () -> message(cluster.balancer("idle"), "ResolvedRefs").contains("rejected"));
    cluster.awaitCondition("idle", "ResolvedRefs", "True", "ResolvedRefs");
    until("an event says so", () -> cluster.events("idle").contains("Warning NoEndpoints"));
    assertThat(cluster.balancer("idle").getStatus().readyEndpoints()).isZero();
  }

  @Test
  void aRefusedSpecKeepsItsTableAndSaysSo() {
    cluster.create("kept", staticSpec("203.0.113.7", 80, "198.51.100.1"));
    String hash = cluster.awaitTakers("kept", "198.51.100.1:8080").getSpec().tableHash();
    cluster.edit("kept", staticSpec("127.0.0.1", 80, "198.51.100.2"));
    LoadBalancer refused = cluster.awaitCondition("kept", "Accepted", "False", "InvalidSpec");
    assertThat(message(refused, "Accepted")).contains("127.0.0.1");
    assertThat(message(refused, "Programmed")).contains("stays in force");
    assertThat(TestCluster.condition(refused, "Stalled")).isPresent();
    assertThat(TestCluster.condition(refused, "Reconciling")).isEmpty();
    assertThat(refused.getStatus().addresses()).containsExactly("203.0.113.7");
    assertThat(cluster.tableResource("kept").get().getSpec().tableHash()).isEqualTo(hash);
    until("an Event says so", () -> cluster.events("kept").contains("Warning InvalidSpec"));
    cluster.edit("kept", staticSpec("203.0.113.7", 80, "198.51.100.2"));
    cluster.awaitTakers("kept", "198.51.100.2:8080");
    LoadBalancer accepted = cluster.awaitCondition("kept", "Accepted", "True", "Accepted");
    assertThat(TestCluster.condition(accepted, "Stalled")).isEmpty();
    assertThat(TestCluster.condition(accepted, "Reconciling")).isPresent();
  }

  @Test
  void noEditIsLostHoweverItMeetsTheWritesOfTheOperator() {
    cluster.create("busy", staticSpec("203.0.113.14", 80, "198.51.100.100"));
    for (int edit = 1; edit <= 60; edit++) {
      cluster.edit("busy", staticSpec("203.0.113.14", 80 + edit % 2, "198.51.100." + edit));
      if (edit % 3 == 0) {
        cluster.awaitTakers("busy", "198.51.100." + edit + ":8080");
      }
    }
    cluster.awaitTakers("busy", "198.51.100.60:8080");
    cluster.awaitCondition("busy", "Programmed", "False", StatusComposer.NO_NODES);
  }

  @Test
  void aTableThatSomebodyElseChangesOrDeletesIsMended() {
    cluster.create("drift", staticSpec("203.0.113.8", 80, "198.51.100.1"));
    ForwardingTable table = cluster.awaitTakers("drift", "198.51.100.1:8080");
    cluster
        .tableResource("drift")
        .edit(
            t -> {
              t.setSpec(new ForwardingTableSpec("0".repeat(64), List.of()));
              return t;
            });
    cluster.awaitTable("drift", t -> t.getSpec().equals(table.getSpec()));
    cluster.tableResource("drift").delete();
    cluster.awaitTable(
        "drift",
        t ->
            t.getSpec().equals(table.getSpec())
                && !t.getMetadata().getUid().equals(table.getMetadata().getUid()));
  }

  @Test
  void aDeletedLoadBalancerLeavesNothingBehind() {
    cluster.create("gone", staticSpec("203.0.113.9", 80, "198.51.100.1"));
    cluster.awaitTakers("gone", "198.51.100.1:8080");
    cluster.delete("gone");
    until("the table is gone", () -> cluster.tableResource("gone").get() == null);
    assertThat(cluster.balancer("gone")).as("no finalizer keeps it").isNull();
  }

  @Test
  void aLoadBalancerThatIsReplacedGetsItsTable() {
    LoadBalancerSpec first = staticSpec("203.0.113.10", 80, "198.51.100.1");
    LoadBalancerSpec second = staticSpec("203.0.113.10", 80, "198.51.100.2");
    for (int round = 0; round < 30; round++) {
      LoadBalancer balancer = cluster.create("replaced", round % 2 == 0 ? first : second);
      ForwardingTable table =
          cluster.awaitTable(
              "replaced",
              t ->
                  t.getMetadata().getOwnerReferences().stream()
                      .allMatch(o -> o.getUid().equals(balancer.getMetadata().getUid())));
      assertThat(takers(table))
          .containsExactly(round % 2 == 0 ? "198.51.100.1:8080" : "198.51.100.2:8080");
      cluster.delete("replaced");
    }
    until("the table is gone", () -> cluster.tableResource("replaced").get() == null);
  }

  @Test
  void aTableOfALoadBalancerThatWentWhileNoOperatorRanIsRemoved() {
    cluster.create("orphan", staticSpec("203.0.113.11", 80, "198.51.100.1"));
    ForwardingTable table = cluster.awaitTakers("orphan", "198.51.100.1:8080");
    operator.stop();
    try {
      cluster.delete("orphan");
      assertThat(cluster.tableResource("orphan").get()).isNotNull();
    } finally {
      operator.start();
    }
    until("the table is gone", () -> cluster.tableResource("orphan").get() == null);
    assertThat(table.getMetadata().getOwnerReferences()).isNotEmpty();
  }

  @Test
  void aTableIsMissedByNobodyElseWhenTheApiServerRefusesIt() {
    DeniedTables denied = new DeniedTables(api, cluster, "denied");
    try {
      cluster.create("denied", staticSpec("203.0.113.12", 80, "198.51.100.1"));
      cluster.create("allowed", staticSpec("203.0.113.13", 80, "198.51.100.1"));
      LoadBalancer balancer =
          cluster.awaitCondition("denied", "Programmed", "False", StatusComposer.NOT_WRITTEN);
      assertThat(message(balancer, "Programmed")).contains(DeniedTables.MESSAGE);
      cluster.awaitTakers("allowed", "198.51.100.1:8080");
    } finally {
      denied.close();
    }
    cluster.awaitTakers("denied", "198.51.100.1:8080");
    cluster.awaitCondition("denied", "Programmed", "False", StatusComposer.NO_NODES);
  }
}
