// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.condition;
import static io.xdplb.controller.TestCluster.endpoint;
import static io.xdplb.controller.TestCluster.staticSpec;
import static io.xdplb.controller.TestCluster.until;
import static io.xdplb.controller.TestCluster.vips;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.LoadBalancerIngress;
import io.fabric8.kubernetes.api.model.LoadBalancerIngressBuilder;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.PortStatus;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.ServiceFluent;
import io.fabric8.kubernetes.api.model.ServicePort;
import io.fabric8.kubernetes.api.model.ServicePortBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.ServiceResource;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend.Part;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Access;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Drain;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Services of type LoadBalancer, followed in both directions of every change. */
class ServicesTest extends OperatorTestCase {

  private static final String VIP = "203.0.113.80";
  private static final String OTHER_VIP = "203.0.113.81";
  private static final String CLASS = "xdplb.io/xdp";
  private static final String ADDRESSES = "xdplb.io/addresses";
  private static final String WEB = "service-web";

  private String node;
  private TestAgent agent;

  ServicesTest(KubernetesApi api) {
    super(api);
  }

  @BeforeEach
  void join() {
    node = cluster.namespace + "-n1";
    cluster.node(node, "198.51.100.201");
    agent = new TestAgent(cluster.client, node);
    agent.followsAll();
  }

  @Test
  void aServiceBecomesALoadBalancerThatItOwnsAndSaysTheAddressWhenItIsProgrammed() {
    create(service("web"));
    LoadBalancer balancer = awaitBalancer(WEB);
    OwnerReference owner = balancer.getMetadata().getOwnerReferences().get(0);
    assertThat(owner.getUid()).isEqualTo(get("web").getMetadata().getUid());
    assertThat(owner.getController()).isTrue();
    assertThat(balancer.getMetadata().getLabels()).containsEntry("xdplb.io/service", "web");
    assertThat(get("web").getMetadata().getFinalizers()).containsExactly(ServiceReader.FINALIZER);
    cluster.awaitTakers(WEB, "10.0.0.1:8080");
    cluster.awaitCondition(WEB, "Programmed", "False", "NodesLagging");
    awaitReady("web", "False", "NodesLagging");
    assertThat(ingress("web")).as("no node has it yet").isEmpty();

    awaitFollowed("the address is said", () -> ingress("web").equals(List.of(VIP)));
    awaitReady("web", "True", "Ready");
    LoadBalancerIngress entry = get("web").getStatus().getLoadBalancer().getIngress().get(0);
    assertThat(entry.getIpMode()).isEqualTo("VIP");
    assertThat(entry.getPorts()).containsExactly(new PortStatus(null, 80, "TCP"));
    until(
        "it is told",
        () ->
            cluster.events("web").containsAll(List.of("Normal AddressPublished", "Normal Ready")));
    assertThat(get("web").getSpec().getLoadBalancerIP()).isNull();
  }

  @Test
  void anAddressThatIsSaidStaysSaidWhileNodesLag() {
    served("web");
    cluster.endpoints("web", endpoint("10.0.0.2"));
    awaitReady("web", "False", "NodesLagging");
    assertThat(ingress("web")).containsExactly(VIP);
  }

  @Test
  void nothingIsWrittenWhenNothingChangesAfterARestartToo() {
    served("web");
    edit("web", s -> s.editMetadata().addToAnnotations(ADDRESSES, VIP).endMetadata());
    Map<String, String> before = versions();
    operator.stop();
    operator.start();
    create(service("later", OTHER_VIP));
    awaitFollowed("later is served", () -> ingress("later").equals(List.of(OTHER_VIP)));
    Map<String, String> after = versions();
    after.keySet().retainAll(before.keySet());
    assertThat(after).isEqualTo(before);
  }

