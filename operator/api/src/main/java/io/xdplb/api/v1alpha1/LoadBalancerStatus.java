// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.kubernetes.api.model.Condition;
import java.util.List;

/**
 * What the operator knows of a load balancer.
 *
 * @param observedGeneration the generation of the spec that this status speaks of; -1 until the
 *     operator has seen the object
 * @param addresses the addresses that the load balancer has: allocated to it, and nobody else's
 *     unless they are shared
 * @param pools from which pool each of the addresses is; an address that is in no pool is not
 *     listed
 * @param conditions Accepted, ResolvedRefs, AddressAllocated, Programmed, Announced and Ready
 *     always; Reconciling or Stalled only while True
 * @param readyEndpoints how many endpoints take new flows, over all listeners
 * @param desiredNodes how many nodes should hold the table
 * @param programmedNodes how many of them have proven that they do
 * @param forwarding how packets reach the backends of each listener that has any, at most 64
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record LoadBalancerStatus(
    @Default("-1") @Min(-1) Long observedGeneration,
    @Size(max = Limits.ADDRESSES)
        List<@Size(min = 1, max = Limits.ADDRESS_LENGTH) String> addresses,
    @ListKey("address") @Size(max = Limits.ADDRESSES) List<PooledAddress> pools,
    @ListKey("type") @Size(max = 16) List<Condition> conditions,
    @Min(0) Integer readyEndpoints,
    @Min(0) Integer desiredNodes,
    @Min(0) Integer programmedNodes,
    @ListKey("listener") @Size(max = Limits.LISTENERS) List<ListenerForwarding> forwarding) {

  /**
   * An address of a pool.
   *
   * @param address one of the addresses
   * @param pool name of the AddressPool that it was taken from
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record PooledAddress(
      @Required @Size(min = 1, max = Limits.ADDRESS_LENGTH) String address,
      @Required @Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.NAME) String pool) {}

  /**
   * How packets reach the backends of a listener.
   *
   * @param listener name of the listener
   * @param mode DSR or NAT where all backends are reached in this way, Mixed where some are reached
   *     in one way and some in the other
   * @param reason why, in one word: AsRequested, AgentOnNode, EncapsulationGiven, NoAgentOnNode,
   *     NodeUnknown, NoNodeAddress, NoEncapsulation; Mixed where there is more than one reason
   * @param message the same for a person, at most 1024 characters; names nodes without an agent
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record ListenerForwarding(
      @Required @Size(min = 1, max = Limits.LABEL_LENGTH) @Pattern(Limits.LABEL) String listener,
      @Required Mode mode,
      @Required @Pattern(Limits.REASON) @Size(max = 64) String reason,
      @Size(max = Limits.MESSAGE_LENGTH) String message) {

    /** How packets reach backends. */
    public enum Mode {
      /** Backends answer clients directly. */
      DSR,
      /** Both directions pass through the balancing node. */
      NAT,
      /** Some in one way, some in the other. */
      Mixed
    }
  }
}
