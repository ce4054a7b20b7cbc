// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.condition;
import static io.xdplb.controller.TestCluster.message;
import static io.xdplb.controller.TestCluster.spec;
import static io.xdplb.controller.TestCluster.staticListener;
import static io.xdplb.controller.TestCluster.staticSpec;
import static io.xdplb.controller.TestCluster.until;
import static io.xdplb.controller.TestCluster.vips;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Two LoadBalancers that want the same VIP. Of two that were created in the same second the one
 * whose name sorts first is the older; the names here are such that it does not matter.
 */
class AddressConflictTest extends OperatorTestCase {

  AddressConflictTest(KubernetesApi api) {
    super(api);
  }

  @Test
  void theYoungerIsRefusedAndTakesOverWhenTheOlderGoes() {
    cluster.create("a-older", staticSpec("203.0.113.20", 80, "198.51.100.1"));
    cluster.awaitTakers("a-older", "198.51.100.1:8080");
    cluster.create("b-younger", staticSpec("203.0.113.20", 80, "198.51.100.2"));
    LoadBalancer refused = cluster.awaitCondition("b-younger", "Accepted", "False", "AddressInUse");
    assertThat(message(refused, "Accepted"))
        .contains("TCP 203.0.113.20:80", cluster.namespace + "/a-older");
    assertThat(condition(refused, "Stalled")).isPresent();
    assertThat(refused.getStatus().addresses()).isNull();
    assertThat(cluster.tableResource("b-younger").get()).isNull();
    assertThat(condition(cluster.balancer("a-older"), "Accepted").orElseThrow().getStatus())
        .isEqualTo("True");
    until("an Event says so", () -> cluster.events("b-younger").contains("Warning AddressInUse"));

    cluster.delete("a-older");
    cluster.awaitTakers("b-younger", "198.51.100.2:8080");
    cluster.awaitCondition("b-younger", "Accepted", "True", "Accepted");
    until("an Event says so", () -> cluster.events("b-younger").contains("Normal Accepted"));
  }

  @Test
  void theYoungerTakesOverWhenTheOlderMovesAway() {
    cluster.create("a-older", staticSpec("203.0.113.21", 80, "198.51.100.1"));
    cluster.create("b-younger", staticSpec("203.0.113.21", 80, "198.51.100.2"));
    cluster.awaitCondition("b-younger", "Accepted", "False", "AddressInUse");
    cluster.edit("a-older", staticSpec("203.0.113.21", 81, "198.51.100.1"));
    cluster.awaitTakers("b-younger", "198.51.100.2:8080");
    cluster.awaitCondition("b-younger", "Accepted", "True", "Accepted");
  }

  @Test
  void theOlderTakesWhatItAsksForLaterAndLeavesTheYoungerTheRest() {
    cluster.create("a-older", staticSpec("203.0.113.22", 80, "198.51.100.1"));
    cluster.create(
        "b-younger",
        spec(
            List.of("203.0.113.23"),
            staticListener(80, "198.51.100.2"),
            staticListener(81, "198.51.100.2")));
    cluster.awaitTable("b-younger", table -> vips(table).size() == 2);
    cluster.edit("a-older", staticSpec("203.0.113.23", 80, "198.51.100.1"));
    cluster.awaitTable("b-younger", table -> vips(table).equals(List.of("203.0.113.23 TCP 81")));
    cluster.awaitTable("a-older", table -> vips(table).equals(List.of("203.0.113.23 TCP 80")));
    LoadBalancer younger = cluster.awaitCondition("b-younger", "Accepted", "False", "AddressInUse");
    assertThat(message(younger, "Programmed")).contains("not in use elsewhere");
    cluster.edit("a-older", staticSpec("203.0.113.22", 80, "198.51.100.1"));
    cluster.awaitTable("b-younger", table -> vips(table).size() == 2);
  }

  @Test
  void theSameAddressWithOtherPortsOrProtocolsIsNoConflict() {
    cluster.create("a", staticSpec("203.0.113.24", 80, "198.51.100.1"));
    cluster.create("b", staticSpec("203.0.113.24", 81, "198.51.100.1"));
    cluster.awaitCondition("a", "Accepted", "True", "Accepted");
    cluster.awaitCondition("b", "Accepted", "True", "Accepted");
  }

  @Test
  void theOlderWinsAlsoAfterARestartOfTheOperator() {
    LoadBalancer older = cluster.create("z-older", staticSpec("203.0.113.25", 80, "198.51.100.1"));
    // Creation times have a resolution of a second.
    until("a second later", () -> secondsSince(older) >= 1);
    cluster.create("a-younger", staticSpec("203.0.113.25", 80, "198.51.100.2"));
    cluster.awaitCondition("a-younger", "Accepted", "False", "AddressInUse");
    operator.stop();
    operator.start();
    cluster.create("b-last", staticSpec("203.0.113.25", 80, "198.51.100.3"));
    LoadBalancer last = cluster.awaitCondition("b-last", "Accepted", "False", "AddressInUse");
    assertThat(message(last, "Accepted")).contains("z-older");
    assertThat(condition(cluster.balancer("a-younger"), "Accepted").orElseThrow().getReason())
        .isEqualTo("AddressInUse");
    assertThat(cluster.tables()).extracting(t -> t.getMetadata().getName()).containsOnly("z-older");
  }

  @Test
  void aRefusedLoadBalancerKeepsTheAddressOfTheTableItKeeps() {
    cluster.create("a-older", staticSpec("203.0.113.26", 80, "198.51.100.1"));
    cluster.awaitTakers("a-older", "198.51.100.1:8080");
    cluster.edit("a-older", staticSpec("127.0.0.1", 80, "198.51.100.1"));
    cluster.awaitCondition("a-older", "Accepted", "False", "InvalidSpec");
    cluster.create("b-younger", staticSpec("203.0.113.26", 80, "198.51.100.2"));
    cluster.awaitCondition("b-younger", "Accepted", "False", "AddressInUse");
    operator.stop();
    operator.start();
    cluster.create("c-last", staticSpec("203.0.113.26", 80, "198.51.100.3"));
    LoadBalancer last = cluster.awaitCondition("c-last", "Accepted", "False", "AddressInUse");
    assertThat(message(last, "Accepted")).contains("a-older");
  }

  private static long secondsSince(LoadBalancer balancer) {
    return Instant.now().getEpochSecond()
        - Instant.parse(balancer.getMetadata().getCreationTimestamp()).getEpochSecond();
  }
}
