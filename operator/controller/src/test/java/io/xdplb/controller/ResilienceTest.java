// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.endpoint;
import static io.xdplb.controller.TestCluster.serviceSpec;
import static io.xdplb.controller.TestCluster.staticSpec;
import static io.xdplb.controller.TestCluster.takers;
import static io.xdplb.controller.TestCluster.until;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.Watch;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.core.model.ObjectName;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Restarts, outages, numbers and times. */
class ResilienceTest extends OperatorTestCase {

  private static final Logger log = LoggerFactory.getLogger(ResilienceTest.class);

  ResilienceTest(KubernetesApi api) {
    super(api);
  }

  @Test
  void aRestartWritesNothingThatIsStoredAlready() {
    TestAgent agent = new TestAgent(cluster.client, "node-1");
    cluster.service("echo", 80);
    cluster.slice("echo", "echo", "IPv4", 8080, endpoint("198.51.100.1"));
    cluster.create("served", serviceSpec("203.0.113.50", "echo", 80));
    cluster.create("empty", serviceSpec("203.0.113.51", "missing", 80));
    cluster.create("static", staticSpec("203.0.113.52", 80, "198.51.100.1"));
    cluster.create("taken", staticSpec("203.0.113.52", 80, "198.51.100.1"));
    cluster.create("refused", staticSpec("127.0.0.1", 80, "198.51.100.1"));
    cluster.awaitCondition("refused", "Accepted", "False", "InvalidSpec");
    cluster.awaitCondition("taken", "Accepted", "False", "AddressInUse");
    cluster.awaitTakers("served", "198.51.100.1:8080");
    cluster.awaitTakers("static", "198.51.100.1:8080");
    agent.followsAll();
    cluster.awaitCondition("served", "Ready", "True", "Ready");
    cluster.awaitCondition("static", "Ready", "True", "Ready");
    cluster.awaitCondition("empty", "Programmed", "True", "Programmed");
    cluster.create("behind", staticSpec("203.0.113.53", 80, "198.51.100.1"));
    cluster.awaitCondition("behind", "Programmed", "False", "NodesLagging");
    until("an Event says so", () -> cluster.events("behind").contains("Warning NodesLagging"));

    Map<String, String> versions = versions();
    int events = eventCount();
    for (int restart = 0; restart < 2; restart++) {
      operator.stop();
      assertThat(operator.runtime().isReady()).isFalse();
      operator.start();
      assertThat(operator.runtime().isReady()).isTrue();
      // What it would write it writes at once, or when it no longer waits for nodes.
      await("nothing is written")
          .during(Duration.ofSeconds(1))
          .atMost(Duration.ofSeconds(5))
          .until(() -> versions().equals(versions) && eventCount() == events);
    }
    cluster.endpoints("echo", endpoint("198.51.100.2"));
    cluster.awaitTakers("served", "198.51.100.2:8080");
  }

  @Test
  void whatChangedAroundAnOutageOfTheApiServerIsCaughtUpWith() {
    cluster.service("echo", 80);
    cluster.slice("echo", "echo", "IPv4", 8080, endpoint("198.51.100.1"));
    cluster.create("echo", serviceSpec("203.0.113.54", "echo", 80));
    cluster.create("goes", staticSpec("203.0.113.55", 80, "198.51.100.1"));
    cluster.awaitTakers("echo", "198.51.100.1:8080");
    cluster.awaitTakers("goes", "198.51.100.1:8080");
    api.stop();
    long stopped = System.nanoTime();
    await("five seconds of outage")
        .atMost(Duration.ofSeconds(10))
        .until(() -> System.nanoTime() - stopped > Duration.ofSeconds(5).toNanos());
    assertThat(operator.runtime().isReady()).as("an outage is no reason to restart it").isTrue();
    api.start();
    long back = System.nanoTime();
    // Most likely before the operator is back: it has to find out by listing.
    cluster.endpoints("echo", endpoint("198.51.100.2"));
    cluster.delete("goes");
    cluster.create("comes", staticSpec("203.0.113.55", 80, "198.51.100.3"));
    cluster.awaitTakers("echo", "198.51.100.2:8080");
    cluster.awaitTakers("comes", "198.51.100.3:8080");
    until("the table is gone", () -> cluster.tableResource("goes").get() == null);
    log.info("converged {} ms after the API server was back", millisSince(back));
  }

  /** A digest is of all tables of a bucket: when one changes, what proves the others changes. */
  @Test
  void aReportAboutANeighbourMakesNobodyElseBeLookedAt() {
    TestAgent agent = new TestAgent(cluster.client, "node-1");
    String bucket = TableEvidence.bucketOf(new ObjectName(cluster.namespace, "resting"));
    String neighbour =
        IntStream.range(0, 100_000)
            .mapToObj(i -> "neighbour-" + i)
            .filter(
                n -> TableEvidence.bucketOf(new ObjectName(cluster.namespace, n)).equals(bucket))
            .findFirst()
            .orElseThrow();
    cluster.create("resting", staticSpec("203.0.113.56", 80, "198.51.100.1"));
    cluster.create(neighbour, staticSpec("203.0.113.57", 80, "198.51.100.1"));
    cluster.awaitTakers("resting", "198.51.100.1:8080");
    cluster.awaitTakers(neighbour, "198.51.100.1:8080");
    agent.followsAll();
    cluster.awaitCondition("resting", "Ready", "True", "Ready");
    cluster.awaitCondition(neighbour, "Ready", "True", "Ready");
    int resting = operator.reconciliations("resting");

    cluster.edit(neighbour, staticSpec("203.0.113.57", 80, "198.51.100.2"));
    cluster.awaitTakers(neighbour, "198.51.100.2:8080");
    agent.followsAll();
    cluster.awaitCondition(neighbour, "Ready", "True", "Ready");
    await("nobody looks")
        .during(Duration.ofMillis(500))
        .atMost(Duration.ofSeconds(5))
        .until(() -> operator.reconciliations("resting") == resting);

    agent.holds(List.of(cluster.tableResource(neighbour).get()));
    cluster.awaitCondition("resting", "Programmed", "False", "NodesLagging");
  }

