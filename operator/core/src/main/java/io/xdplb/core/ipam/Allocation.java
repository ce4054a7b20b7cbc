// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.core.model.Ip;
import java.util.List;
import java.util.Optional;

/**
 * Which addresses a load balancer has, and which it does not get.
 *
 * @param addresses those of its preferred family first
 * @param refusals what it asks for and does not have; the first one says why
 * @param remarks what else it should know
 */
public record Allocation(List<Assigned> addresses, List<Refusal> refusals, List<String> remarks) {

  /** No addresses, none asked for. */
  public static final Allocation NOTHING = new Allocation(List.of(), List.of(), List.of());

  public Allocation {
    addresses = List.copyOf(addresses);
    refusals = List.copyOf(refusals);
    remarks = List.copyOf(remarks);
  }

  /**
   * An address that a load balancer has.
   *
   * @param address the address
   * @param pool from which it was taken; empty if it was in no pool then
   */
  public record Assigned(Ip address, Optional<String> pool) {}

  /**
   * An address that a load balancer does not have.
   *
   * @param reason why
   * @param message the same for a person, and what to do
   */
  public record Refusal(Reason reason, String message) {}

  /** Why there is no address. */
  public enum Reason {
    /** No free address is left in the pools that may be used. */
    PoolExhausted,
    /** Another load balancer has the requested address, or had it a moment ago. */
    AddressInUse,
    /** The namespace has as many addresses of the pool as it may have. */
    QuotaExceeded,
    /** The pools that may be used have no addresses of the family. */
    FamilyUnavailable,
    /** The pool does not exist, or none may be used without naming it. */
    PoolNotFound,
    /** The pool is not for this namespace, or does not have the address. */
    RefNotPermitted
  }

  /** The addresses alone. */
  public List<Ip> ips() {
    return addresses.stream().map(Assigned::address).toList();
  }
}