  @Test
  void portsThatComeGoAndAreRenamedAreFollowed() {
    served("web");
    edit("web", s -> s.editSpec().addToPorts(port("dns", "UDP", 53)).endSpec());
    cluster.awaitTable(WEB, t -> vips(t).equals(List.of(VIP + " TCP 80", VIP + " UDP 53")));
    awaitFollowed("it is ready", () -> isReady("web"));
    assertThat(portsOf("web")).containsExactly("TCP 80 null", "UDP 53 null");

    edit(
        "web",
        s ->
            s.editSpec().withPorts(port("http", "TCP", 8080), port("domain", "UDP", 53)).endSpec());
    cluster.awaitTable(
        WEB,
        t ->
            vips(t).equals(List.of(VIP + " TCP 8080", VIP + " UDP 53"))
                && t.getSpec().vips().get(1).listener().equals("domain"));
    awaitFollowed("it is ready", () -> isReady("web"));
    assertThat(portsOf("web")).containsExactly("TCP 8080 null", "UDP 53 null");

    edit("web", s -> s.editSpec().withPorts(port("web", "TCP", 80)).endSpec());
    cluster.awaitTakers(WEB, "10.0.0.1:8080");
    assertThat(cluster.awaitTable(WEB, t -> t.getSpec().vips().size() == 1)).isNotNull();
  }

  @Test
  void otherClassesAndServicesWithoutAClassAreLeftAlone() {
    create(service("foreign", s -> s.withLoadBalancerClass("example.org/other")));
    create(annotated(bare("classless", s -> s.withLoadBalancerClass(null)), ADDRESSES, OTHER_VIP));
    create(
        service(
            "internal",
            s ->
                s.withLoadBalancerClass(null)
                    .withAllocateLoadBalancerNodePorts(null)
                    .withType("ClusterIP")));
    served("web");
    for (String name : List.of("foreign", "classless", "internal")) {
      assertThat(cluster.balancer("service-" + name)).as(name).isNull();
      assertThat(get(name).getMetadata().getManagedFields())
          .as(name)
          .noneMatch(f -> f.getManager().equals(OperatorRuntime.FIELD_MANAGER));
    }
    operator.restart(settings -> settings.withDefaultForServices(true));
    try {
      awaitBalancer("service-classless");
      awaitFollowed("it is served", () -> ingress("classless").equals(List.of(OTHER_VIP)));
      assertThat(cluster.balancer("service-foreign")).isNull();
    } finally {
      operator.restart(settings -> settings);
    }
    awaitFollowed("not default any more", () -> cluster.balancer("service-classless") == null);
    assertThat(get("classless").getMetadata().getFinalizers()).isEmpty();
    assertThat(get("classless").getStatus().getConditions()).isEmpty();
  }

  @Test
  void aServiceThatIsConvertedLosesWhatItHadAndGetsItBack() {
    served("web");
    edit("web", s -> s.editSpec().withType("ClusterIP").withLoadBalancerClass(null).endSpec());
    awaitFollowed("the LoadBalancer is gone", () -> cluster.balancer(WEB) == null);
    until("so is the table", () -> cluster.tables().isEmpty());
    assertThat(ingress("web")).isEmpty();
    assertThat(get("web").getStatus().getConditions()).isEmpty();
    assertThat(get("web").getMetadata().getFinalizers()).isEmpty();
    until("it is told", () -> cluster.events("web").contains("Normal Released"));

    edit("web", s -> s.editSpec().withType("LoadBalancer").withLoadBalancerClass(CLASS).endSpec());
    awaitFollowed("it is served again", () -> ingress("web").equals(List.of(VIP)));

    edit("web", s -> s.editSpec().withType("ClusterIP").withLoadBalancerClass(null).endSpec());
    edit(
        "web",
        s ->
            s.editSpec()
                .withType("LoadBalancer")
                .withLoadBalancerClass("example.org/other")
                .endSpec());
    awaitFollowed("another class has it", () -> cluster.balancer(WEB) == null);
    assertThat(get("web").getMetadata().getFinalizers()).isEmpty();
  }

