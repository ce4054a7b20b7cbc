// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Place;
import io.xdplb.core.model.Vip;
import io.xdplb.datapath.DsrCluster.Pod;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.EchoProcess;
import io.xdplb.testing.kernel.ManyConnections;
import io.xdplb.testing.kernel.NodeCluster.NextHop;
import io.xdplb.testing.kernel.RequiresBpf;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Ten thousand live connections over a table that changes at random: none of them breaks. There is
 * no connection table at the edges that could do it: rows 32 and 34.
 */
@RequiresBpf
class ConsistencyTest {
  private static final int CONNECTIONS = 10_000;
  private static final int MORE = 200;
  private static final int STEPS = 12;
  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final long SEED = Long.getLong("xdplb.seed", System.nanoTime());

  private boolean prefersOwn;
  private final Random random = new Random(SEED);
  private final List<String> story = new ArrayList<>(List.of("seed " + SEED));

  /** Row 32: one edge; backends are added, drained and reweighted. */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row32_connectionsSurviveEveryChangeOfTheTable(String vip) {
    ClusterPlan plan = ClusterPlan.plain().withClients(2).withNodes(1, 0, 3);
    try (DsrCluster cluster = new DsrCluster(plan, 4, 1 << 17)) {
      run(cluster, vip, false);
    }
  }

  /**
   * Row 34: three edges, two of them with endpoints of their own, behind a router that rehashes.
   */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row34_connectionsSurviveChangesWhileEveryStepRehashesThemToOtherEdges(String vip) {
    ClusterPlan plan = ClusterPlan.plain().withClients(2).withNodes(1, 2, 1);
    try (DsrCluster cluster = new DsrCluster(plan, 4, 1 << 17)) {
      run(cluster, vip, true);
    }
  }

  /**
   * Row 32: connections begin and go on at each moment at which some nodes hold the new table and
   * some the one before.
   */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row32_connectionsBeginAndGoOnWhileNodesHoldDifferentTables(String address) {
    try (DsrCluster cluster = new DsrCluster(ClusterPlan.plain().withNodes(1, 0, 3), 3)) {
      List<Pod> pods = cluster.pods();
      Map<Pod, Integer> weights = new LinkedHashMap<>();
      pods.subList(0, pods.size() / 2).forEach(pod -> weights.put(pod, 1));
      program(cluster, address, weights);
      try (EchoProcess servers =
              EchoProcess.start(pods.stream().map(Pod::host).toList(), POD_PORT);
          ManyConnections connections =
              ManyConnections.open(cluster.nodes().clients(), address, PORT, MORE, TIMEOUT)) {
        for (int step = 0; step < STEPS; step++) {
          change(pods, weights);
          Vip vip = DsrCluster.vip(address, Protocol.TCP, weights, true);
          List<ClusterNode> order = new ArrayList<>(cluster.nodes().nodes());
          Collections.shuffle(order, random);
          for (ClusterNode node : order) {
            cluster.program(node, vip);
            story.add("told " + node.name());
            assertThat(connections.openMore(MORE / 4)).as("%s\n%s", story, cluster).isEmpty();
            assertThat(connections.check()).as("%s\n%s", story, cluster).isEmpty();
          }
        }
        assertThat(servers.process().isAlive()).isTrue();
      }
    }
  }

  /** The edge uses all pods, and each node with pods would use its own only: no two rings agree. */
  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void connectionsSurviveChangesWhereNodesHaveDifferentRings(String vip) {
    ClusterPlan plan = ClusterPlan.plain().withClients(2).withNodes(1, 0, 3);
    try (DsrCluster cluster = new DsrCluster(plan, 4, 1 << 17)) {
      prefersOwn = true;
      run(cluster, vip, false);
    }
  }

  private void run(DsrCluster cluster, String address, boolean rehash) {
    List<Pod> pods = cluster.pods();
    Map<Pod, Integer> weights = new LinkedHashMap<>();
    pods.subList(0, pods.size() / 2).forEach(pod -> weights.put(pod, 1));
    program(cluster, address, weights);
    List<io.xdplb.testing.kernel.Host> hosts = pods.stream().map(Pod::host).toList();
    try (EchoProcess servers = EchoProcess.start(hosts, POD_PORT);
        ManyConnections connections =
            ManyConnections.open(cluster.nodes().clients(), address, PORT, CONNECTIONS, TIMEOUT)) {
      for (int step = 0; step < STEPS; step++) {
        change(pods, weights);
        program(cluster, address, weights);
        if (rehash) {
          rehash(cluster);
        }
        assertThat(connections.check()).as("%s\n%s", story, cluster).isEmpty();
        assertThat(connections.openMore(MORE)).as("%s\n%s", story, cluster).isEmpty();
      }
      assertThat(connections.check()).as("%s\n%s", story, cluster).isEmpty();
      assertThat(connections.perServer()).as("%s", story).hasSizeGreaterThan(pods.size() / 2);
      assertThat(servers.process().isAlive()).isTrue();
    }
  }

  /**
   * One to three pods come, drain, come back, leave the table (and drain), or get another weight.
   */
  private void change(List<Pod> pods, Map<Pod, Integer> weights) {
    for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
      Pod pod = pods.get(random.nextInt(pods.size()));
      boolean last =
          weights.values().stream().filter(weight -> weight > 0).count() == 1
              && weights.getOrDefault(pod, 0) > 0;
      switch (random.nextInt(4)) {
        case 0 -> weights.put(pod, 1);
        case 1 -> weights.put(pod, 1 + random.nextInt(5));
        case 2 -> weights.put(pod, last ? 1 : 0);
        default -> {
          if (!last) {
            weights.remove(pod);
          }
        }
      }
      story.add(pod.host().name() + ": " + weights.get(pod));
    }
  }

  /** The nodes learn of it one after the other, in any order. */
  private void program(DsrCluster cluster, String address, Map<Pod, Integer> weights) {
    Vip vip = DsrCluster.vip(address, Protocol.TCP, weights, true);
    List<ClusterNode> order = new ArrayList<>(cluster.nodes().nodes());
    Collections.shuffle(order, random);
    order.forEach(node -> cluster.program(node, prefersOwn ? part(vip, weights, node) : vip));
  }

  private static Vip part(Vip vip, Map<Pod, Integer> weights, ClusterNode node) {
    Map<BackendKey, String> nodes = new HashMap<>();
    weights.keySet().forEach(p -> nodes.put(p.key(vip.key().address().isIpv4()), p.node().name()));
    List<Backend> backends =
        vip.backends().stream()
            .map(
                b ->
                    new Backend(
                        b.key(),
                        b.weight(),
                        b.drainSeconds(),
                        b.delivery(),
                        b.weight() == 0
                            ? Map.of()
                            : Map.of(Place.node(nodes.get(b.key())), b.weight())))
            .toList();
    return new Vip(vip.key(), 4001, vip.affinitySeconds(), vip.access(), backends)
        .partOf(node.name(), null);
  }

  private void rehash(DsrCluster cluster) {
    List<NextHop> hops = new ArrayList<>();
    cluster.nodes().edges().forEach(edge -> hops.add(new NextHop(edge, 1 + random.nextInt(4))));
    Collections.shuffle(hops, random);
    List<NextHop> some = hops.subList(0, 1 + random.nextInt(hops.size()));
    cluster.nodes().sendVipsTo(some);
    story.add("edges " + some.stream().map(hop -> hop.node().name()).toList());
  }
}