  @Test
  void twoHundredLoadBalancersAtOnceAreAllServed() {
    TestAgent agent = new TestAgent(cluster.client, "node-1");
    List<String> names = IntStream.range(0, 200).mapToObj(i -> "lb-" + i).toList();
    long begin = System.nanoTime();
    names.parallelStream()
        .forEach(
            name ->
                cluster.create(
                    name,
                    staticSpec(
                        "2001:db8::" + Integer.toHexString(0x100 + names.indexOf(name)),
                        80,
                        "2001:db8:1::1",
                        "2001:db8:1::2")));
    long created = millisSince(begin);
    until("all have tables", () -> cluster.tables().size() == names.size());
    long tables = millisSince(begin);
    agent.followsAll();
    until(
        "all are ready",
        () ->
            cluster.balancers().stream()
                .allMatch(
                    balancer ->
                        TestCluster.condition(balancer, "Ready")
                            .filter(c -> "True".equals(c.getStatus()))
                            .isPresent()));
    log.info(
        "200 LoadBalancers: created in {} ms, all tables after {} ms, all Ready after {} ms",
        created,
        tables,
        millisSince(begin));
    cluster
        .client
        .resources(io.xdplb.api.v1alpha1.LoadBalancer.class)
        .inNamespace(cluster.namespace)
        .delete();
    until("all tables are gone", () -> cluster.tables().isEmpty());
  }

  @Test
  void aChangedSliceIsInTheTableSoon() throws Exception {
    int changes = 40;
    cluster.service("fast", 80);
    cluster.slice("fast", "fast", "IPv4", 8080, endpoint("198.51.100.1"));
    cluster.create("fast", serviceSpec("203.0.113.56", "fast", 80));
    cluster.awaitTakers("fast", "198.51.100.1:8080");
    Map<String, Long> seen = new ConcurrentHashMap<>();
    List<Long> micros = new ArrayList<>();
    Watch watch = cluster.tableResource("fast").watch(stamping(seen));
    try {
      for (int change = 0; change < changes; change++) {
        String address = "198.51.100." + (change + 2);
        cluster.endpoints("fast", endpoint(address));
        long stored = System.nanoTime();
        until("the table follows", () -> seen.containsKey(address + ":8080"));
        micros.add(Math.max(0, (seen.get(address + ":8080") - stored) / 1000));
      }
    } finally {
      watch.close();
    }
    micros.sort(Comparator.naturalOrder());
    long median = micros.get(changes / 2);
    log.info(
        "slice stored to table seen by a watcher, {} changes: median {} us, 90 % {} us, max {} us",
        changes, median, micros.get(changes * 9 / 10), micros.get(changes - 1));
    assertThat(median).as("median in microseconds").isLessThan(250_000);
  }

  @Test
  void aBurstOfChangesEndsInTheLast() {
    int slices = 10;
    int changes = 15;
    cluster.service("burst", 80);
    for (int slice = 0; slice < slices; slice++) {
      cluster.slice("burst-" + slice, "burst", "IPv4", 8080, endpoint("198.51.100." + slice));
    }
    cluster.create("burst", serviceSpec("203.0.113.57", "burst", 80));
    cluster.awaitTable("burst", table -> takers(table).size() == slices);
    long begin = System.nanoTime();
    IntStream.range(0, slices)
        .parallel()
        .forEach(
            slice -> {
              for (int change = 1; change <= changes; change++) {
                String address = "198.51.100." + (slices * change + slice);
                cluster.endpoints("burst-" + slice, endpoint(address));
              }
            });
    long written = millisSince(begin);
    String[] last =
        IntStream.range(0, slices)
            .mapToObj(slice -> "198.51.100." + (slices * changes + slice) + ":8080")
            .toArray(String[]::new);
    long tables = cluster.awaitTakers("burst", last).getMetadata().getGeneration() - 1;
    log.info(
        "{} changes of slices in {} ms: {} tables, the last {} ms after the last change",
        slices * changes,
        written,
        tables,
        millisSince(begin) - written);
    assertThat(tables).isLessThanOrEqualTo(slices * changes);
  }

  private static Watcher<ForwardingTable> stamping(Map<String, Long> seen) {
    return new Watcher<>() {
      @Override
      public void eventReceived(Action action, ForwardingTable table) {
        long now = System.nanoTime();
        takers(table).forEach(taker -> seen.putIfAbsent(taker, now));
      }

      @Override
      public void onClose(WatcherException cause) {
        log.info("watch closed", cause);
      }
    };
  }

  private Map<String, String> versions() {
    return Stream.<HasMetadata>concat(cluster.balancers().stream(), cluster.tables().stream())
        .collect(
            Collectors.toMap(
                object -> object.getKind() + " " + object.getMetadata().getName(),
                object -> object.getMetadata().getResourceVersion()));
  }

  private int eventCount() {
    return cluster
        .client
        .events()
        .v1()
        .events()
        .inNamespace(cluster.namespace)
        .list()
        .getItems()
        .size();
  }

  private static long millisSince(long nanos) {
    return Duration.ofNanos(System.nanoTime() - nanos).toMillis();
  }
}