  @Test
  void aDeletedServiceWaitsUntilNoNodeHasItsAddress() {
    served("web");
    List<ForwardingTable> held = cluster.tables();
    create(service("zone"));
    cluster.awaitCondition("service-zone", "Accepted", "False", "AddressInUse");
    resource("web").delete();
    cluster.awaitCondition(WEB, "Programmed", "False", "Withdrawing");
    until("the table is gone", () -> cluster.tableResource(WEB).get() == null);
    agent.holds(held);
    cluster.awaitCondition(WEB, "Programmed", "False", "Withdrawing");
    assertThat(get("web").getMetadata().getFinalizers()).containsExactly(ServiceReader.FINALIZER);
    assertThat(cluster.tableResource("service-zone").get()).as("nobody else has it").isNull();

    agent.followsAll();
    until("the Service is gone", () -> get("web") == null);
    until("so is its LoadBalancer", () -> cluster.balancer(WEB) == null);
    awaitFollowed("the next one has the address", () -> ingress("zone").equals(List.of(VIP)));
  }

  @Test
  void aLoadBalancerThatIsDeletedHoldsItsAddressUntilNoNodeHasIt() {
    cluster.create("first", staticSpec(VIP, 80, "198.51.100.1"));
    awaitFollowed(
        "it is ready",
        () ->
            condition(cluster.balancer("first"), "Ready")
                .filter(c -> c.getStatus().equals("True"))
                .isPresent());
    List<ForwardingTable> held = cluster.tables();
    cluster.create("second", staticSpec(VIP, 80, "198.51.100.2"));
    cluster.awaitCondition("second", "Accepted", "False", "AddressInUse");
    cluster.delete("first");
    until("the table is gone", () -> cluster.tableResource("first").get() == null);
    agent.holds(held);
    cluster.create("sentinel", staticSpec(OTHER_VIP, 80, "198.51.100.2"));
    cluster.awaitTable("sentinel", t -> true);
    assertThat(cluster.tableResource("second").get()).isNull();
    agent.holds(List.of());
    cluster.awaitTakers("second", "198.51.100.2:8080");
  }

  @Test
  void aNodeThatIsGoneForGoodIsNotWaitedFor() {
    served("web");
    resource("web").delete();
    cluster.awaitCondition(WEB, "Programmed", "False", "Withdrawing");
    cluster.client.nodes().withName(node).delete();
    until("the Service is gone", () -> get("web") == null);
  }

  @Test
  void aNodeThatDoesNotFollowIsWaitedForNoLongerThanPatienceLasts() {
    operator.restart(settings -> settings.withPatience(Duration.ofMillis(500)));
    try {
      served("web");
      resource("web").delete();
      until("the Service is gone", () -> get("web") == null);
      until("so is its LoadBalancer", () -> cluster.balancer(WEB) == null);
    } finally {
      operator.restart(settings -> settings);
    }
  }

  @Test
  void aServiceThatWasDeletedOrConvertedWhileTheOperatorWasAwayIsLetGo() {
    served("web");
    create(service("api", OTHER_VIP));
    awaitFollowed("api is served", () -> ingress("api").equals(List.of(OTHER_VIP)));
    operator.stop();
    try {
      resource("web").delete();
      edit("api", s -> s.editSpec().withType("ClusterIP").withLoadBalancerClass(null).endSpec());
    } finally {
      operator.start();
    }
    awaitFollowed("web is gone", () -> get("web") == null);
    awaitFollowed("api is let go", () -> get("api").getMetadata().getFinalizers().isEmpty());
    until("no LoadBalancer is left", () -> cluster.balancers().isEmpty());
  }

