// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.endpoint;
import static io.xdplb.controller.TestCluster.serviceListener;
import static io.xdplb.controller.TestCluster.serviceSpec;
import static io.xdplb.controller.TestCluster.spec;
import static io.xdplb.controller.TestCluster.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.discovery.v1.Endpoint;
import io.fabric8.kubernetes.client.Watch;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSlice;
import io.xdplb.core.table.TableHash;
import io.xdplb.core.table.TableSlices;
import io.xdplb.core.table.Tables;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Tables that are too large for one object. */
class SlicesTest extends OperatorTestCase {

  /** As the slice controller fills an EndpointSlice. */
  private static final int FULL = 100;

  SlicesTest(KubernetesApi api) {
    super(api);
  }

  @Test
  void onePodOfFiveThousandWritesOneSliceAndTheTable() {
    pods("web", "IPv4", 5000);
    cluster.create("web", serviceSpec("203.0.113.120", "web", 80));
    ForwardingTable before = awaitWhole("web", 5000);
    assertThat(before.getSpec().slices()).hasSize(8);
    Map<String, String> versions = versions();
    assertThat(versions.keySet()).containsExactlyInAnyOrderElementsOf(before.getSpec().slices());
    for (int change = 1; change <= 5; change++) {
      cluster.endpoints("web-ipv4-" + change, endpoints("IPv4", FULL * change, FULL - 1));
      awaitWhole("web", 5000 - change);
      Map<String, String> now = versions();
      assertThat(now).hasSize(8);
      Set<Map.Entry<String, String>> written = new HashSet<>(now.entrySet());
      written.removeAll(versions.entrySet()); // by name and version
      assertThat(written).hasSize(1);
      versions = now;
    }
  }

  @Test
  void aPodWithBothFamiliesIsInOneSliceOfEach() {
    pods("both", "IPv4", 1200);
    pods("both", "IPv6", 1200);
    cluster.create(
        "both", spec(List.of("203.0.113.121", "2001:db8::121"), serviceListener("both", 80)));
    awaitWhole("both", 2400);
    Map<String, String> before = versions();
    assertThat(before).hasSize(4);
    cluster.endpoints("both-ipv4-3", endpoints("IPv4", 300, FULL - 1));
    cluster.endpoints("both-ipv6-3", endpoints("IPv6", 300, FULL - 1));
    awaitWhole("both", 2398);
    Map<String, String> now = versions();
    assertThat(now).hasSize(4);
    now.entrySet().removeAll(before.entrySet());
    assertThat(now).hasSizeBetween(1, 2);
  }

  @Test
  void aTableGrowsIntoSlicesAndShrinksBack() {
    pods("web", "IPv4", 1000);
    cluster.create("web", serviceSpec("203.0.113.122", "web", 80));
    assertThat(awaitWhole("web", 1000).getSpec().slices()).isNull();
    assertThat(slices()).isEmpty();
    cluster.slice("web-more", "web", "IPv4", 8080, endpoints("IPv4", 5000, 50));
    assertThat(awaitWhole("web", 1050).getSpec().slices()).hasSize(2);
    cluster.endpoints("web-more", endpoints("IPv4", 5000, 10));
    assertThat(awaitWhole("web", 1010).getSpec().slices()).as("not at every turn").hasSize(2);
    for (int slice = 0; slice < 5; slice++) {
      cluster.endpoints("web-ipv4-" + slice, endpoints("IPv4", FULL * slice, 0));
    }
    assertThat(awaitWhole("web", 510).getSpec().slices()).isNull();
    until("no slice is left", () -> slices().isEmpty());
  }

  /**
   * What the API server has held at each of its versions: whoever reads it, whenever, and from
   * whichever of them a restart begins, finds each table's slices.
   */
  @Test
  void atEveryMomentATableListsSlicesThatAreThere() {
    SortedMap<Long, HasMetadata> history = new ConcurrentSkipListMap<>();
    Map<Long, Watcher.Action> actions = new ConcurrentSkipListMap<>();
    try (Watch tables =
            cluster
                .client
                .resources(ForwardingTable.class)
                .inNamespace(cluster.namespace)
                .watch(new Recorder<>(history, actions));
        Watch slices =
            cluster
                .client
                .resources(ForwardingTableSlice.class)
                .inNamespace(cluster.namespace)
                .watch(new Recorder<>(history, actions))) {
      pods("web", "IPv4", 1500);
      cluster.create("web", serviceSpec("203.0.113.123", "web", 80));
      awaitWhole("web", 1500);
      for (int i = 0; i < 7; i++) {
        cluster.endpoints("web-ipv4-" + i, endpoints("IPv4", FULL * i, FULL - 1 - i));
      }
      cluster.slice("web-more", "web", "IPv4", 8080, endpoints("IPv4", 5000, 1000));
      awaitWhole("web", 2500 - 28);
      cluster.endpoints("web-more", endpoints("IPv4", 5000, 0));
      awaitWhole("web", 1500 - 28);
      Collection<String> last = awaitWhole("web", 1500 - 28).getSpec().slices();
      until("what is not listed is removed", () -> slices().keySet().equals(Set.copyOf(last)));
      until("the watches are there too", () -> replay(history, actions).keySet().containsAll(last));
    }
    assertThat(actions.values()).contains(Watcher.Action.DELETED);
  }

