// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.core.announce.Member;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Which membership follows from what is known of the nodes. Pure. */
final class MembershipPlan {

  private MembershipPlan() {}

  /**
   * A node whose Node exists.
   *
   * @param name of the node
   * @param addresses by which other nodes reach it, the preferred one first; none while unknown
   * @param hasAgent whether an agent is there
   * @param isLost whether the agent has given no sign of life for so long that it is not expected
   *     back soon
   * @param isSelected whether a policy wants it to answer ARP and NDP
   */
  record Candidate(
      String name, List<Ip> addresses, boolean hasAgent, boolean isLost, boolean isSelected) {}

  /**
   * Who should be a member, by name. One that is a member stays for as long as it is not lost, also
   * while its agent's Pod is being replaced, and keeps its address for as long as the node has it.
   * If there are too many, those come first that are to answer ARP and NDP, then those that are
   * members already, then by name.
   *
   * @param now the membership that there is; {@code null} if none
   */
  static Map<String, Member> wanted(Collection<Candidate> candidates, Membership now) {
    Map<String, Member> wanted = new TreeMap<>();
    candidates.stream()
        .filter(c -> !c.isLost())
        .filter(c -> member(now, c).isPresent() || c.hasAgent() && !c.addresses().isEmpty())
        .sorted(
            Comparator.comparing(Candidate::isSelected)
                .thenComparing(c -> member(now, c).isPresent())
                .reversed()
                .thenComparing(Candidate::name))
        .limit(Membership.MAX_MEMBERS)
        .forEach(c -> wanted.put(c.name(), new Member(0, c.name(), address(now, c))));
    return wanted;
  }

  /** The first one, or the first after the one that nobody knows any more. */
  static Membership first(long epoch, Map<String, Member> wanted) {
    List<Member> members = new ArrayList<>();
    wanted.values().forEach(m -> members.add(new Member(members.size(), m.name(), m.address())));
    return new Membership(epoch, true, members, members.size() % 2 == 0);
  }

  /**
   * The one to publish now; empty if none is. A member whose address is another one leaves and
   * joins again; the only one there is has nobody who could be told of two.
   *
   * @param wanted by name
   * @param reached the epoch that each node has reached, by name
   * @param witnessEpoch the epoch in the witness' vote; 0 if nobody has ever had it
   * @see Membership#next
   */
  static Optional<Membership> next(
      Membership now, Map<String, Member> wanted, Map<String, Long> reached, long witnessEpoch) {
    Map<String, Member> staying = new TreeMap<>(wanted);
    staying
        .values()
        .removeIf(
            w -> now.member(w.name()).filter(m -> !m.address().equals(w.address())).isPresent());
    Optional<Membership> next = now.next(staying, reached, witnessEpoch);
    if (next.isPresent() || now.changed() || now.members().size() != 1) {
      return next;
    }
    Member only = now.members().get(0);
    return Optional.ofNullable(wanted.get(only.name()))
        .filter(w -> !w.address().equals(only.address()))
        .filter(w -> reached.getOrDefault(only.name(), 0L) >= now.epoch())
        .map(w -> new Member(only.slot(), only.name(), w.address()))
        .map(moved -> new Membership(now.epoch() + 1, true, List.of(moved), now.witness()));
  }

  private static Optional<Member> member(Membership now, Candidate candidate) {
    return now == null ? Optional.empty() : now.member(candidate.name());
  }

  private static Ip address(Membership now, Candidate candidate) {
    return member(now, candidate)
        .map(Member::address)
        .filter(a -> candidate.addresses().isEmpty() || candidate.addresses().contains(a))
        .orElseGet(() -> candidate.addresses().get(0));
  }
}
