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
 * Who has a vote, see docs/announcing.md.
 *
 * @param epoch counts up by one with each change
 * @param changed whether the voters are others than in the epoch before
 * @param witness whether the API server has a vote too
 * @param members the nodes, at most 63
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record MembershipSpec(
    @Required @Min(1) long epoch,
    @Required boolean changed,
    @Required boolean witness,
    @Required @ListKey("slot") @Size(max = Limits.MEMBERS) List<Member> members) {

  /**
   * A node.
   *
   * @param slot its number among the members, 0 to 62
   * @param node its name
   * @param address where its agent and its datapath receive
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Member(
      @Required @Min(0) @Max(Limits.MEMBERS - 1) int slot,
      @Required @Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.PLACE) String node,
      @Required @Size(min = 2, max = Limits.ADDRESS_LENGTH) @Pattern(Limits.MACHINE_WRITTEN_ADDRESS)
          String address) {}
}
