// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.util.List;

/**
 * The compiled desired state of one LoadBalancer.
 *
 * @param tableHash digest of what a kernel must hold when this table is programmed, 64 hexadecimal
 *     digits; an agent computes the same from the kernel's maps
 * @param vips one entry an address, protocol and port, ordered by these three; at most 1024
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ForwardingTableSpec(
    @Required @Pattern(Limits.DIGEST) @Size(max = 64) String tableHash,
    @Size(max = Limits.VIPS) List<Vip> vips) {

  /**
   * One address, protocol and port, and where its packets go.
   *
   * @param address IPv4 or IPv6, in canonical form (RFC 5952)
   * @param protocol TCP or UDP
   * @param port port number, 1 to 65535
   * @param listener name of the listener in the LoadBalancer
   * @param ringSize number of slots of the Maglev ring, a prime from 101 to 65537; 0 where no
   *     backend takes new flows
   * @param backends ordered by address and port, each pair once; at most 4096
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Vip(
      @Required @Pattern(Limits.MACHINE_WRITTEN_ADDRESS) @Size(min = 2, max = Limits.ADDRESS_LENGTH)
          String address,
      @Required Protocol protocol,
      @Required @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) int port,
      @Required @Size(min = 1, max = Limits.LABEL_LENGTH) @Pattern(Limits.LABEL) String listener,
      @Required @Min(0) @Max(Limits.RING_SIZE) int ringSize,
      @Size(max = Limits.VIP_BACKENDS) List<Backend> backends) {}

  /**
   * One endpoint of a VIP.
   *
   * @param address IPv4 or IPv6 as the VIP, in canonical form
   * @param port port number, 1 to 65535
   * @param weight share of the ring relative to the other backends of the VIP; 0 takes no new flows
   *     and lets existing ones end
   * @param drainSeconds for how long its flows live on after this backend has left the table, at
   *     most 86400; 0 cuts them at once
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Backend(
      @Required @Pattern(Limits.MACHINE_WRITTEN_ADDRESS) @Size(min = 2, max = Limits.ADDRESS_LENGTH)
          String address,
      @Required @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) int port,
      @Required @Min(0) @Max(Integer.MAX_VALUE) int weight,
      @Required @Min(0) @Max(Limits.DRAIN_SECONDS) int drainSeconds) {}
}