  /** The operator may be killed after each of its writes; here after the slices. */
  @Test
  void aStartBetweenSlicesAndTableGoesOn() {
    pods("web", "IPv4", 1500);
    cluster.create("web", serviceSpec("203.0.113.124", "web", 80));
    ForwardingTable before = awaitWhole("web", 1500);
    try (DeniedTables denied = new DeniedTables(api, cluster, "web")) {
      cluster.endpoints("web-ipv4-0", endpoints("IPv4", 0, FULL - 1));
      until("the new slice is written, the table is not", () -> slices().size() == 3);
      assertThat(whole(cluster.tableResource("web").get()))
          .as("as it was")
          .isEqualTo(whole(before));
      operator.stop();
      operator.start();
      cluster.awaitCondition("web", "Programmed", "False", StatusComposer.NOT_WRITTEN);
      assertThat(slices()).hasSize(3).containsKeys(listed(before));
    }
    awaitWhole("web", 1499);
    until("the old slice is gone", () -> slices().size() == 2);
  }

  @Test
  void slicesThatSomebodyElseTouchesAreMended() {
    pods("web", "IPv4", 1500);
    cluster.create("web", serviceSpec("203.0.113.125", "web", 80));
    ForwardingTable table = awaitWhole("web", 1500);
    String name = table.getSpec().slices().get(0);
    ForwardingTableSlice slice = slices().get(name);

    cluster.client.resource(slice).delete();
    until("it is written again", () -> isAsItWas(slice));
    cluster
        .client
        .resources(ForwardingTableSlice.class)
        .inNamespace(cluster.namespace)
        .withName(name)
        .edit(
            s -> {
              s.setSpec(slices().get(table.getSpec().slices().get(1)).getSpec());
              return s;
            });
    until("it is as it was", () -> isAsItWas(slice));

    operator.stop();
    cluster.client.resource(slices().get(name)).delete();
    ForwardingTableSlice unlisted = new ForwardingTableSlice();
    unlisted.getMetadata().setName("web-00000000000000000000");
    unlisted.getMetadata().setNamespace(cluster.namespace);
    unlisted.getMetadata().setOwnerReferences(slice.getMetadata().getOwnerReferences());
    unlisted.setSpec(slice.getSpec());
    cluster.client.resource(unlisted).create();
    operator.start();
    until(
        "one is written, one is removed",
        () -> isAsItWas(slice) && slices().keySet().equals(Set.of(listed(table))));
    assertThat(cluster.tableResource("web").get().getMetadata().getResourceVersion())
        .isEqualTo(table.getMetadata().getResourceVersion());
  }

  /** There is no garbage collector here. */
  @Test
  void slicesGoWithTheirLoadBalancerAndBelongToTheNextOfItsName() {
    pods("web", "IPv4", 1500);
    cluster.create("web", serviceSpec("203.0.113.126", "web", 80));
    String[] names = listed(awaitWhole("web", 1500));
    cluster.delete("web");
    until("all is gone", () -> slices().isEmpty() && cluster.tables().isEmpty());

    cluster.create("web", serviceSpec("203.0.113.126", "web", 80));
    assertThat(listed(awaitWhole("web", 1500))).containsExactly(names);
    operator.stop();
    cluster.delete("web");
    String uid =
        cluster.create("web", serviceSpec("203.0.113.126", "web", 80)).getMetadata().getUid();
    operator.start();
    until(
        "they are the new one's",
        () ->
            slices().size() == names.length
                && slices().values().stream()
                    .flatMap(slice -> slice.getMetadata().getOwnerReferences().stream())
                    .allMatch(owner -> owner.getUid().equals(uid)));
    operator.stop();
    cluster.delete("web");
    operator.start();
    until("all is gone again", () -> slices().isEmpty() && cluster.tables().isEmpty());
  }

  @Test
  void aRefusedEditKeepsTheTableAndItsAddressOverAStart() {
    pods("web", "IPv4", 1500);
    cluster.create("web", serviceSpec("203.0.113.128", "web", 80));
    ForwardingTable table = awaitWhole("web", 1500);
    cluster.edit("web", serviceSpec("127.0.0.1", "web", 80));
    cluster.awaitCondition("web", "Accepted", "False", "InvalidSpec");
    operator.stop();
    operator.start();
    cluster.create("younger", serviceSpec("203.0.113.128", "web", 80)); // by name, too
    cluster.awaitCondition("younger", "Accepted", "False", "AddressInUse");
    assertThat(awaitWhole("web", 1500).getMetadata().getResourceVersion())
        .isEqualTo(table.getMetadata().getResourceVersion());
  }

