// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.datapath.DsrCluster.POD_PORT;
import static io.xdplb.datapath.DsrCluster.PORT;
import static io.xdplb.datapath.DsrCluster.VIP4;
import static io.xdplb.datapath.DsrCluster.VIP6;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Vip;
import io.xdplb.datapath.DsrCluster.Pod;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.RequiresBpf;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Row 32 for UDP, whose datagrams do not say whether they begin a flow: while the table changes
 * they stay with the pod that they came to, as long as it is asked (three changes, a minute).
 */
@RequiresBpf
class UdpChangesTest {
  private static final int FLOWS = 200;
  private static final int CHANGES = 3;
  private static final Duration PATIENCE = Duration.ofSeconds(2);
  private static final long SEED = Long.getLong("xdplb.seed", System.nanoTime());

  private final Random random = new Random(SEED);

  @ParameterizedTest
  @ValueSource(strings = {VIP4, VIP6})
  void row32_udpFlowsStayWithTheirPodsWhileTheTableChanges(String address) throws IOException {
    List<EchoServer> servers = new ArrayList<>();
    List<DatagramSocket> sockets = new ArrayList<>();
    try (DsrCluster cluster = new DsrCluster(ClusterPlan.plain().withNodes(1, 1, 1), 3)) {
      List<Pod> pods = cluster.pods();
      pods.forEach(pod -> servers.add(EchoServer.start(pod.host(), POD_PORT)));
      Map<Pod, Integer> weights = new LinkedHashMap<>();
      pods.subList(0, pods.size() - 2).forEach(pod -> weights.put(pod, 1));
      program(cluster, address, weights);
      for (int i = 0; i < FLOWS; i++) {
        sockets.add(cluster.nodes().client().netns().call(DatagramSocket::new));
      }
      List<String> first = ask(sockets, address);
      assertThat(first).contains(names(weights.keySet()));

      for (int change = 1; change <= CHANGES; change++) {
        switch (change) {
          case 1 -> weights.put(pods.get(pods.size() - 1), 2); // one comes
          case 2 -> weights.put(pods.get(random.nextInt(2)), 0); // one drains
          default -> weights.put(pods.get(2), 5); // one gets more
        }
        program(cluster, address, weights);
        assertThat(ask(sockets, address))
            .as("seed %d, change %d\n%s", SEED, change, cluster)
            .isEqualTo(first);
      }
    } finally {
      sockets.forEach(DatagramSocket::close);
      servers.forEach(EchoServer::close);
    }
  }

  /** Who answers each of them. */
  private static List<String> ask(List<DatagramSocket> sockets, String address) throws IOException {
    List<String> names = new ArrayList<>();
    for (DatagramSocket socket : sockets) {
      String answer = Clients.ask(socket, new InetSocketAddress(address, PORT), "x", PATIENCE);
      names.add(answer.substring(0, answer.indexOf(' ')));
    }
    return names;
  }

  private static String[] names(java.util.Collection<Pod> pods) {
    return pods.stream().map(pod -> pod.host().name()).toArray(String[]::new);
  }

  /** The nodes learn of it one after the other, in any order. */
  private void program(DsrCluster cluster, String address, Map<Pod, Integer> weights) {
    Vip vip = DsrCluster.vip(address, Protocol.UDP, weights, true);
    List<ClusterNode> order = new ArrayList<>(cluster.nodes().nodes());
    Collections.shuffle(order, random);
    order.forEach(node -> cluster.program(node, vip));
  }
}
