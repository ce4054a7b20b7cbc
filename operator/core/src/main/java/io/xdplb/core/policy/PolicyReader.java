// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.policy;

import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.Selector;
import io.xdplb.core.compile.Problem;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.IpRange;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Finds everything that is wrong with an AnnouncementPolicy. The API server has refused most of it
 * already.
 */
public final class PolicyReader {

  private static final int LARGEST_16 = 0xffff;
  private static final long LARGEST_32 = 0xffff_ffffL;

  /**
   * What a policy is.
   *
   * @param policy empty exactly if there are problems
   * @param problems in the order of the spec
   * @param missingPools names of pools that do not exist; nothing is selected for them
   */
  public record Result(
      Optional<Policy> policy, List<Problem> problems, List<String> missingPools) {}

  private final List<Problem> problems = new ArrayList<>();
  private final List<String> missingPools = new ArrayList<>();

  private PolicyReader() {}

  /**
   * Never throws for anything that a user may write.
   *
   * @param pools the blocks of a pool, by its name; empty if there is no such pool, or it is
   *     invalid
   */
  public static Result read(
      String name, AnnouncementPolicySpec spec, Function<String, Optional<List<IpRange>>> pools) {
    PolicyReader reader = new PolicyReader();
    Optional<Policy> policy = reader.policy(name, spec, pools);
    return new Result(
        reader.problems.isEmpty() ? policy : Optional.empty(),
        List.copyOf(reader.problems),
        List.copyOf(reader.missingPools));
  }

  private Optional<Policy> policy(
      String name, AnnouncementPolicySpec spec, Function<String, Optional<List<IpRange>>> pools) {
    if (spec == null || spec.l2() == null && spec.bgp() == null) {
      invalid("spec", "says no way to announce addresses; set l2 or bgp");
      return Optional.empty();
    }
    List<IpRange> blocks = new ArrayList<>();
    for (String pool : orEmpty(spec.pools())) {
      pools.apply(pool).ifPresentOrElse(blocks::addAll, () -> missingPools.add(pool));
    }
    List<String> addresses = orEmpty(spec.addresses());
    for (int i = 0; i < addresses.size(); i++) {
      try {
        blocks.add(IpRange.of(Cidr.parse(addresses.get(i))));
      } catch (IllegalArgumentException e) {
        invalid("spec.addresses[" + i + "]", e.getMessage());
      }
    }
    checkSelector(spec.nodeSelector());
    if (spec.bgp() != null) {
      checkNumbers("spec.bgp.communities", spec.bgp().communities(), LARGEST_16);
      checkNumbers("spec.bgp.largeCommunities", spec.bgp().largeCommunities(), LARGEST_32);
    }
    boolean selectsAll = orEmpty(spec.pools()).isEmpty() && addresses.isEmpty();
    return Optional.of(new Policy(name, spec, selectsAll, blocks));
  }

  private void checkSelector(Selector selector) {
    if (selector != null && selector.matchExpressions() != null) {
      for (Selector.Requirement requirement : selector.matchExpressions()) {
        if (requirement == null || requirement.key() == null || requirement.operator() == null) {
          invalid("spec.nodeSelector.matchExpressions", "needs key and operator");
        }
      }
    }
  }

  /** A pattern counts digits and does not compare. */
  private void checkNumbers(String where, List<String> communities, long largest) {
    for (int i = 0; i < orEmpty(communities).size(); i++) {
      for (String part : communities.get(i).split(":")) {
        if (part.matches("[0-9]+") && Long.parseLong(part) > largest) {
          invalid(where + "[" + i + "]", part + " is not 0 to " + largest);
        }
      }
    }
  }

  private void invalid(String where, String message) {
    problems.add(new Problem(Problem.Reason.InvalidSpec, where, message));
  }

  private static <T> List<T> orEmpty(List<T> list) {
    return list == null ? List.of() : list;
  }
}
