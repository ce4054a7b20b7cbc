// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSlice;
import io.xdplb.api.v1alpha1.ForwardingTableSliceSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import java.util.List;
import java.util.Optional;

/** The ForwardingTable of a LoadBalancer, of the same name, and its slices: owned by it. */
final class OwnedTable {

  private OwnedTable() {}

  /** All that the operator says of the table, for server-side apply. */
  static ForwardingTable of(LoadBalancer balancer, ForwardingTableSpec spec) {
    ForwardingTable table = new ForwardingTable();
    table.setMetadata(metadata(balancer, balancer.getMetadata().getName()));
    table.setSpec(spec);
    return table;
  }

  /** The same of a slice. */
  static ForwardingTableSlice of(
      LoadBalancer balancer, String name, ForwardingTableSliceSpec spec) {
    ForwardingTableSlice slice = new ForwardingTableSlice();
    slice.setMetadata(metadata(balancer, name));
    slice.setSpec(spec);
    return slice;
  }

  private static ObjectMeta metadata(LoadBalancer balancer, String name) {
    return new ObjectMetaBuilder()
        .withName(name)
        .withNamespace(balancer.getMetadata().getNamespace())
        .withOwnerReferences(reference(balancer))
        .build();
  }

  /** Whether exactly this LoadBalancer owns a table or a slice. */
  static boolean isOwnedBy(HasMetadata object, LoadBalancer balancer) {
    return object.getMetadata().getOwnerReferences().equals(List.of(reference(balancer)));
  }

  /** The LoadBalancer that owns a table or a slice; empty if none does. */
  static Optional<OwnerReference> owner(HasMetadata object) {
    return object.getMetadata().getOwnerReferences().stream()
        .filter(owner -> new LoadBalancer().getKind().equals(owner.getKind()))
        .filter(owner -> owner.getApiVersion().startsWith(new LoadBalancer().getGroup() + "/"))
        .findFirst();
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