  @Test
  void theLongestNameIsGoodForSlicesToo() {
    String name = ("a".repeat(62) + ".").repeat(4).substring(0, 250) + "-z";
    pods("web", "IPv4", 1100);
    cluster.create(name, serviceSpec("203.0.113.127", "web", 80));
    assertThat(awaitWhole(name, 1100).getSpec().slices())
        .hasSize(2)
        .allSatisfy(slice -> assertThat(slice).hasSizeLessThanOrEqualTo(253));
  }

  private void pods(String service, String family, int count) {
    if (cluster.client.services().inNamespace(cluster.namespace).withName(service).get() == null) {
      cluster.service(service, 80);
    }
    for (int first = 0; first < count; first += FULL) {
      cluster.slice(
          service + "-" + family.toLowerCase(Locale.ROOT) + "-" + first / FULL,
          service,
          family,
          8080,
          endpoints(family, first, Math.min(FULL, count - first)));
    }
  }

  private static Endpoint[] endpoints(String family, int first, int count) {
    return IntStream.range(first, first + count)
        .mapToObj(
            i ->
                endpoint(
                    family.equals("IPv4")
                        ? "10.9." + i / 250 + "." + i % 250
                        : "2001:db8:9::" + Integer.toHexString(1 + i)))
        .toArray(Endpoint[]::new);
  }

  private Map<String, ForwardingTableSlice> slices() {
    return cluster
        .client
        .resources(ForwardingTableSlice.class)
        .inNamespace(cluster.namespace)
        .list()
        .getItems()
        .stream()
        .collect(Collectors.toMap(s -> s.getMetadata().getName(), Function.identity()));
  }

  /** By name. */
  private Map<String, String> versions() {
    return slices().values().stream()
        .collect(
            Collectors.toMap(
                s -> s.getMetadata().getName(), s -> s.getMetadata().getResourceVersion()));
  }

  private static String[] listed(ForwardingTable table) {
    return table.getSpec().slices().toArray(String[]::new);
  }

  private boolean isAsItWas(ForwardingTableSlice slice) {
    ForwardingTableSlice now = slices().get(slice.getMetadata().getName());
    return now != null && now.getSpec().equals(slice.getSpec());
  }

  private ForwardingTable whole(ForwardingTable table) {
    if (!TableSlices.isSplit(table.getSpec())) {
      return table;
    }
    Map<String, ForwardingTableSlice> slices = slices();
    if (!slices.keySet().containsAll(table.getSpec().slices())) {
      return null;
    }
    ForwardingTable whole = new ForwardingTable();
    whole.setSpec(TableSlices.assemble(table.getSpec(), name -> slices.get(name).getSpec()));
    return whole;
  }

  /** The table with so many backends over its VIPs, when nothing else of it is stored any more. */
  private ForwardingTable awaitWhole(String name, int backends) {
    return cluster.awaitTable(
        name,
        table -> {
          ForwardingTable whole = whole(table);
          boolean isThere =
              whole != null
                  && whole.getSpec().vips().stream().mapToInt(v -> v.backends().size()).sum()
                      == backends
                  && slices().size()
                      == (table.getSpec().slices() == null ? 0 : table.getSpec().slices().size());
          if (isThere) {
            assertThat(TableHash.desired(Tables.toVips(whole.getSpec())))
                .isEqualTo(table.getSpec().tableHash());
          }
          return isThere;
        });
  }

  /** Goes through the versions, and returns the slices that are there at the end. */
  private static Map<String, HasMetadata> replay(
      SortedMap<Long, HasMetadata> history, Map<Long, Watcher.Action> actions) {
    Map<String, HasMetadata> slices = new TreeMap<>();
    List<String> listed = new ArrayList<>();
    history.forEach(
        (version, object) -> {
          boolean isDeleted = actions.get(version) == Watcher.Action.DELETED;
          if (object instanceof ForwardingTable table) {
            listed.clear();
            if (!isDeleted && TableSlices.isSplit(table.getSpec())) {
              listed.addAll(table.getSpec().slices());
            }
          } else if (isDeleted) {
            slices.remove(object.getMetadata().getName());
          } else {
            slices.put(object.getMetadata().getName(), object);
          }
          assertThat(slices.keySet()).as("at version %d", version).containsAll(listed);
        });
    return slices;
  }

  private record Recorder<T extends HasMetadata>(
      SortedMap<Long, HasMetadata> history, Map<Long, Watcher.Action> actions)
      implements Watcher<T> {

    @Override
    public void eventReceived(Action action, T object) {
      long version = Long.parseLong(object.getMetadata().getResourceVersion());
      actions.put(version, action);
      history.put(version, object);
    }

    @Override
    public void onClose(WatcherException cause) {}
  }
}
