// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AddressPoolSpec;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.MembershipSpec;
import io.xdplb.cli.standalone.FolderCompiler.Outcome;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.compile.Problem;
import io.xdplb.core.policy.Policy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the manifests of a folder say of announcing. A policy that is not valid leaves in force what
 * it said before.
 */
final class FolderAnnouncements {

  private final Manifests manifests;
  private final TableSink sink;
  private final Map<Manifest.Id, AnnouncementPolicySpec> valid = new HashMap<>();
  private Optional<Membership> membership = Optional.empty();

  FolderAnnouncements(Manifests manifests, TableSink sink) {
    this.manifests = manifests;
    this.sink = sink;
  }

  /** Something of it has changed: all is read again. */
  List<Outcome> changed() {
    Map<String, AddressPoolSpec> pools = new HashMap<>();
    for (Manifest.Id id : manifests.all(ManifestKind.AddressPool)) {
      pools.put(id.name().name(), ((AddressPool) object(id)).getSpec());
    }
    List<Outcome> outcomes = new ArrayList<>();
    List<Policy> policies = new ArrayList<>();
    List<Manifest.Id> ids = manifests.all(ManifestKind.AnnouncementPolicy);
    valid.keySet().retainAll(ids);
    for (Manifest.Id id : ids) {
      AnnouncementPolicySpec spec = ((AnnouncementPolicy) object(id)).getSpec();
      List<Problem> problems = new ArrayList<>();
      boolean isRefused = false;
      try {
        Policy.of(id.name().name(), spec, pools);
        valid.put(id, spec);
        absent(spec, pools).forEach(problems::add);
      } catch (IllegalArgumentException e) {
        isRefused = true;
        problems.add(invalid("spec", e.getMessage()));
      }
      if (valid.containsKey(id)) {
        policies.add(Policy.of(id.name().name(), valid.get(id), pools));
      }
      outcomes.add(new Outcome(id, isRefused, problems));
    }
    List<Manifest.Id> memberships = manifests.all(ManifestKind.Membership);
    if (memberships.isEmpty()) {
      membership = Optional.empty();
    }
    Map<Manifest.Id, List<Problem>> ofMembership = new HashMap<>();
    memberships.forEach(id -> ofMembership.put(id, read(id)));
    sink.announcements(policies, membership)
        .ifPresent(
            why ->
                memberships.stream()
                    .findFirst()
                    .ifPresent(id -> ofMembership.get(id).add(invalid("spec.members", why))));
    ofMembership.forEach(
        (id, problems) -> outcomes.add(new Outcome(id, !problems.isEmpty(), problems)));
    return outcomes;
  }

  private Object object(Manifest.Id id) {
    return manifests.get(id).orElseThrow().object();
  }

  private static List<Problem> absent(
      AnnouncementPolicySpec spec, Map<String, AddressPoolSpec> pools) {
    return (spec.pools() == null ? List.<String>of() : spec.pools())
        .stream()
            .filter(pool -> !pools.containsKey(pool))
            .map(
                pool ->
                    new Problem(
                        Problem.Reason.Address,
                        "spec.pools",
                        "there is no AddressPool " + pool + " in the folder"))
            .toList();
  }

  private List<Problem> read(Manifest.Id id) {
    List<Problem> problems = new ArrayList<>();
    if (!id.name().name().equals(io.xdplb.api.v1alpha1.Membership.NAME)) {
      problems.add(
          invalid(
              "metadata.name",
              "there is one Membership, and its name is " + io.xdplb.api.v1alpha1.Membership.NAME));
      return problems;
    }
    MembershipSpec spec = ((io.xdplb.api.v1alpha1.Membership) object(id)).getSpec();
    try {
      if (spec == null || spec.members() == null || spec.witness()) {
        throw new IllegalArgumentException(
            "needs epoch, changed and members; and witness: false, as there is no API server");
      }
      membership = Optional.of(Membership.of(spec));
    } catch (IllegalArgumentException e) {
      problems.add(invalid("spec", e.getMessage()));
    }
    return problems;
  }

  private static Problem invalid(String where, String message) {
    return new Problem(Problem.Reason.InvalidSpec, where, message);
  }
}