  @Test
  void aServiceOfTheSameNameTakesOverAtOnceWhateverBecameOfTheFirst() {
    served("web");
    String first = get("web").getMetadata().getUid();
    resource("web").delete();
    awaitFollowed("it is gone", () -> get("web") == null);
    create(service("web"));
    awaitFollowed("the second is served", () -> ingress("web").equals(List.of(VIP)));

    // Somebody takes the finalizer away: the LoadBalancer of the second is left behind.
    edit("web", s -> s.editMetadata().withFinalizers(List.of()).endMetadata());
    until(
        "it is back",
        () -> get("web").getMetadata().getFinalizers().contains(ServiceReader.FINALIZER));
    operator.stop();
    try {
      edit("web", s -> s.editMetadata().withFinalizers(List.of()).endMetadata());
      resource("web").delete();
      until("it is gone", () -> get("web") == null);
      create(service("web"));
    } finally {
      operator.start();
    }
    String third = get("web").getMetadata().getUid();
    assertThat(third).isNotEqualTo(first);
    until("the third owns it", () -> owner(cluster.balancer(WEB)).equals(third));
    awaitFollowed("the third is served", () -> ingress("web").equals(List.of(VIP)));

    operator.stop();
    try {
      edit("web", s -> s.editMetadata().withFinalizers(List.of()).endMetadata());
      resource("web").delete();
      until("it is gone", () -> get("web") == null);
    } finally {
      operator.start();
    }
    awaitFollowed("what it left is gone", () -> cluster.balancer(WEB) == null);
  }

  @Test
  void aLoadBalancerOfAUserWithTheNameIsLeftAsItIs() {
    LoadBalancer own = cluster.create(WEB, staticSpec(OTHER_VIP, 80, "198.51.100.1"));
    cluster.awaitTakers(WEB, "198.51.100.1:8080");
    create(service("web"));
    awaitReady("web", "False", "NameTaken");
    until("it is told", () -> cluster.events("web").contains("Warning NameTaken"));
    assertThat(cluster.balancer(WEB).getSpec()).isEqualTo(own.getSpec());
    assertThat(cluster.balancer(WEB).getMetadata().getOwnerReferences()).isEmpty();
    resource("web").delete();
    until("the Service goes", () -> get("web") == null);
    assertThat(cluster.balancer(WEB).getMetadata().getUid()).isEqualTo(own.getMetadata().getUid());
    assertThat(cluster.balancer(WEB).isMarkedForDeletion()).isFalse();

    create(service("web"));
    awaitReady("web", "False", "NameTaken");
    cluster.delete(WEB);
    awaitFollowed("the name is free", () -> ingress("web").equals(List.of(VIP)));
  }

  @Test
  void whatSomebodyElseChangesIsMended() {
    served("web");
    cluster.edit(WEB, staticSpec(OTHER_VIP, 81, "198.51.100.1"));
    awaitFollowed(
        "the spec is back",
        () -> cluster.balancer(WEB).getSpec().listeners().get(0).port() == 80 && isReady("web"));
    cluster.delete(WEB);
    awaitFollowed(
        "the LoadBalancer is back", () -> cluster.balancer(WEB) != null && isReady("web"));
    retried(
        "the status is overwritten",
        () ->
            resource("web")
                .editStatus(
                    s ->
                        new ServiceBuilder(s)
                            .editStatus()
                            .editLoadBalancer()
                            .withIngress(
                                new LoadBalancerIngressBuilder().withIp("192.0.2.1").build())
                            .endLoadBalancer()
                            .endStatus()
                            .build()));
    awaitFollowed("the status is back", () -> ingress("web").equals(List.of(VIP)));
  }

  @Test
  void fieldsReachTheTable() {
    create(
        service(
            "web",
            s ->
                s.withLoadBalancerSourceRanges("198.51.100.0/24")
                    .withExternalTrafficPolicy("Local")
                    .withSessionAffinity("ClientIP")
                    .withNewSessionAffinityConfig()
                    .withNewClientIP(60)
                    .endSessionAffinityConfig()));
    cluster.endpoints("web", TestCluster.endpointOn(node, "10.0.0.1"));
    ForwardingTable table =
        cluster.awaitTable(WEB, t -> !t.getSpec().vips().get(0).backends().isEmpty());
    assertThat(table.getSpec().sourceRanges()).containsExactly("198.51.100.0/24");
    assertThat(table.getSpec().vips().get(0).affinitySeconds()).isEqualTo(60);
    assertThat(table.getSpec().vips().get(0).backends().get(0).parts())
        .containsExactly(new Part(Part.Place.Node, node, 1));
    edit(
        "web",
        s ->
            s.editSpec()
                .withLoadBalancerSourceRanges(List.of())
                .withExternalTrafficPolicy("Cluster")
                .withSessionAffinity("None")
                .withSessionAffinityConfig(null)
                .endSpec());
    table = cluster.awaitTable(WEB, t -> t.getSpec().sourceRanges() == null);
    assertThat(table.getSpec().vips().get(0).affinitySeconds()).isNull();
    assertThat(table.getSpec().vips().get(0).backends().get(0).parts()).isNull();
  }

