// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static io.xdplb.controller.TestCluster.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.Membership;
import io.xdplb.api.v1alpha1.MembershipSpec;
import io.xdplb.api.v1alpha1.MembershipStatus;
import io.xdplb.core.announce.Member;
import io.xdplb.core.model.Ip;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who has a vote, published on a real API server. */
class MembershipTest extends OperatorTestCase {

  private final Map<String, TestAgent> agents = new HashMap<>();

  MembershipTest(KubernetesApi api) {
    super(api);
  }

  @BeforeEach
  void nothingIsKnownFromBefore() {
    operator.stop();
    agents.clear();
    membership().delete();
    operator.restart(settings -> settings);
  }

  @Test
  void theFirstMembershipHasAllNodesThatHaveAnAgent() {
    join("node-1", "node-2", "node-3");
    cluster.node("node-4", "198.51.100.4");
    MembershipSpec first = await(spec -> spec.epoch() == 1).getSpec();
    assertThat(first.members())
        .extracting(m -> m.slot() + " " + m.node() + " " + m.address())
        .containsExactly("0 node-1 198.51.100.1", "1 node-2 198.51.100.2", "2 node-3 198.51.100.3");
    assertThat(first.changed()).isTrue();
    assertThat(first.witness()).isFalse();
  }

  @Test
  void nodesJoinAndLeaveOneAtATimeAndTheWitnessVotesWhereTheirNumberIsEven() {
    join("node-1", "node-2");
    await(spec -> spec.epoch() == 1 && spec.witness());
    assertNothingIsPublished(); // nobody has reached it

    follow(spec -> spec.epoch() == 2 && !spec.changed());
    join("node-3");
    follow(spec -> !spec.changed() && names(spec).size() == 3 && !spec.witness());
    assertNothingIsPublished();

    cluster.client.nodes().withName("node-2").delete();
    follow(
        spec ->
            !spec.changed() && names(spec).equals(Set.of("node-1", "node-3")) && spec.witness());

    // The witness counts where it has voted in the epoch, as two of three.
    join("node-4");
    Membership now = await(spec -> true);
    agents.get("node-1").reaches(now.getSpec().epoch());
    agents.get("node-3").reaches(1);
    assertThat(now.getSpec().epoch()).isGreaterThan(1);
    vote(now.getSpec().epoch());
    await(spec -> names(spec).contains("node-4"));
  }

  @Test
  void anAgentThatIsAwayForAShortTimeStaysAndOneThatIsLostGoes() {
    operator.restart(
        settings -> settings.withLost(Duration.ofSeconds(3)).withAgentPods("app=agent"));
    List<String> names = List.of("node-1", "node-2", "node-3");
    names.forEach(cluster::agentPodOn);
    join("node-1", "node-2", "node-3");
    names.forEach(name -> agents.get(name).isAlive(3600));
    await(spec -> spec.epoch() == 1);
    follow(spec -> spec.epoch() == 2);

    // Its Pod is replaced.
    cluster.removeAgentPod("node-2");
    assertNothingIsPublished();
    cluster.agentPodOn("node-2");
    assertNothingIsPublished();

    agents.get("node-2").isAlive(1);
    follow(
        spec ->
            !spec.changed() && names(spec).equals(Set.of("node-1", "node-3")) && spec.witness());
    agents.get("node-2").isAlive(3600);
    follow(spec -> !spec.changed() && names(spec).size() == 3);
  }

  @Test
  void aNodeThatIsReachedElsewhereLeavesAndJoins() {
    join("node-1", "node-2", "node-3");
    await(spec -> spec.epoch() == 1);
    agents.get("node-2").at("2001:db8:1::2", "198.51.100.2").reaches(1);
    follow(spec -> spec.epoch() == 2);
    assertNothingIsPublished();
    agents.get("node-2").at("2001:db8:1::2").reaches(2);
    follow(spec -> !names(spec).contains("node-2"));
    MembershipSpec after =
        follow(spec -> !spec.changed() && names(spec).contains("node-2") && !spec.witness());
    assertThat(after.members())
        .extracting(MembershipSpec.Member::address)
        .contains("2001:db8:1::2");
  }

