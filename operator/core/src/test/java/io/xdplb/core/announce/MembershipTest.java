// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MembershipTest {

  private static final Ip IP = Ip.parse("198.51.100.1");

  @Test
  void majoritiesOfThreeEpochsInARowHaveAVoterInCommon() {
    long seed = System.nanoTime();
    System.out.println("MembershipTest seed " + seed);
    Random random = new Random(seed);
    List<Membership> all = new ArrayList<>(List.of(of(1, false, false, "n0")));
    for (int step = 0; step < 300; step++) {
      Map<String, Member> wanted = new HashMap<>();
      for (int i = 0; i < 6; i++) {
        if (random.nextBoolean()) {
          wanted.put("n" + i, new Member(0, "n" + i, IP));
        }
      }
      for (int more = 0; more < 8; more++) {
        newest(all).next(wanted, reached(newest(all)), 1_000_000).ifPresent(all::add);
      }
    }
    assertThat(all).hasSizeGreaterThan(300);
    for (int i = 0; i < all.size(); i++) {
      assertThat(all.get(i).epoch()).isEqualTo(i + 1);
      for (int j = i; j < Math.min(i + 3, all.size()); j++) {
        assertThat(haveDisjointMajorities(all.get(i), all.get(j)))
            .as(all.get(i) + " and " + all.get(j))
            .isFalse();
      }
    }
  }

  @Test
  void itBecomesWhatIsWantedWithAWitnessIfEven() {
    Map<String, Member> wanted = new HashMap<>();
    for (String name : List.of("b", "c", "d", "e")) {
      wanted.put(name, new Member(0, name, IP));
    }
    List<Membership> all = new ArrayList<>(List.of(of(1, false, false, "a")));
    for (int step = 0; step < 20; step++) {
      newest(all).next(wanted, reached(newest(all)), 100).ifPresent(all::add);
    }
    assertThat(newest(all).members().stream().map(Member::name))
        .containsExactlyInAnyOrderElementsOf(wanted.keySet());
    assertThat(newest(all).witness()).isTrue();
    assertThat(newest(all).quorum()).isEqualTo(3);
    assertThat(newest(all).next(wanted, reached(newest(all)), 100)).isEmpty();
  }

  @Test
  void nothingChangesBeforeAMajorityHasReachedTheEpoch() {
    Membership three = of(5, false, false, "a", "b", "c");
    Map<String, Member> wanted = Map.of("a", new Member(0, "a", IP));
    assertThat(three.next(wanted, Map.of("a", 5L, "b", 4L), 9)).isEmpty();
    assertThat(three.next(wanted, Map.of("a", 5L, "x", 5L), 9)).isEmpty();
    assertThat(three.next(wanted, Map.of("a", 5L, "b", 5L), 9)).isPresent();
    Membership two = of(5, false, true, "a", "b");
    assertThat(two.next(wanted, Map.of("a", 5L), 4)).isEmpty();
    assertThat(two.next(wanted, Map.of("a", 5L), 5)).isPresent();
  }

  @Test
  void theLastMemberStays() {
    assertThat(of(1, false, false, "a").next(Map.of(), Map.of("a", 1L), 0)).isEmpty();
  }

  @Test
  void aFenceThatCouldOutlastWhatItFencesIsRefused() {
    assertThatThrownBy(() -> new Timing(100, 500, 490, 300, 10_000, 9_700))
        .hasMessageContaining("fence of 490 ms may outlast grant of 500 ms");
    assertThatThrownBy(() -> new Timing(100, 500, 480, 300, 10_000, 9_900))
        .hasMessageContaining("witnessFence");
  }

  private static Membership newest(List<Membership> all) {
    return all.get(all.size() - 1);
  }

  private static Map<String, Long> reached(Membership membership) {
    Map<String, Long> reached = new HashMap<>();
    membership.members().forEach(member -> reached.put(member.name(), membership.epoch()));
    return reached;
  }

  private static Membership of(long epoch, boolean changed, boolean witness, String... names) {
    List<Member> members = new ArrayList<>();
    for (String name : names) {
      members.add(new Member(members.size(), name, IP));
    }
    return new Membership(epoch, changed, members, witness);
  }

  /** By counting: the voters of both can be given to either side. */
  private static boolean haveDisjointMajorities(Membership one, Membership other) {
    int common =
        (int) one.members().stream().filter(m -> other.member(m.name()).isPresent()).count()
            + (one.witness() && other.witness() ? 1 : 0);
    int onlyOne = Long.bitCount(one.mask()) - common;
    int onlyOther = Long.bitCount(other.mask()) - common;
    int missing = Math.max(0, one.quorum() - onlyOne) + Math.max(0, other.quorum() - onlyOther);
    return missing <= common;
  }
}
