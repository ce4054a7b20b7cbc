// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a load balancer asks of the address book.
 *
 * @param pool the pool that it names
 * @param requested addresses that it names
 * @param policy empty: the requested addresses and no more, or without any SingleStack
 * @param families which, the preferred one first; empty if it does not say
 * @param sharingKey with whom it shares an address
 * @param ports what it listens to: whoever shares an address with it listens to others
 */
public record AddressRequest(
    Optional<String> pool,
    List<Ip> requested,
    Optional<IpFamilyPolicy> policy,
    List<IpFamily> families,
    Optional<String> sharingKey,
    Set<Ports> ports) {

  /**
   * Ports of a protocol.
   *
   * @param protocol TCP or UDP
   * @param first 1 to 65535
   * @param last {@code first} to 65535
   */
  public record Ports(Protocol protocol, int first, int last) {
    boolean overlap(Ports other) {
      return protocol == other.protocol && first <= other.last && other.first <= last;
    }
  }

  public AddressRequest {
    requested = List.copyOf(requested);
    families = List.copyOf(families);
    ports = Set.copyOf(ports);
  }

  /** What a spec says that the compiler has not refused. */
  public static AddressRequest of(LoadBalancerSpec spec) {
    Addresses addresses = spec.addresses() == null ? new Addresses(List.of()) : spec.addresses();
    List<String> requested = addresses.requested() == null ? List.of() : addresses.requested();
    Set<Ports> ports = new HashSet<>();
    for (LoadBalancerSpec.Listener listener : spec.listeners()) {
      ports.add(
          new Ports(
              listener.protocol(),
              listener.port(),
              listener.endPort() == null ? listener.port() : listener.endPort()));
    }
    return new AddressRequest(
        Optional.ofNullable(addresses.poolRef()).map(LoadBalancerSpec.PoolRef::name),
        requested.stream().map(Ip::parse).toList(),
        Optional.ofNullable(addresses.ipFamilyPolicy()),
        addresses.ipFamilies() == null ? List.of() : addresses.ipFamilies(),
        Optional.ofNullable(addresses.sharingKey()),
        ports);
  }

  /** The families, with what the requested addresses say where nothing else is said. */
  List<IpFamily> statedFamilies() {
    if (!families.isEmpty()) {
      return families;
    }
    return requested.stream().map(AddressRequest::family).distinct().toList();
  }

  /** Both families, the preferred one first. */
  List<IpFamily> bothFamilies() {
    List<IpFamily> both = new ArrayList<>(statedFamilies());
    for (IpFamily family : IpFamily.values()) {
      if (!both.contains(family)) {
        both.add(family);
      }
    }
    return both;
  }

  boolean overlaps(AddressRequest other) {
    return ports.stream().anyMatch(own -> other.ports.stream().anyMatch(own::overlap));
  }

  static IpFamily family(Ip ip) {
    return ip.isIpv4() ? IpFamily.IPv4 : IpFamily.IPv6;
  }
}
