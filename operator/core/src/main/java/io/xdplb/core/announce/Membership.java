// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.api.v1alpha1.MembershipSpec;
import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Who has a vote, decided by the operator and read by all agents. At most one voter changes from
 * one epoch to the next, and none in the epoch after a change, so that majorities of any three
 * epochs in a row have a voter in common. See {@link #next}.
 *
 * @param epoch counts up by one with each membership
 * @param changed whether the voters are others than in the epoch before
 * @param members in the order of their slots; at most {@link #MAX_MEMBERS}
 * @param witness whether the witness has a vote too: with an even number of members
 */
public record Membership(long epoch, boolean changed, List<Member> members, boolean witness) {

  /** The most members: a bit each in a mask of 64, and one for the witness. */
  public static final int MAX_MEMBERS = 63;

  /** The witness' slot. */
  public static final int WITNESS = 63;

  /**
   * @throws IllegalArgumentException if two members have the same slot or name
   */
  public Membership {
    members = members.stream().sorted(Comparator.comparingInt(Member::slot)).toList();
    Set<Object> seen = new HashSet<>();
    for (Member member : members) {
      if (!seen.add(member.slot()) || !seen.add(member.name())) {
        throw new IllegalArgumentException("slot or name twice in membership: " + member);
      }
    }
  }

  /**
   * As it is written down.
   *
   * @throws IllegalArgumentException as the constructors of a membership and its members
   */
  public static Membership of(MembershipSpec spec) {
    return new Membership(
        spec.epoch(),
        spec.changed(),
        spec.members().stream()
            .map(member -> new Member(member.slot(), member.node(), Ip.parse(member.address())))
            .toList(),
        spec.witness());
  }

  /** How many votes make a majority. */
  public int quorum() {
    return (members.size() + (witness ? 1 : 0)) / 2 + 1;
  }

  /** A bit for each slot that has a vote. */
  public long mask() {
    long mask = witness ? 1L << WITNESS : 0;
    for (Member member : members) {
      mask |= 1L << member.slot();
    }
    return mask;
  }

  /** The member of a name. */
  public Optional<Member> member(String name) {
    return members.stream().filter(member -> member.name().equals(name)).findFirst();
  }

  /**
   * The membership to publish after this one.
   *
   * @param wanted who should be members, by name; the slots in it have no meaning
   * @param reached the epoch that each member has reached, as its agent says ({@link
   *     Output.Reached}), by name
   * @param witnessEpoch the epoch in the witness' vote; 0 if nobody has ever had it
   * @return empty while there is nothing to change, or while less than a majority has reached this
   *     epoch: a member that is still two epochs behind could find a majority of its own
   */
  public Optional<Membership> next(
      Map<String, Member> wanted, Map<String, Long> reached, long witnessEpoch) {
    long votes =
        members.stream().filter(m -> reached.getOrDefault(m.name(), 0L) >= epoch).count()
            + (witness && witnessEpoch >= epoch ? 1 : 0);
    if (votes < quorum()) {
      return Optional.empty();
    }
    if (changed) {
      return Optional.of(new Membership(epoch + 1, false, members, witness));
    }
    List<Member> changing = new ArrayList<>(members);
    Optional<Member> leaver =
        members.stream().filter(m -> !wanted.containsKey(m.name())).findFirst();
    Optional<Member> joiner =
        wanted.values().stream()
            .filter(m -> member(m.name()).isEmpty())
            .min(Comparator.comparing(Member::name));
    boolean full = members.size() == MAX_MEMBERS;
    if (leaver.isPresent() && members.size() > 1) {
      changing.remove(leaver.get());
    } else if (joiner.isPresent() && !full) {
      changing.add(new Member(freeSlot(), joiner.get().name(), joiner.get().address()));
    } else {
      boolean even = members.size() % 2 == 0;
      return even == witness
          ? Optional.empty()
          : Optional.of(new Membership(epoch + 1, true, members, even));
    }
    return Optional.of(new Membership(epoch + 1, true, changing, witness));
  }

  private int freeSlot() {
    return Long.numberOfTrailingZeros(~mask());
  }
}
