// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;

/**
 * Which addresses a pool has, and who gets which of them. No change here takes an address from a
 * load balancer that has it: what leaves the pool stays in use until it is given up, and goes to
 * nobody then.
 *
 * @param blocks the addresses, 1 to 64 blocks of either family. Blocks of two pools must not
 *     overlap: of two that do, the older pool has the addresses, and both say so
 * @param exclude addresses, and blocks of addresses as 203.0.113.0/30, that nobody gets, at most
 *     256
 * @param autoAssign whether load balancers that name no pool get addresses from here; absent means
 *     true
 * @param priority of the pools that a load balancer may use, the one with the highest priority is
 *     asked first, -1000 to 1000; of equal ones the one whose name sorts first; absent means 0
 * @param strategy which of the free addresses is the next; absent means Sequential
 * @param releaseHold how long an address rests after a load balancer has given it up and no node
 *     has it any more, as a duration such as {@code 90s} or {@code 2m}, at most 24h; whoever had it
 *     last may have it back at once; absent means 0s. A restart of the operator ends the rest
 * @param tenancy who may have addresses from here; absent means everybody, as many as there are
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AddressPoolSpec(
    @Required @Size(min = 1, max = Limits.POOL_BLOCKS) List<Block> blocks,
    @Size(max = Limits.POOL_EXCLUSIONS)
        @ValidationRule(
            value = "self.all(e, isIP(e) || isCIDR(e))",
            message = "must be addresses, as 203.0.113.1, or blocks of them, as 203.0.113.0/30")
        List<@Size(min = 1, max = Limits.CIDR_LENGTH) String> exclude,
    @Default("true") Boolean autoAssign,
    @Default("0") @Min(-Limits.POOL_PRIORITY) @Max(Limits.POOL_PRIORITY) Integer priority,
    @Default("Sequential") Strategy strategy,
    @Default("0s")
        @Size(min = 2, max = 32)
        @Pattern(Limits.DURATION)
        @ValidationRule(
            value = "duration(self) <= duration('24h')",
            message = "must be at most 24h")
        @ValidationRule(
            value = "duration(self).getMilliseconds() % 1000 == 0",
            message = "must be whole seconds")
        String releaseHold,
    Tenancy tenancy) {

  /** One with these blocks and nothing else said. */
  public AddressPoolSpec(List<Block> blocks) {
    this(blocks, null, null, null, null, null, null);
  }

  /**
   * Consecutive addresses: either {@code cidr}, or {@code start} and {@code end}. All of them can
   * be load balancers' addresses, also the first and the last of a block of IPv4 addresses: exclude
   * these where a switch or router takes them for network and broadcast addresses.
   *
   * @param cidr a block as 203.0.113.0/24 or 2001:db8::/64, without bits beyond the prefix
   * @param start the first address, IPv4 or IPv6
   * @param end the last address, of the same family and not before {@code start}
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  @ValidationRule(
      value =
          "has(self.cidr) ? !has(self.start) && !has(self.end) : has(self.start) && has(self.end)",
      message = "either cidr, or start and end, must be set")
  @ValidationRule(
      value = "!has(self.cidr) || isCIDR(self.cidr) && cidr(self.cidr) == cidr(self.cidr).masked()",
      message =
          "cidr must be a block of IPv4 or IPv6 addresses, as 203.0.113.0/24, without bits beyond"
              + " the prefix")
  @ValidationRule(
      value =
          "!has(self.start) || !has(self.end) || isIP(self.start) && isIP(self.end)"
              + " && ip(self.start).family() == ip(self.end).family()",
      message = "start and end must be IPv4 addresses, or both IPv6 addresses")
  public record Block(
      @Size(min = 1, max = Limits.CIDR_LENGTH) String cidr,
      @Size(min = 1, max = Limits.ADDRESS_LENGTH) String start,
      @Size(min = 1, max = Limits.ADDRESS_LENGTH) String end) {

    /** All addresses of a prefix. */
    public static Block of(String cidr) {
      return new Block(cidr, null, null);
    }

    /** All addresses from one to another, both included. */
    public static Block of(String start, String end) {
      return new Block(null, start, end);
    }
  }

  /** Which of the free addresses is the next. */
  public enum Strategy {
    /** The lowest. */
    Sequential,
    /** One that nobody has had yet, the lowest first; then the one that was given up first. */
    LeastRecentlyReleased,
    /**
     * One that depends on namespace and name: a load balancer that is created again gets the same
     * address, unless another one has it.
     */
    Hash
  }

  /**
   * Who may have addresses of a pool.
   *
   * @param namespaceSelector labels of the namespaces whose load balancers get addresses from here;
   *     absent means all namespaces
   * @param enforce true: load balancers of other namespaces get none, even if they name this pool
   *     or request an address of it. false: they only get none without naming it; absent means true
   * @param maxPerNamespace how many addresses of this pool the load balancers of one namespace may
   *     have together, 1 to 1000000; absent means as many as there are
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Tenancy(
      Selector namespaceSelector,
      @Default("true") Boolean enforce,
      @Min(1) @Max(Limits.POOL_QUOTA) Integer maxPerNamespace) {}
}
