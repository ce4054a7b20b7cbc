// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;

/**
 * Which addresses are announced, from where and how. Several policies may select an address: it is
 * announced as each of them says.
 *
 * @param pools names of AddressPools whose addresses are announced, at most 64
 * @param addresses blocks of addresses that are announced, as 203.0.113.0/24 or 2001:db8::/64, at
 *     most 64. Neither pools nor addresses: all addresses of load balancers are
 * @param nodeSelector labels of the nodes that announce; absent means all that have an agent. Nodes
 *     with the label node.kubernetes.io/exclude-from-external-load-balancers never do
 * @param l2 answer ARP and NDP: one node does for each address
 * @param bgp announce routes to the addresses to BGPPeers: all selected nodes do
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(value = "has(self.l2) || has(self.bgp)", message = "l2 or bgp must be set")
public record AnnouncementPolicySpec(
    @Size(max = Limits.POLICY_BLOCKS)
        List<@Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.NAME) String> pools,
    @Size(max = Limits.POLICY_BLOCKS)
        @ValidationRule(
            value = "self.all(e, isCIDR(e) && cidr(e) == cidr(e).masked())",
            message = "must be blocks, as 203.0.113.0/24, without bits beyond the prefix")
        List<@Size(min = 1, max = Limits.CIDR_LENGTH) String> addresses,
    Selector nodeSelector,
    L2 l2,
    Bgp bgp) {

  /**
   * How addresses are announced on LANs.
   *
   * @param interfaces names of interfaces on which ARP and NDP are answered, at most 16; a * at the
   *     end stands for any rest. Of those that the agent is attached to, and VLANs on them; absent
   *     means the former
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record L2(
      @Size(max = Limits.POLICY_INTERFACES)
          List<
                  @Size(min = 1, max = Limits.INTERFACE_NAME_LENGTH)
                  @Pattern(Limits.INTERFACE_PATTERN) String>
              interfaces) {}

  /**
   * How addresses are announced to routers.
   *
   * @param peers names of BGPPeers, at most 32; absent means all
   * @param communities of the routes, as 64512:100, or the names no-export, no-advertise, no-peer
   *     and graceful-shutdown, at most 32
   * @param largeCommunities of the routes, as 64512:1:2, at most 32
   * @param localPreference of the routes, for peers in the own autonomous system, 0 to 4294967295
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Bgp(
      @Size(max = Limits.BGP_PEERS)
          List<@Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.NAME) String> peers,
      @Size(max = Limits.COMMUNITIES)
          List<@Size(min = 1, max = 17) @Pattern(Limits.COMMUNITY) String> communities,
      @Size(max = Limits.COMMUNITIES)
          List<@Size(min = 5, max = 32) @Pattern(Limits.LARGE_COMMUNITY) String> largeCommunities,
      @Min(0) @Max(Limits.MAX_UNSIGNED) Long localPreference) {}
}