  @Test
  void aPortThatCannotBeServedIsSaidAndTheOthersAre() {
    create(service("web", s -> s.withPorts(port("web", "TCP", 80), port("sig", "SCTP", 3868))));
    awaitFollowed("it is served", () -> ingress("web").equals(List.of(VIP)));
    assertThat(portsOf("web"))
        .containsExactly("TCP 80 null", "SCTP 3868 xdplb.io/UnsupportedProtocol");
    assertThat(message("web", "LoadBalancerPortsError")).contains("SCTP port 3868");
    until("told", () -> cluster.events("web").contains("Warning UnsupportedProtocol"));
    edit("web", s -> s.editSpec().withPorts(port("web", "TCP", 80)).endSpec());
    until(
        "it is well",
        () ->
            ServiceStatusComposer.condition(get("web").getStatus(), "LoadBalancerPortsError")
                .isEmpty());
  }

  @Test
  void aPortThatAnOlderLoadBalancerHasIsSaidAndTheOthersAreServed() {
    cluster.create("older", staticSpec(VIP, 81, "198.51.100.1"));
    cluster.awaitTakers("older", "198.51.100.1:8080");
    create(service("web", s -> s.withPorts(port("web", "TCP", 80), port("alt", "TCP", 81))));
    awaitFollowed("it is served", () -> ingress("web").equals(List.of(VIP)));
    assertThat(portsOf("web")).containsExactly("TCP 80 null", "TCP 81 xdplb.io/AddressInUse");
    awaitReady("web", "False", "AddressInUse");
  }

  @Test
  void whatCannotBeFollowedIsToldAndWhatWasInForceStays() {
    served("web");
    edit("web", s -> s.editMetadata().addToAnnotations(ADDRESSES, "nonsense").endMetadata());
    awaitReady("web", "False", "InvalidAddress");
    until("it is told", () -> cluster.events("web").contains("Warning InvalidAddress"));
    assertThat(ingress("web")).containsExactly(VIP);
    assertThat(cluster.balancer(WEB).getSpec().addresses().requested()).containsExactly(VIP);
    edit(
        "web",
        s ->
            s.editMetadata()
                .removeFromAnnotations(ADDRESSES)
                .endMetadata()
                .editSpec()
                .withLoadBalancerIP(OTHER_VIP)
                .endSpec());
    awaitFollowed("it moves", () -> ingress("web").equals(List.of(OTHER_VIP)));
    until("it is told", () -> cluster.events("web").contains("Warning DeprecatedField"));
    edit(
        "web",
        s -> s.editMetadata().addToAnnotations("metallb.io/loadBalancerIPs", VIP).endMetadata());
    awaitFollowed("it moves back", () -> ingress("web").equals(List.of(VIP)));
  }

  @Test
  void settingsAreFollowedToo() {
    create(annotated(service("web"), "xdplb.io/settings", "edge"));
    awaitReady("web", "False", "SettingsNotFound");
    assertThat(cluster.balancer(WEB)).isNull();
    cluster.create("edge", template(Forwarding.Mode.NAT, "1m"));
    cluster.awaitCondition("edge", "Ready", "True", "Template");
    awaitFollowed("it is served", () -> ingress("web").equals(List.of(VIP)));
    assertThat(cluster.balancer(WEB).getSpec().forwarding().mode()).isEqualTo(Forwarding.Mode.NAT);
    assertThat(cluster.tableResource("edge").get()).as("of the template").isNull();
    cluster.edit("edge", template(Forwarding.Mode.Auto, "2m"));
    until(
        "the change arrives",
        () -> cluster.balancer(WEB).getSpec().drain().gracePeriod().equals("2m"));
    cluster.delete("edge");
    awaitReady("web", "False", "SettingsNotFound");
    assertThat(cluster.balancer(WEB).getSpec().access().sourceRanges())
        .as("stays closed")
        .containsExactly("198.51.100.0/24");
    assertThat(ingress("web")).containsExactly(VIP);
  }

