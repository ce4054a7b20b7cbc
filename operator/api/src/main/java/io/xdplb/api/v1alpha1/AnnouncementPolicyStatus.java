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
 * What the operator knows of a policy.
 *
 * @param observedGeneration the generation of the spec that this status speaks of; -1 until the
 *     operator has seen the object
 * @param conditions Accepted, ResolvedRefs and Ready always; Reconciling or Stalled only while True
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AnnouncementPolicyStatus(
    @Default("-1") @Min(-1) Long observedGeneration,
    @ListKey("type") @Size(max = 16) List<Condition> conditions) {}
