// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.endpoint;
import static io.xdplb.controller.TestCluster.endpointOn;
import static io.xdplb.controller.TestCluster.message;
import static io.xdplb.controller.TestCluster.onlyVip;
import static io.xdplb.controller.TestCluster.serviceListener;
import static io.xdplb.controller.TestCluster.staticListener;
import static io.xdplb.controller.TestCluster.until;
import static io.xdplb.controller.TestCluster.vips;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Access;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding.Mode;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.SessionAffinity;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.ListenerForwarding;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.api.v1alpha1.UnavailablePolicy;
import io.xdplb.core.table.Tables;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** From Nodes and NodeStates to how the table says that backends are reached. */
class ForwardingTest extends OperatorTestCase {

  private static final String VIP = "203.0.113.60";

  private String node1;
  private String node2;

  ForwardingTest(KubernetesApi api) {
    super(api);
  }

  /** Nodes have no namespace; other tests must not meet these. */
  @BeforeEach
  void names() {
    node1 = cluster.namespace + "-n1";
    node2 = cluster.namespace + "-n2";
  }

  @Test
  void aNodeThatGetsAnAgentTurnsNatIntoDsrAndOneThatLosesItBack() {
    cluster.node(node1, "198.51.100.201");
    cluster.node(node2, "198.51.100.202", "2001:db8:9::2");
    web(endpointOn(node1, "10.0.0.1"), endpointOn(node2, "10.0.0.2"));
    create(Mode.Auto);
    cluster.awaitDeliveries("web", "10.0.0.1 NAT", "10.0.0.2 NAT");
    awaitForwarding(ListenerForwarding.Mode.NAT, "NoAgentOnNode", node1 + ", " + node2);

    TestAgent agent1 = new TestAgent(cluster.client, node1);
    agent1.followsAll();
    ForwardingTable mixed =
        cluster.awaitDeliveries("web", "10.0.0.1 DSR in GUE via 198.51.100.201", "10.0.0.2 NAT");
    awaitForwarding(ListenerForwarding.Mode.Mixed, "Mixed", "without an agent: " + node2 + ".");
    agent1.followsAll();
    cluster.awaitCondition("web", "Ready", "True", "Ready");

    TestAgent agent2 = new TestAgent(cluster.client, node2);
    agent2.followsAll();
    cluster.awaitDeliveries(
        "web", "10.0.0.1 DSR in GUE via 198.51.100.201", "10.0.0.2 DSR in GUE via 198.51.100.202");
    awaitForwarding(ListenerForwarding.Mode.DSR, "AgentOnNode", "");

    agent2.hasNoProgram();
    ForwardingTable again =
        cluster.awaitDeliveries("web", "10.0.0.1 DSR in GUE via 198.51.100.201", "10.0.0.2 NAT");
    assertThat(again.getSpec()).isEqualTo(mixed.getSpec());
    agent1.leaves();
    cluster.awaitDeliveries("web", "10.0.0.1 NAT", "10.0.0.2 NAT");
  }

  @Test
  void addressesThatTheAgentReportsArePreferredToThoseOfTheNode() {
    cluster.node(node1, "198.51.100.201");
    TestAgent agent = new TestAgent(cluster.client, node1);
    agent.followsAll();
    web(endpointOn(node1, "10.0.0.1"));
    create(Mode.Auto);
    cluster.awaitDeliveries("web", "10.0.0.1 DSR in GUE via 198.51.100.201");
    cluster.nodeAddresses(node1, "198.51.100.211");
    cluster.awaitDeliveries("web", "10.0.0.1 DSR in GUE via 198.51.100.211");
    agent.at("2001:db8:9::1", "198.51.100.221").followsAll();
    cluster.awaitDeliveries("web", "10.0.0.1 DSR in GUE via 198.51.100.221");
    agent.at("2001:db8:9::1").followsAll();
    cluster.awaitDeliveries("web", "10.0.0.1 DSR in GUE via 2001:db8:9::1");
  }

  @Test
  void modeDsrNamesTheNodeWithoutAnAgentAndGivesItNoTraffic() {
    cluster.node(node1, "198.51.100.201");
    cluster.node(node2, "198.51.100.202");
    new TestAgent(cluster.client, node1).followsAll();
    web(endpointOn(node1, "10.0.0.1"), endpointOn(node2, "10.0.0.2"), endpoint("10.0.0.3"));
    create(Mode.DSR);
    cluster.awaitDeliveries("web", "10.0.0.1 DSR in GUE via 198.51.100.201");
    LoadBalancer balancer = cluster.awaitCondition("web", "ResolvedRefs", "False", "NoAgentOnNode");
    assertThat(message(balancer, "ResolvedRefs"))
        .contains("no traffic goes to 10.0.0.2 on node " + node2 + ", because mode DSR")
        .contains(
            "no traffic goes to 10.0.0.3, because mode DSR is asked for and nothing is known");
    cluster.awaitCondition("web", "Ready", "False", "NoAgentOnNode");
    until("an Event says so", () -> cluster.events("web").contains("Warning NoAgentOnNode"));

    new TestAgent(cluster.client, node2).followsAll();
    cluster.awaitDeliveries(
        "web", "10.0.0.1 DSR in GUE via 198.51.100.201", "10.0.0.2 DSR in GUE via 198.51.100.202");
    cluster.awaitCondition("web", "ResolvedRefs", "False", "NodeUnknown");
    cluster.endpoints("web", endpointOn(node1, "10.0.0.1"), endpointOn(node2, "10.0.0.2"));
    cluster.awaitCondition("web", "ResolvedRefs", "True", "ResolvedRefs");
    awaitForwarding(ListenerForwarding.Mode.DSR, "AsRequested", "");
  }

