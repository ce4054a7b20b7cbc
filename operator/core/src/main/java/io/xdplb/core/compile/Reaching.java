// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding.Mode;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends.Encapsulation;
import io.xdplb.core.compile.Reach.Why;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Chooses how packets reach the endpoints of a LoadBalancer. */
final class Reaching {

  private final Mode mode;
  private final boolean isLocal;
  private final Map<String, NodeInfo> nodes;
  private final Set<Ip> vipAddresses;

  /**
   * @param isLocal whether a pod is reached from its own node only
   * @param nodes by name
   * @param vipAddresses of the load balancer: none of them is where a tunnel can end
   */
  Reaching(Mode mode, boolean isLocal, Map<String, NodeInfo> nodes, Set<Ip> vipAddresses) {
    this.mode = mode;
    this.isLocal = isLocal;
    this.nodes = nodes;
    this.vipAddresses = vipAddresses;
  }

  /**
   * A server that the spec names.
   *
   * @param encapsulation how DSR reaches it; {@code null} if the spec does not say
   */
  Reach server(Ip address, Encapsulation encapsulation) {
    if (mode == Mode.NAT) {
      return new Reach(Delivery.NAT, Why.AsRequested, null);
    }
    if (encapsulation == null) {
      return new Reach(mode == Mode.DSR ? null : Delivery.NAT, Why.NoEncapsulation, null);
    }
    Delivery delivery =
        switch (encapsulation) {
          case IPIP -> Delivery.ipip(address);
          case GUE -> Delivery.gue(address);
          case L2 -> Delivery.L2;
        };
    return new Reach(delivery, mode == Mode.DSR ? Why.AsRequested : Why.EncapsulationGiven, null);
  }

  /**
   * An endpoint of a Service.
   *
   * @param node name of its node; {@code null} if unknown
   */
  Reach pod(Ip address, String node) {
    if (isLocal && node == null) {
      return new Reach(null, Why.NodeUnknown, null);
    }
    if (mode == Mode.NAT) {
      return new Reach(Delivery.NAT, Why.AsRequested, node);
    }
    NodeInfo info = node == null ? null : nodes.get(node);
    Optional<Ip> tunnelEnd = info == null ? Optional.empty() : tunnelEnd(info, address.isIpv4());
    if (info != null && info.agent() && tunnelEnd.isPresent()) {
      return new Reach(
          Delivery.pod(tunnelEnd.get()),
          mode == Mode.DSR ? Why.AsRequested : Why.AgentOnNode,
          node);
    }
    Why why = info == null ? Why.NodeUnknown : info.agent() ? Why.NoNodeAddress : Why.NoAgentOnNode;
    return new Reach(mode == Mode.DSR ? null : Delivery.NAT, why, node);
  }

  /** The node's first address of the endpoint's family, else of the other one. */
  private Optional<Ip> tunnelEnd(NodeInfo node, boolean isIpv4) {
    List<Ip> usable =
        node.addresses().stream()
            .filter(ip -> AddressRules.refusal(ip).isEmpty() && !vipAddresses.contains(ip))
            .toList();
    return usable.stream()
        .filter(ip -> ip.isIpv4() == isIpv4)
        .findFirst()
        .or(() -> usable.stream().findFirst());
  }
}
