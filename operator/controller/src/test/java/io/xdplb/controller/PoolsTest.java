// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.condition;
import static io.xdplb.controller.TestCluster.message;
import static io.xdplb.controller.TestCluster.spec;
import static io.xdplb.controller.TestCluster.staticListener;
import static io.xdplb.controller.TestCluster.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AddressPoolSpec;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Block;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Tenancy;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.PoolRef;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.api.v1alpha1.LoadBalancerStatus.PooledAddress;
import io.xdplb.api.v1alpha1.Selector;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Addresses from pools, on a real API server. */
class PoolsTest extends OperatorTestCase {

  private final List<String> pools = new ArrayList<>();

  PoolsTest(KubernetesApi api) {
    super(api);
  }

  @AfterEach
  void removePools() {
    pools.forEach(name -> pool(name).delete());
    pools.clear();
  }

  @Test
  void oneThatAsksForNothingGetsAnAddressAndATableWithIt() {
    createPool("public", "203.0.113.32/28", "2001:db8::/120");
    cluster.create("web", asking(null));
    LoadBalancer web = cluster.awaitCondition("web", "AddressAllocated", "True", "Allocated");
    cluster.awaitTable("web", table -> addresses(table).equals(Set.of("203.0.113.32")));
    assertThat(web.getStatus().addresses()).containsExactly("203.0.113.32");
    assertThat(web.getStatus().pools())
        .containsExactly(new PooledAddress("203.0.113.32", "public"));
    cluster.create(
        "both", asking(new Addresses(null, null, IpFamilyPolicy.RequireDualStack, null, null)));
    cluster.awaitTable(
        "both", table -> addresses(table).equals(Set.of("203.0.113.33", "2001:db8::")));
    awaitPool(
        "public",
        "counts",
        pool ->
            pool.getStatus().ipv4().allocated() == 2
                && pool.getStatus().ipv4().capacity() == 16
                && pool.getStatus().ipv6().allocated() == 1
                && pool.getStatus().ipv6().capacity() == 256);
    awaitReady("public", "True", "Ready");
  }

  @Test
  void withoutAPoolItWaitsAndThePoolServesIt() {
    cluster.create("early", asking(null));
    LoadBalancer early =
        cluster.awaitCondition("early", "AddressAllocated", "False", "PoolNotFound");
    assertThat(condition(early, "Reconciling")).isPresent();
    assertThat(condition(early, "Ready").orElseThrow().getReason()).isEqualTo("PoolNotFound");
    assertThat(cluster.tableResource("early").get()).isNull();
    until("an Event says so", () -> cluster.events("early").contains("Warning PoolNotFound"));
    createPool("late", "203.0.113.48/30");
    cluster.awaitTable("early", table -> addresses(table).equals(Set.of("203.0.113.48")));
    cluster.awaitCondition("early", "AddressAllocated", "True", "Allocated");
    until("an Event says so", () -> cluster.events("early").contains("Normal Allocated"));
  }

  @Test
  void aFullPoolSaysSoAndServesWhenSomebodyGoes() {
    createPool("small", "203.0.113.52/32");
    cluster.create("a", asking(null));
    cluster.awaitCondition("a", "AddressAllocated", "True", "Allocated");
    cluster.create("b", asking(null));
    LoadBalancer b = cluster.awaitCondition("b", "AddressAllocated", "False", "PoolExhausted");
    assertThat(message(b, "AddressAllocated")).contains("Pool small has no free IPv4 address");
    assertThat(condition(b, "Stalled")).isPresent();
    cluster.delete("a");
    cluster.awaitTable("b", table -> addresses(table).equals(Set.of("203.0.113.52")));
  }

  @Test
  void anAddressGoesToNobodyWhileANodeHasIt() {
    createPool("small", "203.0.113.56/32");
    TestAgent agent = new TestAgent(cluster.client, "node-pool");
    cluster.create("a", asking(null));
    ForwardingTable table = cluster.awaitTable("a", t -> !addresses(t).isEmpty());
    agent.followsAll();
    cluster.awaitCondition("a", "Programmed", "True", "Programmed");
    cluster.create("b", asking(null));
    cluster.awaitCondition("b", "AddressAllocated", "False", "PoolExhausted");
    cluster.delete("a");
    until("the table is gone", () -> cluster.tableResource("a").get() == null);
    // The node says that it still has it, by another report of the same.
    agent.holds(List.of(table));
    cluster.create("c", asking(requested("203.0.113.56")));
    LoadBalancer c = cluster.awaitCondition("c", "AddressAllocated", "False", "AddressInUse");
    assertThat(message(c, "AddressAllocated")).contains("/a's", "until no node has it");
    agent.followsAll();
    cluster.awaitTable("b", t -> addresses(t).equals(Set.of("203.0.113.56")));
  }