  @Test
  void anotherOperatorGoesOnWhereTheOneBeforeWas() {
    join("node-1", "node-2", "node-3");
    await(spec -> spec.epoch() == 1);
    follow(spec -> spec.epoch() == 2);
    String version = membership().get().getMetadata().getResourceVersion();
    operator.restart(settings -> settings);
    assertNothingIsPublished();
    assertThat(membership().get().getMetadata().getResourceVersion()).isEqualTo(version);
    cluster.client.nodes().withName("node-3").delete();
    follow(spec -> spec.epoch() == 3 && names(spec).size() == 2);
  }

  /** Of two operators that both take themselves for the leader. */
  @Test
  void ofTwoThatGoOnFromTheSameOneOnlyOneIsHeard() {
    operator.stop();
    cluster.node("node-1", "198.51.100.1");
    Map<String, Member> wanted =
        Map.of("node-1", new Member(0, "node-1", Ip.parse("198.51.100.1")));
    assertThat(StoredMembership.create(cluster.client, MembershipPlan.first(1, wanted))).isTrue();
    assertThat(StoredMembership.create(cluster.client, MembershipPlan.first(1, wanted))).isFalse();
    StoredMembership seen = StoredMembership.of(membership().get());
    io.xdplb.core.announce.Membership mine = MembershipPlan.first(2, wanted);
    io.xdplb.core.announce.Membership other = MembershipPlan.first(2, Map.of());
    assertThat(seen.replace(cluster.client, mine)).isTrue();
    assertThat(seen.replace(cluster.client, other)).isFalse();
    vote(2);
    assertThat(StoredMembership.of(membership().get()).membership()).isEqualTo(mine);
    assertThat(StoredMembership.of(membership().get()).witnessEpoch()).isEqualTo(2);
    operator.restart(settings -> settings);
  }

  @Test
  void whatWasDeletedComesBackAsItWasWhenNoVoteOfTheWitnessCountsAnyMore() {
    join("node-1", "node-2");
    await(spec -> spec.epoch() == 1);
    follow(spec -> spec.epoch() == 2);
    MembershipSpec before = membership().get().getSpec();
    membership().delete();
    long begin = System.nanoTime();
    assertThat(await(spec -> true).getSpec()).isEqualTo(before);
    assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThan(Duration.ofSeconds(9));
  }

  @Test
  void whenNobodyKnowsTheMembersItBeginsAnewWithAnEpochThatNobodyCanHaveHeardOf() {
    join("node-1", "node-2", "node-3");
    await(spec -> spec.epoch() == 1);
    follow(spec -> spec.epoch() == 2);
    agents.values().forEach(agent -> agent.reaches(2));
    operator.stop();
    membership().delete();
    operator.restart(settings -> settings);
    MembershipSpec anew = await(spec -> true).getSpec();
    assertThat(anew.epoch()).isEqualTo(12);
    assertThat(names(anew)).hasSize(3);
  }

  @Test
  void oneThatWasSetBackIsNotGoneOnFrom() {
    join("node-1", "node-2", "node-3");
    await(spec -> spec.epoch() == 1);
    follow(spec -> spec.epoch() == 2);
    agents.values().forEach(agent -> agent.reaches(2));
    setEpoch(1);
    assertThat(await(spec -> spec.epoch() >= 2).getSpec().epoch()).isEqualTo(2);

    // And as after a restore of a backup, when no operator remembers.
    operator.stop();
    setEpoch(1);
    operator.restart(settings -> settings);
    await(spec -> spec.epoch() == 12);
  }

  @Test
  void whenNoMemberHasANodeAnyMoreItBeginsAnew() {
    join("node-1");
    await(spec -> spec.epoch() == 1);
    cluster.client.nodes().withName("node-1").delete();
    agents.remove("node-1").leaves();
    assertNothingIsPublished();
    join("node-2");
    MembershipSpec anew = await(spec -> spec.epoch() > 1).getSpec();
    assertThat(anew.epoch()).isEqualTo(11);
    assertThat(names(anew)).containsExactly("node-2");
  }

