// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.policy;

import io.xdplb.api.v1alpha1.AddressPoolSpec;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.Bgp;
import io.xdplb.api.v1alpha1.Selector;
import io.xdplb.core.ipam.PoolReader;
import io.xdplb.core.ipam.Selectors;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.IpRange;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An AnnouncementPolicy with the pools that it names.
 *
 * @param name of the policy
 * @param ranges the addresses that it selects; empty for all there are
 * @param nodes labels of the nodes that it selects; empty for all
 * @param interfaces on which ARP and NDP are answered, a * at the end for any rest; none for those
 *     that the agent is attached to; empty where it does not ask for ARP and NDP
 * @param bgp how routes are announced; empty where it does not ask for that
 */
public record Policy(
    String name,
    Optional<List<IpRange>> ranges,
    Optional<Selector> nodes,
    Optional<List<String>> interfaces,
    Optional<Bgp> bgp) {

  /**
   * Reads a policy. A pool that is not there, or is not valid, has no addresses.
   *
   * @param pools by name
   * @throws IllegalArgumentException if it is none; where there is an API server, that has refused
   *     it already
   */
  public static Policy of(
      String name, AnnouncementPolicySpec spec, Map<String, AddressPoolSpec> pools) {
    if (spec == null || spec.l2() == null && spec.bgp() == null) {
      throw new IllegalArgumentException(
          "AnnouncementPolicy "
              + name
              + ": spec.l2 or spec.bgp must be set; write l2: {} for ARP"
              + " and NDP");
    }
    return new Policy(
        name,
        ranges(name, spec, pools),
        Optional.ofNullable(spec.nodeSelector()),
        Optional.ofNullable(spec.l2())
            .map(l2 -> l2.interfaces() == null ? List.of() : List.copyOf(l2.interfaces())),
        Optional.ofNullable(spec.bgp()));
  }

  private static Optional<List<IpRange>> ranges(
      String name, AnnouncementPolicySpec spec, Map<String, AddressPoolSpec> pools) {
    if (spec.pools() == null && spec.addresses() == null) {
      return Optional.empty();
    }
    List<IpRange> ranges = new ArrayList<>();
    for (String pool : spec.pools() == null ? List.<String>of() : spec.pools()) {
      PoolReader.read(pool, Instant.EPOCH, pools.get(pool))
          .pool()
          .ifPresent(found -> ranges.addAll(found.blocks()));
    }
    for (String block : spec.addresses() == null ? List.<String>of() : spec.addresses()) {
      try {
        ranges.add(IpRange.of(Cidr.parse(block)));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(
            "AnnouncementPolicy " + name + ": spec.addresses: " + e.getMessage(), e);
      }
    }
    return Optional.of(List.copyOf(ranges));
  }

  /** Whether it says something of an address. */
  public boolean selects(Ip address) {
    return ranges
        .map(
            all ->
                all.stream()
                    .anyMatch(
                        range ->
                            range.first().isIpv4() == address.isIpv4()
                                && range.first().compareTo(address) <= 0
                                && range.last().compareTo(address) >= 0))
        .orElse(true);
  }

  /** Whether it says something of a node with these labels. */
  public boolean selects(Map<String, String> labels) {
    return nodes.map(selector -> Selectors.matches(selector, labels)).orElse(true);
  }

  /** Whether an interface is one of those that it names. */
  public static boolean isNamed(String pattern, String interfaceName) {
    return pattern.endsWith("*")
        ? interfaceName.startsWith(pattern.substring(0, pattern.length() - 1))
        : pattern.equals(interfaceName);
  }
}