  @Test
  void aLoadBalancerThatBecomesATemplateGivesItsAddressAway() {
    cluster.create("edge", staticSpec(VIP, 80, "198.51.100.1"));
    cluster.awaitTakers("edge", "198.51.100.1:8080");
    cluster.create("zone", staticSpec(VIP, 80, "198.51.100.2"));
    cluster.awaitCondition("zone", "Accepted", "False", "AddressInUse");
    cluster.edit("edge", template(Forwarding.Mode.NAT, "1m"));
    until("it has no table", () -> cluster.tableResource("edge").get() == null);
    cluster.awaitTakers("zone", "198.51.100.2:8080");
  }

  @Test
  void addressesComeFromAPoolAndGoBackToIt() {
    AddressPool pool =
        cluster
            .client
            .getKubernetesSerialization()
            .unmarshal(
                """
                apiVersion: xdplb.io/v1alpha1
                kind: AddressPool
                metadata: {name: %s}
                spec:
                  blocks: [{cidr: 203.0.117.0/32}]
                  releaseHold: 0s
                  autoAssign: false
                """
                    .formatted(cluster.namespace),
                AddressPool.class);
    cluster.client.resource(pool).create();
    try {
      create(annotated(bare("web", s -> s), "xdplb.io/pool", cluster.namespace));
      awaitFollowed("it is served", () -> ingress("web").equals(List.of("203.0.117.0")));
      create(annotated(bare("zone", s -> s), "xdplb.io/pool", cluster.namespace));
      awaitReady("zone", "False", "PoolExhausted");
      resource("web").delete();
      awaitFollowed("the next has it", () -> ingress("zone").equals(List.of("203.0.117.0")));
      assertThat(get("web")).isNull();
    } finally {
      cluster.client.resource(pool).delete();
    }
  }