  @Test
  void anInstallationBeginsWithAPolicyThatIsMadeOnce() {
    AnnouncementPolicySpec all =
        new AnnouncementPolicySpec(null, null, null, new AnnouncementPolicySpec.L2(null), null);
    operator.restart(settings -> settings.withDefaultPolicy(all));
    join("node-1");
    await(spec -> spec.epoch() == 1);
    assertThat(policies()).containsExactly("default");
    cluster.client.resources(AnnouncementPolicy.class).withName("default").delete();
    operator.restart(settings -> settings.withDefaultPolicy(all));
    agents.get("node-1").reaches(1);
    await(spec -> spec.epoch() == 2);
    assertThat(policies()).isEmpty();

    // And none where somebody has made one before.
    operator.stop();
    membership().delete();
    agents.get("node-1").announces(null);
    cluster.policy("own", all);
    operator.restart(settings -> settings.withDefaultPolicy(all));
    await(spec -> spec.epoch() == 1);
    assertThat(policies()).containsExactly("own");
  }

  private List<String> policies() {
    return cluster.client.resources(AnnouncementPolicy.class).list().getItems().stream()
        .map(policy -> policy.getMetadata().getName())
        .toList();
  }

  @Test
  void theKeyOfTheNodesMessagesIsMadeOnceAndNeverChanged() {
    until("there is a key", () -> key().get() != null);
    Secret made = key().get();
    assertThat(Base64.getDecoder().decode(made.getData().get("key"))).hasSize(16);
    operator.restart(settings -> settings);
    join("node-1");
    await(spec -> true);
    assertThat(key().get()).isEqualTo(made);

    operator.stop();
    key().delete();
    Secret own =
        new SecretBuilder()
            .withNewMetadata()
            .withName("xdplb-announcing")
            .withNamespace("default")
            .endMetadata()
            .addToData("key", "AAAAAAAAAAAAAAAAAAAAAA==")
            .build();
    cluster.client.resource(own).create();
    operator.restart(settings -> settings);
    cluster.client.nodes().withName("node-1").delete();
    join("node-5");
    agents.get("node-1").reaches(1);
    await(spec -> spec.epoch() > 1);
    assertThat(key().get().getData()).isEqualTo(own.getData());
    key().delete();
  }

  private void join(String... nodes) {
    for (String node : nodes) {
      cluster.node(node, "198.51.100." + node.substring("node-".length()));
      agents.put(node, new TestAgent(cluster.client, node));
    }
  }

  /** All agents reach each epoch that is published, until this holds. */
  private MembershipSpec follow(Predicate<MembershipSpec> condition) {
    long[] before = {membership().get().getSpec().epoch() - 1};
    return await(
            spec -> {
              if (spec.epoch() > before[0]) {
                assertThat(spec.epoch()).isEqualTo(before[0] + 1);
                before[0] = spec.epoch();
                if (!condition.test(spec) || spec.changed()) {
                  vote(spec.epoch()); // first: alone it moves nothing
                  agents.values().forEach(agent -> agent.reaches(spec.epoch()));
                }
              }
              return condition.test(spec);
            })
        .getSpec();
  }

  private Membership await(Predicate<MembershipSpec> condition) {
    Membership[] found = new Membership[1];
    try {
      until(
          "the membership is as expected",
          () -> {
            found[0] = membership().get();
            return found[0] != null && condition.test(found[0].getSpec());
          });
    } catch (ConditionTimeoutException e) {
      assertThat(found[0]).isEqualTo("as expected");
    }
    return found[0];
  }

  /** Not within the time that it takes otherwise. */
  private void assertNothingIsPublished() {
    Membership before = membership().get();
    try {
      Thread.sleep(700);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    assertThat(membership().get()).isEqualTo(before);
  }

  private void vote(long epoch) {
    Membership voted = membership().get();
    long number = voted.getStatus() == null ? 1 : voted.getStatus().number() + 1;
    voted.setStatus(new MembershipStatus(number, "node-1", epoch, number));
    cluster.client.resource(voted).updateStatus();
  }

  private void setEpoch(long epoch) {
    membership()
        .edit(
            object -> {
              MembershipSpec spec = object.getSpec();
              object.setSpec(
                  new MembershipSpec(epoch, spec.changed(), spec.witness(), spec.members()));
              return object;
            });
  }

  private static Set<String> names(MembershipSpec spec) {
    return Set.copyOf(spec.members().stream().map(MembershipSpec.Member::node).toList());
  }

  private Resource<Membership> membership() {
    return cluster.client.resources(Membership.class).withName(Membership.NAME);
  }

  private Resource<Secret> key() {
    return cluster.client.secrets().inNamespace("default").withName("xdplb-announcing");
  }
}