  @Test
  void modeNatIsNatWhateverTheNodesHave() {
    cluster.node(node1, "198.51.100.201");
    new TestAgent(cluster.client, node1).followsAll();
    web(endpointOn(node1, "10.0.0.1"));
    create(Mode.NAT);
    cluster.awaitDeliveries("web", "10.0.0.1 NAT");
    awaitForwarding(ListenerForwarding.Mode.NAT, "AsRequested", "");
  }

  @Test
  void aNodeThatChangesLeavesTablesWithoutEndpointsThereAlone() {
    cluster.node(node1, "198.51.100.201");
    cluster.node(node2, "198.51.100.202");
    new TestAgent(cluster.client, node1).followsAll();
    new TestAgent(cluster.client, node2).followsAll();
    web(endpointOn(node1, "10.0.0.1"));
    create(Mode.Auto);
    String version =
        cluster
            .awaitDeliveries("web", "10.0.0.1 DSR in GUE via 198.51.100.201")
            .getMetadata()
            .getResourceVersion();
    cluster.service("other", 81);
    cluster.slice("other", "other", "IPv4", 8080, endpointOn(node2, "10.0.0.2"));
    cluster.create(
        "other",
        new LoadBalancerSpec(
            new Addresses(List.of(VIP)), List.of(serviceListener("other", 81)), null, null));
    cluster.awaitDeliveries("other", "10.0.0.2 DSR in GUE via 198.51.100.202");
    cluster.nodeAddresses(node2, "198.51.100.212");
    cluster.awaitDeliveries("other", "10.0.0.2 DSR in GUE via 198.51.100.212");
    assertThat(cluster.tableResource("web").get().getMetadata().getResourceVersion())
        .isEqualTo(version);
  }

  @Test
  void rangesAffinityAndAccessReachTheTableAndAreTakenInWhole() {
    cluster.create(
        "media",
        new LoadBalancerSpec(
            new Addresses(List.of(VIP)),
            List.of(
                new Listener(
                    "rtp",
                    Protocol.UDP,
                    8000,
                    8999,
                    new SessionAffinity(SessionAffinity.Type.ClientIP, 60),
                    null)),
            null,
            null,
            new Access(List.of("198.51.100.7/24")),
            UnavailablePolicy.Drop));
    ForwardingTable table = cluster.awaitTable("media", t -> !t.getSpec().vips().isEmpty());
    assertThat(onlyVip(table).endPort()).isEqualTo(8999);
    assertThat(onlyVip(table).affinitySeconds()).isEqualTo(60);
    assertThat(table.getSpec().sourceRanges()).containsExactly("198.51.100.0/24");
    assertThat(table.getSpec().unavailablePolicy()).isEqualTo(UnavailablePolicy.Drop);

    cluster.create(
        "within",
        new LoadBalancerSpec(
            new Addresses(List.of(VIP)),
            List.of(
                new Listener("a", Protocol.UDP, 8500, null), staticListener(80, "198.51.100.1")),
            null,
            null,
            new Access(List.of("2001:db8::/32")),
            UnavailablePolicy.Drop));
    LoadBalancer within = cluster.awaitCondition("within", "Accepted", "False", "AddressInUse");
    assertThat(message(within, "Accepted"))
        .contains("UDP " + VIP + ":8500 by LoadBalancer " + cluster.namespace + "/media");
    ForwardingTable rest = cluster.awaitTakers("within", "198.51.100.1:8080");
    assertThat(vips(rest)).containsExactly(VIP + " TCP 80");
    assertThat(Tables.toVips(rest.getSpec()).get(0).access().sourceRanges())
        .as("closed to its family still")
        .contains(List.of());
    assertThat(rest.getSpec().tableHash())
        .isEqualTo(io.xdplb.core.table.TableHash.desired(Tables.toVips(rest.getSpec())));
    cluster.delete("media");
    cluster.awaitTable("within", t -> t.getSpec().vips().size() == 2);
  }

  private void web(io.fabric8.kubernetes.api.model.discovery.v1.Endpoint... endpoints) {
    cluster.service("web", 80);
    cluster.slice("web", "web", "IPv4", 8080, endpoints);
  }

  private void create(Mode mode) {
    cluster.create(
        "web",
        new LoadBalancerSpec(
            new Addresses(List.of(VIP)),
            List.of(serviceListener("web", 80)),
            new Forwarding(mode),
            null));
  }

  private void awaitForwarding(ListenerForwarding.Mode mode, String reason, String names) {
    until(
        "the status says " + mode + " " + reason + " " + names,
        () -> {
          List<ListenerForwarding> said = cluster.balancer("web").getStatus().forwarding();
          return said != null
              && said.get(0).listener().equals("l80")
              && said.get(0).mode() == mode
              && said.get(0).reason().equals(reason)
              && said.get(0).message().contains(names);
        });
  }
}
