// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.core.ipam.Pool;
import io.xdplb.core.model.IpRange;
import io.xdplb.core.policy.Policy;
import io.xdplb.core.policy.PolicyReader;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The announcement policies with the pools that they name, as they are now.
 *
 * @param valid those that are, by name
 * @param isEmpty whether there are none at all
 * @param read what each is, by its name
 */
record Policies(List<Policy> valid, boolean isEmpty, Map<String, PolicyReader.Result> read) {

  static Policies of(List<AnnouncementPolicy> policies, List<AddressPool> pools) {
    Map<String, Optional<List<IpRange>>> blocks =
        pools.stream()
            .collect(
                Collectors.toMap(
                    pool -> pool.getMetadata().getName(),
                    pool -> Claims.read(pool).pool().map(Pool::blocks)));
    Function<String, Optional<List<IpRange>>> lookup =
        name -> blocks.getOrDefault(name, Optional.empty());
    Map<String, PolicyReader.Result> read =
        policies.stream()
            .collect(
                Collectors.toMap(
                    policy -> policy.getMetadata().getName(),
                    policy ->
                        PolicyReader.read(
                            policy.getMetadata().getName(), policy.getSpec(), lookup)));
    return new Policies(
        read.values().stream()
            .flatMap(result -> result.policy().stream())
            .sorted(Comparator.comparing(Policy::name))
            .toList(),
        policies.isEmpty(),
        read);
  }
}
