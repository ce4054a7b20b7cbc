// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.service;

import io.xdplb.core.service.Finding.Reason;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The annotations of a Service: ours, and those of other load balancers that mean the same, so that
 * a Service can be moved as it is. Ours comes first.
 */
final class ServiceAnnotations {

  static final List<String> ADDRESSES =
      List.of(
          "xdplb.io/addresses",
          "metallb.io/loadBalancerIPs",
          "metallb.universe.tf/loadBalancerIPs",
          "lbipam.cilium.io/ips",
          "io.cilium/lb-ipam-ips");
  static final List<String> POOL =
      List.of("xdplb.io/pool", "metallb.io/address-pool", "metallb.universe.tf/address-pool");
  static final List<String> SHARING_KEY =
      List.of(
          "xdplb.io/sharing-key",
          "metallb.io/allow-shared-ip",
          "metallb.universe.tf/allow-shared-ip",
          "lbipam.cilium.io/sharing-key",
          "io.cilium/lb-ipam-sharing-key");
  static final List<String> SETTINGS = List.of("xdplb.io/settings");
  static final List<String> IP_MODE = List.of("xdplb.io/ip-mode");
  static final List<String> SOURCE_RANGES =
      List.of("service.beta.kubernetes.io/load-balancer-source-ranges");

  /** What has no equivalent here. */
  private static final Map<String, String> WITHOUT_EQUIVALENT =
      Map.of(
          "lbipam.cilium.io/sharing-cross-namespace",
          "addresses are shared within a namespace only",
          "io.cilium/lb-ipam-sharing-cross-namespace",
          "addresses are shared within a namespace only");

  private final Map<String, String> all;
  private final Consumer<Finding> findings;

  /**
   * @param findings gets what is not followed
   */
  ServiceAnnotations(Map<String, String> all, Consumer<Finding> findings) {
    this.all = all;
    this.findings = findings;
  }

  /** An annotation that is there and not blank. */
  record Found(String name, String value) {

    /** Where it is, for a finding. */
    String where() {
      return "metadata.annotations[" + name + "]";
    }
  }

  /** The first that is there; others that say something else are ignored, and that is found. */
  Optional<Found> first(List<String> names) {
    List<Found> found =
        names.stream()
            .filter(name -> !all.getOrDefault(name, "").isBlank())
            .map(name -> new Found(name, all.get(name).trim()))
            .toList();
    found.stream()
        .skip(1)
        .filter(other -> !other.value().equals(found.get(0).value()))
        .forEach(
            other ->
                findings.accept(
                    new Finding(
                        Reason.AnnotationIgnored,
                        other.where(),
                        "is not followed, because "
                            + found.get(0).name()
                            + " says something else and comes first; remove one of the two")));
    return found.stream().findFirst();
  }

  /** Finds what is there and has no equivalent. */
  void reportUnknown() {
    WITHOUT_EQUIVALENT.entrySet().stream()
        .filter(entry -> all.containsKey(entry.getKey()))
        .sorted(Map.Entry.comparingByKey())
        .forEach(
            entry ->
                findings.accept(
                    new Finding(
                        Reason.AnnotationIgnored,
                        new Found(entry.getKey(), "").where(),
                        "is not followed: " + entry.getValue() + "; remove it")));
  }
}
