// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.endpointOn;
import static io.xdplb.controller.TestCluster.message;
import static io.xdplb.controller.TestCluster.serviceListener;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointBuilder;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy.External;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy.Prefer;
import io.xdplb.core.table.Tables;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** From hints of EndpointSlices and labels of Nodes to tables that differ by node. */
class NearTest extends OperatorTestCase {

  private String node1;
  private String node2;

  NearTest(KubernetesApi api) {
    super(api);
  }

  @BeforeEach
  void twoNodesInZones() {
    node1 = cluster.namespace + "-n1";
    node2 = cluster.namespace + "-n2";
    cluster.node(node1, "198.51.100.201");
    cluster.node(node2, "198.51.100.202");
    zone(node1, "eu-1");
    zone(node2, "eu-2");
    cluster.service("web", 80);
  }

  @Test
  void hintsOfTheSlicesReachTheTableAndAreFollowed() {
    slice(hinted("10.0.0.1", node1, "eu-1"), hinted("10.0.0.2", node2, "eu-2"));
    create(null);
    awaitTakers("eu-1", "10.0.0.1");
    awaitTakers("eu-2", "10.0.0.2");
    awaitTakers(null, "10.0.0.1", "10.0.0.2");

    TestAgent agent = new TestAgent(cluster.client, node1);
    agent.followsAll();
    cluster.awaitDeliveries("web", "10.0.0.1 DSR in GUE via 198.51.100.201", "10.0.0.2 NAT");
    agent.followsAll();
    LoadBalancer ready = cluster.awaitCondition("web", "Ready", "True", "Ready");
    assertThat(message(ready, "Programmed")).contains("It is not the same on all nodes");

    cluster.endpoints(
        "web", hinted("10.0.0.1", node1, "eu-1", "eu-2"), hinted("10.0.0.2", node2, "eu-2"));
    awaitTakers("eu-2", "10.0.0.1", "10.0.0.2");
    cluster.endpoints("web", hinted("10.0.0.1", node1, "eu-1"), endpointOn(node2, "10.0.0.2"));
    awaitTakers("eu-1", "10.0.0.1", "10.0.0.2");
    agent.followsAll();
    cluster.awaitMessage("web", "Programmed", "holds the table.");
    TestCluster.until(
        "it is the same on all nodes",
        () -> !message(cluster.balancer("web"), "Programmed").contains("not the same"));
  }

  @Test
  void whatIsPreferredGoesByTheZonesOfTheNodesAndFollowsThem() {
    slice(endpointOn(node1, "10.0.0.1"), endpointOn(node2, "10.0.0.2"));
    create(Prefer.SameZone);
    awaitTakers("eu-1", "10.0.0.1");
    zone(node2, "eu-1");
    awaitTakers("eu-1", "10.0.0.1", "10.0.0.2");
    zone(node2, "eu-3");
    awaitTakers("eu-1", "10.0.0.1");
    awaitTakers("eu-3", "10.0.0.2");

    cluster.edit("web", spec(Prefer.SameNode));
    cluster.awaitTable("web", t -> takers(t, node2, null).equals(List.of("10.0.0.2")));
    awaitTakers("eu-1", "10.0.0.1");
    cluster.edit("web", spec(null));
    awaitTakers("eu-1", "10.0.0.1", "10.0.0.2");
  }

  private void create(Prefer prefer) {
    cluster.create("web", spec(prefer));
  }

  private static LoadBalancerSpec spec(Prefer prefer) {
    return new LoadBalancerSpec(
        new Addresses(List.of("203.0.113.62")),
        List.of(serviceListener("web", 80)),
        null,
        null,
        null,
        null,
        new TrafficPolicy(External.Cluster, prefer),
        null,
        null);
  }

  private void slice(Endpoint... endpoints) {
    cluster.slice("web", "web", "IPv4", 8080, endpoints);
  }

  private static Endpoint hinted(String address, String node, String... zones) {
    var hints = new EndpointBuilder(endpointOn(node, address)).withNewHints();
    Arrays.stream(zones).forEach(hints::addNewForZone);
    return hints.endHints().build();
  }

  private void zone(String node, String zone) {
    cluster
        .client
        .nodes()
        .withName(node)
        .edit(
            n ->
                new NodeBuilder(n)
                    .editMetadata()
                    .addToLabels(Map.of("topology.kubernetes.io/zone", zone))
                    .endMetadata()
                    .build());
  }

  private void awaitTakers(String zone, String... addresses) {
    cluster.awaitTable("web", t -> takers(t, "any", zone).equals(List.of(addresses)));
  }

  private static List<String> takers(ForwardingTable table, String node, String zone) {
    return Tables.toVips(table.getSpec()).get(0).partOf(node, zone).backends().stream()
        .filter(backend -> backend.weight() > 0)
        .map(backend -> backend.key().address().toString())
        .toList();
  }
}