  @Test
  void aNodeThatIsGoneForGoodDoesNotKeepAnAddress() {
    createPool("small", "203.0.113.60/32");
    TestAgent agent = new TestAgent(cluster.client, "node-dead");
    cluster.create("a", asking(null));
    cluster.awaitTable("a", t -> !addresses(t).isEmpty());
    agent.followsAll();
    cluster.create("b", asking(null));
    cluster.awaitCondition("b", "AddressAllocated", "False", "PoolExhausted");
    cluster.delete("a");
    until("the table is gone", () -> cluster.tableResource("a").get() == null);
    agent.leaves();
    cluster.awaitTable("b", t -> addresses(t).equals(Set.of("203.0.113.60")));
  }

  @Test
  void aRestartGivesEveryoneWhatItsStatusSays() {
    createPool("public", "203.0.113.64/28");
    for (String name : List.of("c", "a", "b")) {
      cluster.create(name, asking(null));
      cluster.awaitCondition(name, "AddressAllocated", "True", "Allocated");
    }
    Map<String, List<String>> before = allocated();
    operator.stop();
    cluster.delete("a");
    cluster.create("0-first-by-name", asking(null));
    operator.start();
    cluster.awaitCondition("0-first-by-name", "AddressAllocated", "True", "Allocated");
    Map<String, List<String>> after = allocated();
    assertThat(after.get("b")).isEqualTo(before.get("b"));
    assertThat(after.get("c")).isEqualTo(before.get("c"));
    nobodySharesAnAddress();
  }

  @Test
  void ofTwoStatusesWithTheSameAddressTheOlderOneStays() {
    createPool("public", "203.0.113.80/28");
    operator.stop();
    LoadBalancer older = cluster.create("a-older", asking(null));
    LoadBalancer younger = cluster.create("b-younger", asking(null));
    // As two operators write them that do not know of each other.
    writeStatus(older, "203.0.113.85");
    writeStatus(younger, "203.0.113.85");
    operator.start();
    cluster.awaitTable("a-older", t -> addresses(t).equals(Set.of("203.0.113.85")));
    cluster.awaitTable("b-younger", t -> addresses(t).equals(Set.of("203.0.113.80")));
  }

  @Test
  void whatAnotherOperatorHasWrittenMeanwhileCounts() {
    createPool("public", "203.0.113.96/28");
    LoadBalancer older = cluster.create("a-older", asking(null));
    cluster.awaitTable("a-older", t -> addresses(t).equals(Set.of("203.0.113.96")));
    cluster.create("b-younger", asking(null));
    cluster.awaitTable("b-younger", t -> addresses(t).equals(Set.of("203.0.113.97")));
    writeStatus(older, "203.0.113.97");
    cluster.awaitTable("b-younger", t -> !addresses(t).contains("203.0.113.97"));
    until(
        "nobody has an address twice",
        () -> {
          Set<String> all = new HashSet<>();
          return allocated().values().stream().flatMap(List::stream).allMatch(all::add)
              && all.size() == 2;
        });
  }

  @Test
  void aShrunkPoolKeepsALiveAddressAndSaysSo() {
    createPool("shrinks", "203.0.113.112/28");
    cluster.create("web", asking(null));
    cluster.awaitTable("web", t -> addresses(t).equals(Set.of("203.0.113.112")));
    editPool("shrinks", new AddressPoolSpec(List.of(Block.of("203.0.113.120/29"))));
    AddressPool pool = awaitReady("shrinks", "False", "InUse");
    assertThat(Conditions.of(pool.getStatus().conditions(), "Ready").orElseThrow().getMessage())
        .contains("203.0.113.112");
    cluster.edit("web", asking(null, 81));
    cluster.awaitTable("web", t -> TestCluster.vips(t).equals(List.of("203.0.113.112 TCP 81")));
    cluster.create("next", asking(null));
    cluster.awaitTable("next", t -> addresses(t).equals(Set.of("203.0.113.120")));
    cluster.delete("web");
    awaitReady("shrinks", "True", "Ready");
  }

  @Test
  void aDeletedPoolLeavesItsAddressesAlone() {
    createPool("goes", "203.0.113.128/28");
    cluster.create("web", asking(new Addresses(new PoolRef("goes"), null, null, null, null)));
    cluster.awaitTable("web", t -> addresses(t).equals(Set.of("203.0.113.128")));
    pool("goes").delete();
    cluster.create("late", asking(new Addresses(new PoolRef("goes"), null, null, null, null)));
    cluster.awaitCondition("late", "AddressAllocated", "False", "PoolNotFound");
    cluster.edit("web", asking(new Addresses(new PoolRef("goes"), null, null, null, null), 82));
    cluster.awaitTable("web", t -> TestCluster.vips(t).equals(List.of("203.0.113.128 TCP 82")));
  }