  @Test
  void aHundredServicesAreServed() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      String name = "web" + i;
      names.add(name);
      cluster
          .client
          .resource(
              annotated(bare(name, s -> s), ADDRESSES, "203.0." + (114 + i / 50) + "." + i % 50))
          .create();
    }
    awaitFollowed(
        "all have their addresses",
        () -> names.stream().allMatch(name -> ingress(name).size() == 1));
    names.forEach(name -> resource(name).delete());
    awaitFollowed(
        "all are gone",
        () -> cluster.client.services().inNamespace(cluster.namespace).list().getItems().isEmpty());
    until("and their LoadBalancers", () -> cluster.balancers().isEmpty());
  }

  // As a user.

  private void served(String name) {
    create(service(name));
    awaitFollowed(name + " is served", () -> ingress(name).equals(List.of(VIP)) && isReady(name));
  }

  private void create(Service service) {
    cluster.client.resource(service).create();
    String name = service.getMetadata().getName();
    if (cluster
            .client
            .discovery()
            .v1()
            .endpointSlices()
            .inNamespace(cluster.namespace)
            .withName(name)
            .get()
        == null) {
      cluster.slice(name, name, "IPv4", 8080, endpoint("10.0.0.1"));
    }
  }

  private Service service(String name) {
    return service(name, VIP);
  }

  private Service service(String name, String address) {
    return annotated(bare(name, s -> s), ADDRESSES, address);
  }

  private Service service(
      String name, UnaryOperator<ServiceFluent<ServiceBuilder>.SpecNested<ServiceBuilder>> change) {
    return annotated(bare(name, change), ADDRESSES, VIP);
  }

  private static Service annotated(Service service, String key, String value) {
    return new ServiceBuilder(service)
        .editMetadata()
        .addToAnnotations(key, value)
        .endMetadata()
        .build();
  }

  private Service bare(
      String name, UnaryOperator<ServiceFluent<ServiceBuilder>.SpecNested<ServiceBuilder>> change) {
    return change
        .apply(
            new ServiceBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(cluster.namespace)
                .endMetadata()
                .withNewSpec()
                .withType("LoadBalancer")
                .withLoadBalancerClass(CLASS)
                .withAllocateLoadBalancerNodePorts(false)
                .withPorts(port("web", "TCP", 80)))
        .endSpec()
        .build();
  }

  private static ServicePort port(String name, String protocol, int port) {
    return new ServicePortBuilder().withName(name).withProtocol(protocol).withPort(port).build();
  }

  private static LoadBalancerSpec template(Forwarding.Mode mode, String gracePeriod) {
    return new LoadBalancerSpec(
        null,
        null,
        new Forwarding(mode),
        new Drain(gracePeriod),
        new Access(List.of("198.51.100.0/24")),
        null,
        null,
        true,
        null);
  }

  /** As kubectl edit does, and again when somebody has written in between. */
  private void edit(String name, UnaryOperator<ServiceBuilder> change) {
    retried(
        name + " is edited",
        () -> resource(name).edit(s -> change.apply(new ServiceBuilder(s)).build()));
  }

  private static void retried(String what, Runnable edit) {
    until(
        what,
        () -> {
          try {
            edit.run();
            return true;
          } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
              return false;
            }
            throw e;
          }
        });
  }

  // What is there.

  private ServiceResource<Service> resource(String name) {
    return cluster.client.services().inNamespace(cluster.namespace).withName(name);
  }

  private Service get(String name) {
    return resource(name).get();
  }

  private List<String> ingress(String name) {
    return ServiceStatusComposer.ingress(get(name)).stream()
        .map(LoadBalancerIngress::getIp)
        .toList();
  }

  private List<String> portsOf(String name) {
    return get(name).getStatus().getLoadBalancer().getIngress().get(0).getPorts().stream()
        .map(p -> p.getProtocol() + " " + p.getPort() + " " + p.getError())
        .toList();
  }

  private boolean isReady(String name) {
    return ServiceStatusComposer.condition(get(name).getStatus(), ServiceStatusComposer.READY)
        .filter(c -> c.getStatus().equals("True"))
        .isPresent();
  }

  private String message(String name, String type) {
    return ServiceStatusComposer.condition(get(name).getStatus(), type).orElseThrow().getMessage();
  }

  private static String owner(LoadBalancer balancer) {
    return balancer.getMetadata().getOwnerReferences().get(0).getUid();
  }

  private Map<String, String> versions() {
    Map<String, String> versions = new TreeMap<>();
    Consumer<io.fabric8.kubernetes.api.model.HasMetadata> add =
        object ->
            versions.put(
                object.getKind() + " " + object.getMetadata().getName(),
                object.getMetadata().getResourceVersion());
    cluster.balancers().forEach(add);
    cluster.tables().forEach(add);
    cluster.client.services().inNamespace(cluster.namespace).list().getItems().forEach(add);
    return versions;
  }

  // What is waited for.

  private LoadBalancer awaitBalancer(String name) {
    until(name + " is there", () -> cluster.balancer(name) != null);
    return cluster.balancer(name);
  }

  private void awaitReady(String name, String status, String reason) {
    until(
        "%s: %s=%s %s".formatted(name, ServiceStatusComposer.READY, status, reason),
        () ->
            ServiceStatusComposer.condition(get(name).getStatus(), ServiceStatusComposer.READY)
                .filter(c -> c.getStatus().equals(status) && c.getReason().equals(reason))
                .isPresent());
  }

  /** Waits, while the agent follows. */
  private void awaitFollowed(String what, Callable<Boolean> condition) {
    until(
        what,
        () -> {
          agent.followsAll();
          return condition.call();
        });
  }
}
