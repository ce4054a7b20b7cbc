// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;

/**
 * Who has the witness' vote. Replaced only by who names the resource version that it replaces.
 *
 * @param number counts up by one with each writing
 * @param holder name of the node that has it; empty if nobody
 * @param epoch of the membership that the writer had
 * @param writer a number of the writer's own
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record MembershipStatus(
    @Required @Min(1) long number,
    @Required @Size(max = Limits.NAME_LENGTH) String holder,
    @Required @Min(0) long epoch,
    @Required long writer) {}