  @Test
  void aPoolHasAStatusBeforeThereIsAnyLoadBalancer() {
    operator.stop();
    createPool("lonely", "203.0.113.224/28");
    operator.start();
    awaitPool("lonely", "counts", pool -> pool.getStatus().ipv4().capacity() == 16);
    awaitReady("lonely", "True", "Ready");
  }

  @Test
  void anAddressThatIsGivenUpIsHeldForAsLongAsThePoolSays() {
    createPool(
        "holding",
        new AddressPoolSpec(
            List.of(Block.of("203.0.113.240/32")), null, null, null, null, "2s", null));
    cluster.create("a", asking(null));
    cluster.awaitCondition("a", "AddressAllocated", "True", "Allocated");
    cluster.create("b", asking(null));
    cluster.awaitCondition("b", "AddressAllocated", "False", "PoolExhausted");
    cluster.delete("a");
    long deleted = System.nanoTime();
    cluster.awaitTable("b", t -> addresses(t).equals(Set.of("203.0.113.240")));
    assertThat((System.nanoTime() - deleted) / 1_000_000).as("milliseconds").isGreaterThan(1900);
  }

  @Test
  void anotherNamedPoolMovesTheAddressAndReleasesTheOldOneWhenNodesHaveFollowed() {
    createPool("from", "203.0.113.241/32");
    createPool("to", "203.0.113.242/32");
    TestAgent agent = new TestAgent(cluster.client, "node-move");
    cluster.create("web", asking(new Addresses(new PoolRef("from"), null, null, null, null)));
    cluster.awaitTable("web", t -> addresses(t).equals(Set.of("203.0.113.241")));
    agent.followsAll();
    cluster.awaitCondition("web", "Programmed", "True", "Programmed");
    cluster.create("next", asking(new Addresses(new PoolRef("from"), null, null, null, null)));
    cluster.awaitCondition("next", "AddressAllocated", "False", "PoolExhausted");
    cluster.edit("web", asking(new Addresses(new PoolRef("to"), null, null, null, null)));
    cluster.awaitTable("web", t -> addresses(t).equals(Set.of("203.0.113.242")));
    assertThat(cluster.tableResource("next").get()).as("the node has it still").isNull();
    agent.followsAll();
    cluster.awaitTable("next", t -> addresses(t).equals(Set.of("203.0.113.241")));
  }

  @Test
  void poolsThatOverlapSayItBoth() {
    createPool("one", "203.0.113.144/28");
    createPool("two", "203.0.113.152/29");
    awaitReady("one", "False", "Overlap");
    awaitReady("two", "False", "Overlap");
    until("an Event says so", () -> events("two").contains("Warning Overlap"));
    editPool("two", new AddressPoolSpec(List.of(Block.of("198.51.100.0/28"))));
    awaitReady("one", "True", "Ready");
    awaitReady("two", "True", "Ready");
  }

  @Test
  void aPoolThatNoServerCouldCheckIsRefusedByTheOperator() {
    createPool("bad", new AddressPoolSpec(List.of(Block.of("203.0.113.9", "203.0.113.1"))));
    awaitPool(
        "bad",
        "refused",
        p ->
            Conditions.of(p.getStatus().conditions(), "Accepted")
                .filter(c -> c.getReason().equals("InvalidSpec"))
                .filter(c -> c.getMessage().contains("write the lower address"))
                .isPresent());
    awaitReady("bad", "False", "InvalidSpec");
  }

  @Test
  void labelsOfANamespaceLetItIn() {
    createPool(
        "tenants",
        new AddressPoolSpec(
            List.of(Block.of("203.0.113.160/28")),
            null,
            null,
            null,
            null,
            null,
            new Tenancy(new Selector(Map.of("team", "edge"), null), null, 1)));
    cluster.create("web", asking(new Addresses(new PoolRef("tenants"), null, null, null, null)));
    cluster.awaitCondition("web", "AddressAllocated", "False", "RefNotPermitted");
    cluster
        .client
        .namespaces()
        .withName(cluster.namespace)
        .edit(
            n ->
                new NamespaceBuilder(n)
                    .editMetadata()
                    .addToLabels("team", "edge")
                    .endMetadata()
                    .build());
    cluster.awaitTable("web", t -> addresses(t).equals(Set.of("203.0.113.160")));
    cluster.create("more", asking(null));
    cluster.awaitCondition("more", "AddressAllocated", "False", "QuotaExceeded");
  }

