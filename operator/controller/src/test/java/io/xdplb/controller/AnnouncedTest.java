// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.Bgp;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.L2;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.BGPPeerSpec;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Announcing;
import io.xdplb.api.v1alpha1.NodeStateStatus.Duplicate;
import io.xdplb.api.v1alpha1.NodeStateStatus.Session;
import io.xdplb.api.v1alpha1.Selector;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AnnouncedTest {

  private static final L2 L2_ANYWHERE = new L2(null);
  private static final Bgp TO_ALL = new Bgp(null, null, null, null);
  private static final Session UP = new Session("tor-1", "Established", null);

  private final List<AnnouncementPolicy> policies = new ArrayList<>();
  private final List<BGPPeer> peers = new ArrayList<>();
  private final List<AnnouncingNode> nodes = new ArrayList<>();
  private final Announcements announcements = new Announcements();
  private final Set<String> silent = new HashSet<>();
  private boolean isProgrammed = true;
  private boolean hasEndpoints = true;

  @Test
  void withoutAPolicyNothingIsKnown() {
    Verdict verdict = announced("203.0.113.10");
    assertThat(verdict.status()).isEqualTo(Verdict.Status.UNKNOWN);
    assertThat(verdict.reason()).isEqualTo("NotManaged");
  }

  @Test
  void anAddressOfANodeItselfNeedsNobody() {
    announcements.nodeAddresses("node-1", List.of("198.51.100.1"));
    assertThat(announced("198.51.100.1"))
        .isEqualTo(Verdict.yes("Announced", "198.51.100.1 is an address of node-1 itself."));
    policy("l2", null, L2_ANYWHERE, null);
    assertThat(announced("198.51.100.1").isTrue()).isTrue();
  }

  @Test
  void whoAnnouncesIsNamedForEachAddress() {
    policy("l2", null, L2_ANYWHERE, null);
    policy("bgp", List.of("2001:db8::/32"), null, TO_ALL);
    peer("tor-1");
    node("node-2", announcing(List.of("203.0.113.10", "2001:db8::10"), List.of(), UP));
    node("node-1", announcing(List.of(), List.of("2001:db8::10"), UP));
    assertThat(announced("203.0.113.10", "2001:db8::10"))
        .isEqualTo(
            Verdict.yes(
                "Announced",
                "203.0.113.10 by ARP from node-2; 2001:db8::10 by NDP from node-2 and by BGP from"
                    + " node-1."));
  }

  /** What a policy asks for is not made up for by what another one has got. */
  @Test
  void eachWayThatIsAskedForIsNeeded() {
    policy("l2", null, L2_ANYWHERE, null);
    node("node-1", announcing(List.of("203.0.113.10"), List.of()));
    assertThat(announced("203.0.113.10").isTrue()).isTrue();
    policy("bgp", null, null, TO_ALL);
    peer("tor-1");
    assertThat(announced("203.0.113.10").reason()).isEqualTo("SessionDown");
  }

  @Test
  void whatASilentAgentSaidLastDoesNotCount() {
    policy("l2", null, L2_ANYWHERE, null);
    node("node-1", announcing(List.of("203.0.113.10"), List.of()));
    silent.add("node-1");
    Verdict verdict = announced("203.0.113.10");
    assertThat(verdict.reason()).isEqualTo("NoEligibleNode");
    assertThat(verdict.message()).contains("the agent gives no sign of life on node-1");
    assertThat(Announced.mayPass(verdict)).isTrue();
  }

  @Test
  void anAddressThatNoPolicySelectsIsNamed() {
    policy("l2", List.of("203.0.113.0/28"), L2_ANYWHERE, null);
    node("node-1", announcing(List.of("203.0.113.10"), List.of()));
    Verdict verdict = announced("203.0.113.10", "203.0.113.100");
    assertThat(verdict.reason()).isEqualTo("NoMatchingPolicy");
    assertThat(verdict.message())
        .startsWith("No AnnouncementPolicy selects 203.0.113.100;")
        .doesNotContain("203.0.113.10 ");
    assertThat(Announced.mayPass(verdict)).isFalse();
  }

  @Test
  void whyNobodyAnnouncesIsSaid() {
    policy("edge", null, L2_ANYWHERE, null, Map.of("edge", "yes"));
    assertThat(announced("203.0.113.10").message())
        .isEqualTo(
            "No node answers ARP for 203.0.113.10: policy edge selects no node that has an agent.");
    nodes.add(
        new AnnouncingNode(
            "node-1", List.of(), true, false, Map.of("edge", "yes"), Optional.of("taint t"), null));
    assertThat(announced("203.0.113.10").message())
        .endsWith("every node that policy edge selects is excluded: node-1 (taint t).");
    nodes.add(
        new AnnouncingNode(
            "node-2", List.of(), true, false, Map.of("edge", "yes"), Optional.empty(), null));
    hasEndpoints = false;
    assertThat(announced("203.0.113.10").message()).contains("nothing behind it");
    hasEndpoints = true;
    isProgrammed = false;
    assertThat(announced("203.0.113.10").message()).contains("no node has programmed it yet");
    isProgrammed = true;
    assertThat(announced("203.0.113.10").message()).contains("has a vote in the Membership yet");
    nodes.add(
        new AnnouncingNode(
            "node-3",
            List.of(),
            true,
            false,
            Map.of("edge", "yes"),
            Optional.empty(),
            announcing(List.of(), List.of())));
    assertThat(announced("2001:db8::1").message())
        .isEqualTo(
            "No node answers NDP for 2001:db8::1: the nodes have not agreed on one; of node-2,"
                + " node-3 one should.");
  }

  @Test
  void whatIsInTheWayOfASessionIsSaid() {
    policy("bgp", null, null, new Bgp(List.of("tor-1"), null, null, null));
    node(
        "node-1",
        announcing(List.of(), List.of(), new Session("tor-1", "Active", "connection refused")));
    assertThat(announced("203.0.113.10").message()).contains("there is no BGPPeer for it");
    peer("tor-1");
    peer("tor-2");
    Verdict down = announced("203.0.113.10");
    assertThat(down.reason()).isEqualTo("SessionDown");
    assertThat(down.message())
        .isEqualTo(
            "No router has a route to 203.0.113.10: no session with tor-1 from node-1 (Active:"
                + " connection refused).");
    node("node-2", announcing(List.of(), List.of(), UP));
    assertThat(announced("203.0.113.10").reason()).isEqualTo("NoEligibleNode");
  }

  @Test
  void whoElseHasAnAddressIsNamedAlsoWhereAnOwnerAnswers() {
    policy("l2", null, L2_ANYWHERE, null);
    node("node-1", announcing(List.of("203.0.113.10"), List.of()));
    Announcing foreign =
        new Announcing(
            1L,
            null,
            null,
            List.of(new Duplicate("203.0.113.10", "eth0", "02:00:00:00:00:01")),
            null);
    node("node-2", foreign);
    Verdict verdict = announced("203.0.113.10");
    assertThat(verdict.reason()).isEqualTo("DuplicateAddress");
    assertThat(verdict.message()).contains("02:00:00:00:00:01", "eth0", "node-2");
    silent.add("node-2");
    assertThat(announced("203.0.113.10").isTrue()).isTrue();
  }

  @Test
  void noMoreThanFiveNodesAreNamed() {
    policy("bgp", null, null, TO_ALL);
    peer("tor-1");
    for (int i = 9; i > 0; i--) {
      node("node-" + i, announcing(List.of(), List.of("203.0.113.10"), UP));
    }
    assertThat(announced("203.0.113.10").message())
        .isEqualTo("203.0.113.10 by BGP from node-1, node-2, node-3, node-4, node-5 and others.");
  }

  private Verdict announced(String... addresses) {
    List<AnnouncingNode> now =
        nodes.stream()
            .map(
                n ->
                    new AnnouncingNode(
                        n.name(),
                        n.addresses(),
                        n.hasAgent(),
                        silent.contains(n.name()),
                        n.labels(),
                        n.exclusion(),
                        n.announcing()))
            .toList();
    return Announced.of(
        List.of(addresses),
        AnnouncingView.of(Policies.of(policies, List.of()), peers, now),
        announcements,
        silent::contains,
        isProgrammed,
        hasEndpoints);
  }

  private void policy(String name, List<String> addresses, L2 l2, Bgp bgp) {
    policy(name, addresses, l2, bgp, null);
  }

  private void policy(
      String name, List<String> addresses, L2 l2, Bgp bgp, Map<String, String> labels) {
    AnnouncementPolicy policy = new AnnouncementPolicy();
    policy.setMetadata(new ObjectMetaBuilder().withName(name).build());
    policy.setSpec(
        new AnnouncementPolicySpec(
            null, addresses, labels == null ? null : new Selector(labels, null), l2, bgp));
    policies.add(policy);
  }

  private void peer(String name) {
    BGPPeer peer = new BGPPeer();
    peer.setMetadata(new ObjectMetaBuilder().withName(name).build());
    peer.setSpec(
        new BGPPeerSpec(
            null,
            "198.51.100.254",
            null,
            64513L,
            64512L,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null));
    peers.add(peer);
  }

  private void node(String name, Announcing announcing) {
    nodes.add(
        new AnnouncingNode(name, List.of(), true, false, Map.of(), Optional.empty(), announcing));
    announcements.reported(
        name, new NodeStateStatus("test", null, null, null, null, null, null, announcing));
  }

  private static Announcing announcing(List<String> l2, List<String> routes, Session... sessions) {
    return new Announcing(1L, l2, routes, null, List.of(sessions));
  }
}
