// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DatapathView;
import java.util.List;
import org.junit.jupiter.api.Test;

/** From whom encapsulated packets are accepted follows the cluster's Nodes. */
class PeersTest extends ClusterTestCase {

  private static final String OTHER = "other-node-of-peers-test";
  private static final List<String> OTHER_ADDRESSES = List.of("198.51.100.77", "2001:db8:0:1::77");

  PeersTest() {
    super(0);
  }

  @Test
  void nodesComeAndGoAndAreKeptWhileNobodyCanBeAsked() {
    String[] own = {cluster.lan().balancer().ipv4(), cluster.lan().balancer().ipv6()};
    assertThat(peers()).contains(own).doesNotContainAnyElementsOf(OTHER_ADDRESSES);
    assertThat(cluster.nodeState().orElseThrow().addresses()).containsExactly(own);

    cluster.addNode(OTHER, OTHER_ADDRESSES.toArray(String[]::new));
    cluster.until("the node is known", () -> peers().containsAll(OTHER_ADDRESSES));
    assertThat(peers()).contains(own);

    cluster.api().stop();
    try {
      cluster.killAgent();
      cluster.startAgent();
      assertThat(peers()).contains(own).containsAll(OTHER_ADDRESSES);
    } finally {
      cluster.api().start();
    }
    cluster.removeNode(OTHER);
    cluster.until("the node is forgotten", () -> !peers().contains(OTHER_ADDRESSES.get(0)));
    assertThat(peers()).contains(own).doesNotContainAnyElementsOf(OTHER_ADDRESSES);
    assertThat(cluster.nodeState().orElseThrow().addresses()).containsExactly(own);
  }

  private List<String> peers() {
    try (DatapathView view = DatapathView.open(cluster.xdplb().pinPath())) {
      return view.peers().stream().map(Ip::toString).toList();
    }
  }
}
