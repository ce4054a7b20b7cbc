// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.Membership;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** The kinds that a manifest may have. */
enum ManifestKind {
  LoadBalancer("xdplb.io/v1alpha1", LoadBalancer.class),
  AddressPool("xdplb.io/v1alpha1", AddressPool.class),
  AnnouncementPolicy("xdplb.io/v1alpha1", AnnouncementPolicy.class),
  BGPPeer("xdplb.io/v1alpha1", BGPPeer.class),
  Membership("xdplb.io/v1alpha1", Membership.class),
  Secret("v1", Secret.class),
  Namespace("v1", Namespace.class),
  Service("v1", Service.class),
  EndpointSlice("discovery.k8s.io/v1", EndpointSlice.class);

  private final String apiVersion;
  private final Class<? extends HasMetadata> type;

  ManifestKind(String apiVersion, Class<? extends HasMetadata> type) {
    this.apiVersion = apiVersion;
    this.type = type;
  }

  /** The class of its objects. */
  Class<? extends HasMetadata> type() {
    return type;
  }

  /** Whether its objects have a namespace. */
  boolean isNamespaced() {
    return switch (this) {
      case AddressPool, AnnouncementPolicy, BGPPeer, Membership, Namespace -> false;
      case LoadBalancer, Secret, Service, EndpointSlice -> true;
    };
  }

  static Optional<ManifestKind> of(String apiVersion, String kind) {
    return Arrays.stream(values())
        .filter(k -> k.name().equals(kind) && k.apiVersion.equals(apiVersion))
        .findFirst();
  }

  /** All of them, for a person. */
  static String all() {
    return Arrays.stream(values())
        .map(k -> k.name() + " (" + k.apiVersion + ")")
        .collect(Collectors.joining(", "));
  }
}
