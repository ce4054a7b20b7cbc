// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.time.Instant;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** A load balancer in the address book. */
final class Tenant {

  static final Comparator<Tenant> OLDEST_FIRST =
      Comparator.comparing((Tenant tenant) -> tenant.createdAt)
          .thenComparing(tenant -> tenant.name);

  final ObjectName name;
  final Instant createdAt;

  /** What it asks for; {@code null} while its spec is not valid: then it keeps what it has. */
  AddressRequest request;

  /** What it has, and from which pool each was taken. */
  final Map<Ip, Optional<String>> held = new LinkedHashMap<>();

  List<Allocation.Refusal> refusals = List.of();
  List<String> remarks = List.of();

  /** It would take more if there were more. */
  boolean isPending;

  Tenant(ObjectName name, Instant createdAt, AddressRequest request) {
    this.name = name;
    this.createdAt = createdAt;
    this.request = request;
  }

  Optional<String> key() {
    return request == null ? Optional.empty() : request.sharingKey();
  }

  /**
   * Whether both may have an address: they share it by a key, or neither has it from a pool.
   *
   * @param pool from which this one has the address
   */
  boolean shares(Ip ip, Optional<String> pool, Tenant other) {
    boolean byKey =
        name.namespace().equals(other.name.namespace())
            && key().isPresent()
            && key().equals(other.key());
    return byKey || pool.isEmpty() && Objects.equals(other.held.get(ip), Optional.empty());
  }

  Allocation allocation() {
    return new Allocation(
        held.entrySet().stream()
            .map(entry -> new Allocation.Assigned(entry.getKey(), entry.getValue()))
            .toList(),
        refusals,
        remarks);
  }
}