  @Test
  void oneKeyOneAddressManyPorts() {
    createPool("public", "203.0.113.176/28");
    Addresses shared = new Addresses(null, null, null, null, "dns");
    cluster.create("a", asking(shared, 53));
    cluster.create("b", asking(shared, 853));
    cluster.awaitTable("a", t -> TestCluster.vips(t).equals(List.of("203.0.113.176 TCP 53")));
    cluster.awaitTable("b", t -> TestCluster.vips(t).equals(List.of("203.0.113.176 TCP 853")));
  }

  @Test
  void hundredsAtOnceGetAnAddressEach() {
    createPool("many", "198.51.100.0/24");
    for (int i = 0; i < 120; i++) {
      cluster.create("lb" + i, asking(null));
    }
    until("all have tables", () -> cluster.tables().size() == 120);
    nobodySharesAnAddress();
    awaitPool("many", "counts", pool -> pool.getStatus().ipv4().allocated() == 120);
  }

  private List<String> events(String pool) {
    return cluster.client.events().v1().events().inNamespace("default").list().getItems().stream()
        .filter(event -> event.getRegarding().getName().equals(pool))
        .map(event -> event.getType() + " " + event.getReason())
        .toList();
  }

  private void nobodySharesAnAddress() {
    Set<String> all = new HashSet<>();
    for (LoadBalancer balancer : cluster.balancers()) {
      for (String address : balancer.getStatus().addresses()) {
        assertThat(all.add(address)).as("%s once", address).isTrue();
      }
    }
  }

  private Map<String, List<String>> allocated() {
    return cluster.balancers().stream()
        .filter(b -> b.getStatus() != null && b.getStatus().addresses() != null)
        .collect(Collectors.toMap(b -> b.getMetadata().getName(), b -> b.getStatus().addresses()));
  }

  private void writeStatus(LoadBalancer balancer, String address) {
    until(
        "the status is written",
        () -> {
          LoadBalancer now = cluster.balancer(balancer.getMetadata().getName());
          LoadBalancerStatus before = now.getStatus();
          now.setStatus(
              new LoadBalancerStatus(
                  before == null ? -1L : before.observedGeneration(),
                  List.of(address),
                  List.of(new PooledAddress(address, "public")),
                  before == null ? null : before.conditions(),
                  null,
                  null,
                  null,
                  null));
          try {
            cluster.client.resource(now).updateStatus();
            return true;
          } catch (io.fabric8.kubernetes.client.KubernetesClientException e) {
            return false;
          }
        });
  }

  private static Set<String> addresses(ForwardingTable table) {
    return table.getSpec().vips().stream().map(vip -> vip.address()).collect(Collectors.toSet());
  }

  private static Addresses requested(String address) {
    return new Addresses(List.of(address));
  }

  private static LoadBalancerSpec asking(Addresses addresses) {
    return asking(addresses, 80);
  }

  private static LoadBalancerSpec asking(Addresses addresses, int port) {
    LoadBalancerSpec some = spec(List.of(), staticListener(port, "10.0.0.1"));
    return new LoadBalancerSpec(addresses, some.listeners(), null, null);
  }

  private void createPool(String name, String... cidrs) {
    createPool(name, new AddressPoolSpec(java.util.Arrays.stream(cidrs).map(Block::of).toList()));
  }

  private void createPool(String name, AddressPoolSpec spec) {
    AddressPool pool = new AddressPool();
    pool.setMetadata(new ObjectMetaBuilder().withName(name).build());
    pool.setSpec(spec);
    cluster.client.resource(pool).create();
    pools.add(name);
  }

  private void editPool(String name, AddressPoolSpec spec) {
    until(
        name + " is edited",
        () -> {
          try {
            pool(name)
                .edit(
                    pool -> {
                      pool.setSpec(spec);
                      return pool;
                    });
            return true;
          } catch (io.fabric8.kubernetes.client.KubernetesClientException e) {
            return false;
          }
        });
  }

  private Resource<AddressPool> pool(String name) {
    return cluster.client.resources(AddressPool.class).withName(name);
  }

  private AddressPool awaitReady(String name, String status, String reason) {
    return awaitPool(
        name,
        "Ready=" + status + " " + reason,
        pool ->
            Conditions.of(pool.getStatus().conditions(), "Ready")
                .filter(c -> c.getStatus().equals(status) && c.getReason().equals(reason))
                .isPresent());
  }

  private AddressPool awaitPool(
      String name, String what, java.util.function.Predicate<AddressPool> condition) {
    until(
        name + ": " + what,
        () -> {
          AddressPool pool = pool(name).get();
          return pool.getStatus() != null
              && pool.getMetadata().getGeneration().equals(pool.getStatus().observedGeneration())
              && condition.test(pool);
        });
    return pool(name).get();
  }
}
