// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/**
 * The compiled desired state of one LoadBalancer.
 *
 * @param tableHash digest of what a kernel must hold when this table is programmed, 64 hexadecimal
 *     digits; an agent computes the same from the kernel's maps
 * @param vips one entry an address, protocol and port, ordered by these three
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ForwardingTableSpec(String tableHash, List<Vip> vips) {

  /**
   * One address, protocol and port, and where its packets go.
   *
   * @param address IPv4 or IPv6, in canonical form (RFC 5952)
   * @param protocol TCP or UDP
   * @param port 1 to 65535
   * @param listener name of the listener in the LoadBalancer
   * @param ringSize number of slots of the Maglev ring, a prime from 101 to 65537; 0 where no
   *     backend takes new flows
   * @param backends ordered by address and port, each pair once
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Vip(
      String address,
      Protocol protocol,
      int port,
      String listener,
      int ringSize,
      List<Backend> backends) {}

  /**
   * One endpoint of a VIP.
   *
   * @param address IPv4 or IPv6 as the VIP, in canonical form
   * @param port 1 to 65535
   * @param weight share of the ring relative to the other backends of the VIP; 0 takes no new flows
   *     and lets existing ones end
   * @param drainSeconds for how long its flows live on after this backend has left the table; 0
   *     cuts them at once
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Backend(String address, int port, int weight, int drainSeconds) {}
}
