// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.api.v1alpha1.AddressPoolSpec;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Block;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Strategy;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Tenancy;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.Selector;
import io.xdplb.core.compile.AddressRules;
import io.xdplb.core.compile.Durations;
import io.xdplb.core.compile.Problem;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.IpRange;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Finds everything that is wrong with a pool. Where there is an API server it has refused most of
 * it already; the standalone mode has none.
 */
public final class PoolReader {

  /**
   * What a pool is.
   *
   * @param pool empty exactly if there are problems
   * @param problems in the order of the spec
   */
  public record Result(Optional<Pool> pool, List<Problem> problems) {}

  private final List<Problem> problems = new ArrayList<>();

  private PoolReader() {}

  /** Never throws for anything that a user may write. */
  public static Result read(String name, Instant createdAt, AddressPoolSpec spec) {
    PoolReader reader = new PoolReader();
    Pool pool = reader.pool(name, createdAt, spec);
    return new Result(
        reader.problems.isEmpty() ? Optional.of(pool) : Optional.empty(),
        List.copyOf(reader.problems));
  }

  private Pool pool(String name, Instant createdAt, AddressPoolSpec spec) {
    if (spec == null || spec.blocks() == null || spec.blocks().isEmpty()) {
      invalid("spec.blocks", "has no blocks; write at least one, as {cidr: 203.0.113.0/24}");
      return null;
    }
    atMost("spec.blocks", spec.blocks().size(), Limits.POOL_BLOCKS);
    List<IpRange> blocks = new ArrayList<>();
    for (int i = 0; i < spec.blocks().size(); i++) {
      String where = "spec.blocks[" + i + "]";
      Block block = spec.blocks().get(i);
      range(where, () -> block(block)).ifPresent(range -> addUsable(where, range, blocks));
    }
    List<String> texts = spec.exclude() == null ? List.of() : spec.exclude();
    atMost("spec.exclude", texts.size(), Limits.POOL_EXCLUSIONS);
    List<IpRange> excluded = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      String text = texts.get(i) == null ? "" : texts.get(i);
      range("spec.exclude[" + i + "]", () -> exclusion(text)).ifPresent(excluded::add);
    }
    Tenancy tenancy = spec.tenancy() == null ? new Tenancy(null, null, null) : spec.tenancy();
    return new Pool(
        name,
        createdAt,
        blocks,
        excluded,
        spec.autoAssign() == null || spec.autoAssign(),
        priority(spec.priority()),
        spec.strategy() == null ? Strategy.Sequential : spec.strategy(),
        releaseHold(spec.releaseHold()),
        selector(tenancy.namespaceSelector()),
        tenancy.enforce() == null || tenancy.enforce(),
        quota(tenancy.maxPerNamespace()));
  }

  private static IpRange block(Block block) {
    if (block == null || (block.cidr() == null) == (block.start() == null && block.end() == null)) {
      throw new IllegalArgumentException("is no block; set either cidr, or start and end");
    }
    if (block.cidr() == null) {
      if (block.start() == null || block.end() == null) {
        throw new IllegalArgumentException("has only one of start and end; set both");
      }
      return new IpRange(Ip.parse(block.start()), Ip.parse(block.end()));
    }
    Cidr cidr = Cidr.parse(block.cidr());
    if (!Ip.parse(block.cidr().substring(0, block.cidr().indexOf('/'))).equals(cidr.address())) {
      throw new IllegalArgumentException(
          block.cidr() + " has bits beyond the prefix; write " + cidr);
    }
    return IpRange.of(cidr);
  }

  private static IpRange exclusion(String text) {
    if (text.contains("/")) {
      return IpRange.of(Cidr.parse(text));
    }
    Ip ip = Ip.parse(text);
    return new IpRange(ip, ip);
  }

  private void addUsable(String where, IpRange range, List<IpRange> blocks) {
    blocks.add(range);
    AddressRules.refusal(range)
        .ifPresent(why -> invalid(where, "has " + why + ", which cannot be a VIP"));
  }

  private int priority(Integer spec) {
    int priority = spec == null ? 0 : spec;
    if (Math.abs(priority) > Limits.POOL_PRIORITY) {
      invalid(
          "spec.priority",
          priority
              + " is no priority; use -"
              + Limits.POOL_PRIORITY
              + " to "
              + Limits.POOL_PRIORITY);
    }
    return priority;
  }

  private Duration releaseHold(String text) {
    try {
      return Duration.ofSeconds(text == null ? 0 : Durations.seconds(text));
    } catch (IllegalArgumentException e) {
      invalid("spec.releaseHold", e.getMessage());
      return Duration.ZERO;
    }
  }

  private Optional<Selector> selector(Selector selector) {
    if (selector != null && selector.matchExpressions() != null) {
      for (Selector.Requirement requirement : selector.matchExpressions()) {
        if (requirement == null || requirement.key() == null || requirement.operator() == null) {
          invalid("spec.tenancy.namespaceSelector.matchExpressions", "needs key and operator");
        }
      }
    }
    return Optional.ofNullable(selector);
  }

  private OptionalInt quota(Integer spec) {
    if (spec == null) {
      return OptionalInt.empty();
    }
    if (spec < 1) {
      invalid("spec.tenancy.maxPerNamespace", spec + " is no quota; use 1 or more");
    }
    return OptionalInt.of(spec);
  }

  private interface RangeText {
    IpRange parse();
  }

  private Optional<IpRange> range(String where, RangeText text) {
    try {
      return Optional.of(text.parse());
    } catch (IllegalArgumentException e) {
      invalid(where, e.getMessage());
      return Optional.empty();
    }
  }

  private void atMost(String where, int size, int max) {
    if (size > max) {
      invalid(where, "has more than " + max + " entries; make several pools of it");
    }
  }

  private void invalid(String where, String message) {
    problems.add(new Problem(Problem.Reason.InvalidSpec, where, message));
  }
}
