// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.kubernetes.api.model.Condition;
import java.util.List;

/**
 * What the operator knows of a pool.
 *
 * @param observedGeneration the generation of the spec that this status speaks of; -1 until the
 *     operator has seen the object
 * @param conditions Accepted and Ready always; Reconciling or Stalled only while True
 * @param ipv4 its IPv4 addresses
 * @param ipv6 its IPv6 addresses
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AddressPoolStatus(
    @Default("-1") @Min(-1) Long observedGeneration,
    @ListKey("type") @Size(max = 16) List<Condition> conditions,
    Family ipv4,
    Family ipv6) {

  /**
   * The addresses of one family.
   *
   * @param capacity how many there are, without the excluded ones and those that an older pool has;
   *     9223372036854775807 where there are more than that
   * @param allocated how many of them load balancers have; an address that several share counts
   *     once
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Family(@Required @Min(0) long capacity, @Required @Min(0) int allocated) {}
}
