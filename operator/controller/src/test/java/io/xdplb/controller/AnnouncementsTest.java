// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Announcing;
import io.xdplb.api.v1alpha1.NodeStateStatus.Duplicate;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AnnouncementsTest {

  private static final Duplicate FOREIGN =
      new Duplicate("203.0.113.3", "eth0", "02:00:00:00:00:01");

  private final Announcements announcements = new Announcements();

  @Test
  void onlyAddressesThatDifferAreNamed() {
    List<String> many = IntStream.range(0, 300).mapToObj(i -> "203.0.113." + i).toList();
    assertThat(l2("node-1", many)).hasSize(300);
    assertThat(l2("node-1", many)).isEmpty();
    assertThat(l2("node-1", many.subList(1, 300))).containsExactly("203.0.113.0");
    assertThat(l2("node-2", List.of("203.0.113.0"))).containsExactly("203.0.113.0");
    assertThat(announcements.owners("203.0.113.0")).containsExactly("node-2");
    assertThat(announcements.reported("node-1", null)).hasSize(299);
    assertThat(announcements.owners("203.0.113.7")).isEmpty();
  }

  @Test
  void ofTwoThatSayTheyAnswerTheOneThatSaidSoLastIsLast() {
    l2("node-2", List.of("203.0.113.1"));
    l2("node-1", List.of("203.0.113.1"));
    l2("node-2", List.of("203.0.113.1", "203.0.113.2"));
    assertThat(announcements.owners("203.0.113.1")).containsExactly("node-2", "node-1");
  }

  @Test
  void routesDuplicatesAndAddressesOfNodesCountToo() {
    assertThat(
            announcements.reported(
                "node-1",
                status(
                    List.of("198.51.100.1"),
                    new Announcing(1L, null, List.of("203.0.113.2"), List.of(FOREIGN), null))))
        .isEqualTo(Set.of("198.51.100.1", "203.0.113.2", "203.0.113.3"));
    assertThat(announcements.routers("203.0.113.2")).containsExactly("node-1");
    assertThat(announcements.duplicates("203.0.113.3")).containsEntry("node-1", FOREIGN);
    assertThat(announcements.ownerOfItsOwn("198.51.100.1")).contains("node-1");
    Duplicate elsewhere = new Duplicate("203.0.113.3", "eth1", "02:00:00:00:00:02");
    assertThat(
            announcements.reported(
                "node-1",
                status(
                    List.of("198.51.100.1"),
                    new Announcing(2L, null, List.of("203.0.113.2"), List.of(elsewhere), null))))
        .containsExactly("203.0.113.3");
  }

  @Test
  void addressesOfNodesAreComparedHoweverTheyAreSpelled() {
    assertThat(announcements.nodeAddresses("node-1", List.of("2001:DB8::0:1", "no address")))
        .containsExactly("2001:db8::1");
    assertThat(announcements.ownerOfItsOwn("2001:db8::1")).contains("node-1");
    assertThat(announcements.nodeAddresses("node-1", List.of())).containsExactly("2001:db8::1");
    assertThat(announcements.ownerOfItsOwn("2001:db8::1")).isEmpty();
  }

  private Set<String> l2(String node, List<String> addresses) {
    return announcements.reported(
        node, status(null, new Announcing(1L, addresses, null, null, null)));
  }

  private static NodeStateStatus status(List<String> addresses, Announcing announcing) {
    return new NodeStateStatus("test", addresses, null, null, null, null, null, announcing);
  }
}
