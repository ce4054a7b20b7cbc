// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.controller.MembershipPlan.Candidate;
import io.xdplb.core.announce.Member;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MembershipPlanTest {

  @Test
  void theFirstHasAllAndTheWitnessWhereTheirNumberIsEven() {
    Membership three = MembershipPlan.first(1, wanted(null, node("c"), node("a"), node("b")));
    assertThat(three.members()).extracting(Member::name).containsExactly("a", "b", "c");
    assertThat(three.members()).extracting(Member::slot).containsExactly(0, 1, 2);
    assertThat(three.witness()).isFalse();
    assertThat(three.changed()).isTrue();
    assertThat(MembershipPlan.first(1, wanted(null, node("a"), node("b"))).witness()).isTrue();
  }

  @Test
  void oneWithoutAnAgentOrAnAddressDoesNotJoin() {
    assertThat(
            wanted(
                null,
                new Candidate("no-agent", List.of(ip(1)), false, false, true),
                new Candidate("no-address", List.of(), true, false, true),
                new Candidate("lost", List.of(ip(3)), true, true, true),
                node("a")))
        .containsOnlyKeys("a");
  }

  /** A restart, or an upgrade, for which the Pod is deleted and made anew. */
  @Test
  void aMemberStaysWhileItsAgentIsAwayUntilItIsLost() {
    Membership now = membership(5, "a", "b", "c");
    Candidate away = new Candidate("b", List.of(), false, false, true);
    assertThat(wanted(now, node("a"), away, node("c"))).containsOnlyKeys("a", "b", "c");
    Candidate lost = new Candidate("b", List.of(ip(2)), true, true, true);
    assertThat(wanted(now, node("a"), lost, node("c"))).containsOnlyKeys("a", "c");
  }

  @Test
  void aMemberKeepsItsAddressForAsLongAsItHasIt() {
    Membership now = membership(5, "a");
    Ip first = now.members().get(0).address();
    Candidate more = new Candidate("a", List.of(ip(77), first), true, false, true);
    assertThat(wanted(now, more).get("a").address()).isEqualTo(first);
    Candidate other = new Candidate("a", List.of(ip(77)), true, false, true);
    assertThat(wanted(now, other).get("a").address()).isEqualTo(ip(77));
  }

  @Test
  void ofTooManyThoseComeFirstThatArePickedThenMembersThenByName() {
    List<Candidate> candidates = new ArrayList<>();
    IntStream.range(0, 62)
        .forEach(
            i ->
                candidates.add(
                    new Candidate("picked-%02d".formatted(i), List.of(ip(i)), true, false, true)));
    candidates.add(new Candidate("a", List.of(ip(100)), true, false, false));
    candidates.add(new Candidate("z", List.of(ip(101)), true, false, false));
    Map<String, Member> wanted = MembershipPlan.wanted(candidates, null);
    assertThat(wanted).hasSize(63).containsKey("a").doesNotContainKey("z");
    Map<String, Member> keeping = MembershipPlan.wanted(candidates, membership(4, "z"));
    assertThat(keeping).hasSize(63).containsKey("z").doesNotContainKey("a");
  }

  @Test
  void nothingFollowsUntilAMajorityIsThereNorWhenAllIsAsWanted() {
    Membership now = membership(5, "a", "b", "c");
    Map<String, Member> four = wanted(now, node("a"), node("b"), node("c"), node("d"));
    assertThat(MembershipPlan.next(now, four, Map.of("a", 5L, "b", 4L, "d", 5L), 0)).isEmpty();
    Membership next = MembershipPlan.next(now, four, Map.of("a", 5L, "b", 6L), 0).orElseThrow();
    assertThat(next.epoch()).isEqualTo(6);
    assertThat(next.members()).extracting(Member::name).containsExactly("a", "b", "c", "d");
    Map<String, Member> same = wanted(now, node("a"), node("b"), node("c"));
    assertThat(MembershipPlan.next(now, same, Map.of("a", 5L, "b", 5L, "c", 5L), 0)).isEmpty();
  }

  @Test
  void aMemberWithAnotherAddressLeavesAndJoinsAgain() {
    Membership now = membership(5, "a", "b", "c");
    Candidate moved = new Candidate("b", List.of(ip(99)), true, false, true);
    List<Membership> path = path(now, List.of(node("a"), moved, node("c")));
    Membership last = path.get(path.size() - 1);
    assertThat(last.member("b").orElseThrow().address()).isEqualTo(ip(99));
    assertThat(last.members()).hasSize(3);
    assertThat(last.witness()).isFalse();
    assertThat(path).anyMatch(m -> m.member("b").isEmpty());
    assertAtMostOneVoterChangesAtATimeAndNoneInTheEpochAfter(now, path);
  }

  @Test
  void theOnlyMemberGetsItsOtherAddressAtOnce() {
    Membership now = membership(5, "a");
    Candidate moved = new Candidate("a", List.of(ip(99)), true, false, true);
    Map<String, Member> wanted = wanted(now, moved);
    assertThat(MembershipPlan.next(now, wanted, Map.of("a", 4L), 0)).isEmpty();
    List<Membership> path = path(now, List.of(moved));
    assertThat(path.get(0).member("a").orElseThrow().address()).isEqualTo(ip(99));
    assertThat(path).hasSize(2); // and one in which nothing changes
  }

  @Test
  void fromOneNodeToFourAndBackEachStepChangesOneVoter() {
    Membership now = membership(1, "a");
    List<Candidate> four = List.of(node("a"), node("b"), node("c"), node("d"));
    List<Membership> there = path(now, four);
    Membership full = there.get(there.size() - 1);
    assertThat(full.members()).hasSize(4);
    assertThat(full.witness()).isTrue();
    assertAtMostOneVoterChangesAtATimeAndNoneInTheEpochAfter(now, there);
    List<Membership> back = path(full, List.of(node("d")));
    Membership last = back.get(back.size() - 1);
    assertThat(last.members()).extracting(Member::name).containsExactly("d");
    assertThat(last.witness()).isFalse();
    assertAtMostOneVoterChangesAtATimeAndNoneInTheEpochAfter(full, back);
  }

  @Test
  void theLastMemberIsNotTakenOut() {
    Membership now = membership(5, "a");
    assertThat(MembershipPlan.next(now, Map.of(), Map.of("a", 5L), 0)).isEmpty();
  }

  /** Until nothing follows any more, everybody having reached each one. */
  private static List<Membership> path(Membership from, Collection<Candidate> candidates) {
    List<Membership> path = new ArrayList<>();
    Membership now = from;
    for (int i = 0; i < 40; i++) {
      Map<String, Long> reached = new HashMap<>();
      long epoch = now.epoch();
      now.members().forEach(m -> reached.put(m.name(), epoch));
      Optional<Membership> next =
          MembershipPlan.next(now, MembershipPlan.wanted(candidates, now), reached, epoch);
      if (next.isEmpty()) {
        return path;
      }
      now = next.get();
      path.add(now);
    }
    throw new AssertionError("it does not end: " + path);
  }

  private static void assertAtMostOneVoterChangesAtATimeAndNoneInTheEpochAfter(
      Membership from, List<Membership> path) {
    Membership before = from;
    for (Membership next : path) {
      assertThat(next.epoch()).isEqualTo(before.epoch() + 1);
      long differing = Long.bitCount(before.mask() ^ next.mask());
      assertThat(differing).as("%s to %s", before, next).isLessThanOrEqualTo(1);
      if (before.changed()) {
        assertThat(differing).isZero();
      }
      before = next;
    }
  }

  private static Map<String, Member> wanted(Membership now, Candidate... candidates) {
    return MembershipPlan.wanted(List.of(candidates), now);
  }

  private static Membership membership(long epoch, String... names) {
    Membership first =
        MembershipPlan.first(
            epoch, wanted(null, Stream.of(names).map(n -> node(n)).toArray(Candidate[]::new)));
    return new Membership(epoch, false, first.members(), first.witness());
  }

  private static Candidate node(String name) {
    return new Candidate(name, List.of(ip(name.charAt(0))), true, false, true);
  }

  private static Ip ip(int last) {
    return Ip.parse("198.51.100." + last);
  }
}
