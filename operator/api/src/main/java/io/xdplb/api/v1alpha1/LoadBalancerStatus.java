// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
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
    Long observedGeneration,
    List<String> addresses,
    List<Condition> conditions,
    Integer readyEndpoints,
    Integer desiredNodes,
    Integer programmedNodes) {}
