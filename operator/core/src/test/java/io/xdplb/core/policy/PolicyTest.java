// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.policy;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.Bgp;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.L2;
import io.xdplb.api.v1alpha1.Selector;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.IpRange;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PolicyTest {

  private static final L2 L2_ANYWHERE = new L2(null);
  private static final Map<String, List<IpRange>> POOLS =
      Map.of("public", List.of(IpRange.of(Cidr.parse("203.0.113.0/24"))));

  @Test
  void withoutPoolsAndAddressesAllAreSelected() {
    Policy policy = policy(null, null);
    assertThat(policy.selects(Ip.parse("198.51.100.1"))).isTrue();
    assertThat(policy.selects(Ip.parse("2001:db8::1"))).isTrue();
  }

  @Test
  void addressesOfPoolsAndBlocksAreSelectedAndNoOthers() {
    Policy policy = policy(List.of("public"), List.of("2001:db8::/64"));
    assertThat(policy.selects(Ip.parse("203.0.113.0"))).isTrue();
    assertThat(policy.selects(Ip.parse("203.0.113.255"))).isTrue();
    assertThat(policy.selects(Ip.parse("203.0.114.0"))).isFalse();
    assertThat(policy.selects(Ip.parse("203.0.112.255"))).isFalse();
    assertThat(policy.selects(Ip.parse("2001:db8::ffff"))).isTrue();
    assertThat(policy.selects(Ip.parse("2001:db8:0:1::"))).isFalse();
  }

  @Test
  void aPolicyOfAPoolThatIsNotThereSelectsNothing() {
    PolicyReader.Result result =
        read(new AnnouncementPolicySpec(List.of("gone"), null, null, L2_ANYWHERE, null));
    assertThat(result.missingPools()).containsExactly("gone");
    assertThat(result.policy().orElseThrow().selects(Ip.parse("203.0.113.1"))).isFalse();
  }

  @Test
  void nodesAreSelectedByTheirLabels() {
    Policy edge =
        read(new AnnouncementPolicySpec(
                null, null, new Selector(Map.of("edge", "yes"), null), L2_ANYWHERE, null))
            .policy()
            .orElseThrow();
    assertThat(edge.selectsNode(Map.of("edge", "yes", "a", "b"))).isTrue();
    assertThat(edge.selectsNode(Map.of("edge", "no"))).isFalse();
    assertThat(policy(null, null).selectsNode(Map.of())).isTrue();
  }

  @Test
  void peersAreAllUnlessSomeAreNamed() {
    Policy all = bgp(new Bgp(null, null, null, null)).policy().orElseThrow();
    assertThat(all.announcesTo("tor-1")).isTrue();
    Policy some = bgp(new Bgp(List.of("tor-2"), null, null, null)).policy().orElseThrow();
    assertThat(some.announcesTo("tor-1")).isFalse();
    assertThat(some.announcesTo("tor-2")).isTrue();
    assertThat(policy(null, null).announcesTo("tor-1")).isFalse();
  }

  @Test
  void numbersThatDoNotFitAreNamed() {
    PolicyReader.Result result =
        bgp(new Bgp(null, List.of("no-export", "65536:1"), List.of("1:2:4294967296"), null));
    assertThat(result.policy()).isEmpty();
    assertThat(result.problems())
        .extracting(Object::toString)
        .containsExactly(
            "spec.bgp.communities[1]: 65536 is not 0 to 65535",
            "spec.bgp.largeCommunities[0]: 4294967296 is not 0 to 4294967295");
    assertThat(
            bgp(new Bgp(null, List.of("65535:65535"), List.of("0:0:4294967295"), null)).problems())
        .isEmpty();
  }

  @Test
  void whatSaysNoWayIsInvalid() {
    assertThat(read(null).problems()).hasSize(1);
    assertThat(read(new AnnouncementPolicySpec(null, null, null, null, null)).problems())
        .hasSize(1);
  }

  @Test
  void nodesAreExcludedByLabelAndByTaintAndNotByACordon() {
    assertThat(NodeExclusion.of(Map.of(), Set.of("node.kubernetes.io/unschedulable"))).isEmpty();
    assertThat(NodeExclusion.of(Map.of(NodeExclusion.LABEL, ""), Set.of()))
        .contains("label node.kubernetes.io/exclude-from-external-load-balancers");
    assertThat(NodeExclusion.of(Map.of(), Set.of("node.kubernetes.io/out-of-service")))
        .contains("taint node.kubernetes.io/out-of-service");
    assertThat(NodeExclusion.of(Map.of(), Set.of("ToBeDeletedByClusterAutoscaler")))
        .contains("taint ToBeDeletedByClusterAutoscaler");
  }

  private static Policy policy(List<String> pools, List<String> addresses) {
    return read(new AnnouncementPolicySpec(pools, addresses, null, L2_ANYWHERE, null))
        .policy()
        .orElseThrow();
  }

  private static PolicyReader.Result bgp(Bgp bgp) {
    return read(new AnnouncementPolicySpec(null, null, null, null, bgp));
  }

  private static PolicyReader.Result read(AnnouncementPolicySpec spec) {
    return PolicyReader.read("test", spec, pool -> Optional.ofNullable(POOLS.get(pool)));
  }
}
