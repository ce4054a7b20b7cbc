// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.LoadBalancerStatus.PooledAddress;
import io.xdplb.core.claims.VipClaims.Conflict;
import io.xdplb.core.ipam.Allocation;
import io.xdplb.core.ipam.Allocation.Assigned;
import io.xdplb.core.ipam.Allocation.Reason;
import io.xdplb.core.ipam.Allocation.Refusal;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a status says of a LoadBalancer's addresses. Pure.
 *
 * @param allocated the condition AddressAllocated
 * @param addresses that it has
 * @param pools from which they are, as far as they are from pools
 */
record Addressing(Verdict allocated, List<String> addresses, List<PooledAddress> pools) {

  private static final String ALLOCATED = "Allocated";

  /**
   * @param isValid whether the spec is; without that nothing is decided about addresses
   * @param conflicts VIPs that it does not have
   * @param held VIPs that it has. An address in no pool is had where a port of it is
   */
  static Addressing of(
      Allocation allocation, boolean isValid, List<Conflict> conflicts, Set<VipKey> held) {
    Set<Ip> usable = held.stream().map(VipKey::address).collect(Collectors.toSet());
    List<Assigned> had =
        allocation.addresses().stream()
            .filter(assigned -> assigned.pool().isPresent() || usable.contains(assigned.address()))
            .toList();
    return new Addressing(
        isValid
            ? verdict(allocation, had, conflicts)
            : Verdict.unknown(
                Decision.INVALID_SPEC, "Addresses are looked at once the spec is valid."),
        had.stream().map(assigned -> assigned.address().toString()).toList(),
        had.stream()
            .filter(assigned -> assigned.pool().isPresent())
            .map(a -> new PooledAddress(a.address().toString(), a.pool().get()))
            .toList());
  }

  /** Whether only somebody else than the operator can mend it. A pool may come by itself. */
  boolean isTerminal() {
    return allocated.isFalse() && !allocated.reason().equals(Reason.PoolNotFound.name());
  }

  private static Verdict verdict(
      Allocation allocation, List<Assigned> had, List<Conflict> conflicts) {
    if (!allocation.refusals().isEmpty()) {
      return Verdict.no(
          allocation.refusals().get(0).reason().name(),
          allocation.refusals().stream().map(Refusal::message).collect(Collectors.joining(" ")));
    }
    List<Assigned> taken =
        allocation.addresses().stream().filter(assigned -> !had.contains(assigned)).toList();
    if (!taken.isEmpty()) {
      String owners =
          conflicts.stream()
              .map(conflict -> conflict.winner().toString())
              .distinct()
              .collect(Collectors.joining(", "));
      return Verdict.no(
          Reason.AddressInUse.name(),
          taken.stream().map(a -> a.address().toString()).collect(Collectors.joining(", "))
              + " with these ports is LoadBalancer "
              + owners
              + "'s.");
    }
    String remarks = allocation.remarks().stream().map(r -> " " + r).collect(Collectors.joining());
    return Verdict.yes(ALLOCATED, "All addresses that the spec asks for are held." + remarks);
  }
}
