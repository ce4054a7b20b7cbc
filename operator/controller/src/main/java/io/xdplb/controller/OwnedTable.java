// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import java.util.List;

/** The ForwardingTable of a LoadBalancer: of the same name, and owned by it. */
final class OwnedTable {

  private OwnedTable() {}

  /** All that the operator says of the table, for server-side apply. */
  static ForwardingTable of(LoadBalancer balancer, ForwardingTableSpec spec) {
    ForwardingTable table = new ForwardingTable();
    table.setMetadata(
        new ObjectMetaBuilder()
            .withName(balancer.getMetadata().getName())
            .withNamespace(balancer.getMetadata().getNamespace())
            .withOwnerReferences(reference(balancer))
            .build());
    table.setSpec(spec);
    return table;
  }

  static boolean isOwnedBy(ForwardingTable table, LoadBalancer balancer) {
    return table.getMetadata().getOwnerReferences().equals(List.of(reference(balancer)));
  }

  private static OwnerReference reference(LoadBalancer balancer) {
    return new OwnerReferenceBuilder()
        .withApiVersion(balancer.getApiVersion())
        .withKind(balancer.getKind())
        .withName(balancer.getMetadata().getName())
        .withUid(balancer.getMetadata().getUid())
        .withController(true)
        .withBlockOwnerDeletion(true)
        .build();
  }
}
