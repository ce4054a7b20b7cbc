// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Size;
import io.fabric8.kubernetes.api.model.Condition;
import java.util.List;

/**
 * What the operator knows of a load balancer.
 *
 * @param observedGeneration the generation of the spec that this status speaks of; -1 until the
 *     operator has seen the object
 * @param addresses the addresses in use
 * @param conditions Accepted, ResolvedRefs, Programmed and Ready always; Reconciling or Stalled
 *     only while True
 * @param readyEndpoints how many endpoints take new flows, over all listeners
 * @param desiredNodes how many nodes should hold the table
 * @param programmedNodes how many of them have proven that they do
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record LoadBalancerStatus(
    @Default("-1") @Min(-1) Long observedGeneration,
    @Size(max = Limits.ADDRESSES)
        List<@Size(min = 1, max = Limits.ADDRESS_LENGTH) String> addresses,
    @ListKey("type") @Size(max = 16) List<Condition> conditions,
    @Min(0) Integer readyEndpoints,
    @Min(0) Integer desiredNodes,
    @Min(0) Integer programmedNodes) {}
