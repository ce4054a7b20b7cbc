// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.MembershipSpec;
import io.xdplb.cli.standalone.FolderCompiler.Outcome;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.compile.Problem;
import io.xdplb.core.ipam.Pool;
import io.xdplb.core.ipam.PoolReader;
import io.xdplb.core.model.IpRange;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.policy.Policy;
import io.xdplb.core.policy.PolicyReader;
import java.time.Instant;
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
    List<Outcome> outcomes = new ArrayList<>();
    List<Policy> policies = new ArrayList<>();
    List<Manifest.Id> ids = manifests.all(ManifestKind.AnnouncementPolicy);
    valid.keySet().retainAll(ids);
    for (Manifest.Id id : ids) {
      PolicyReader.Result result = read(id, ((AnnouncementPolicy) object(id)).getSpec());
      List<Problem> problems = new ArrayList<>(result.problems());
      if (result.policy().isPresent()) {
        valid.put(id, result.policy().get().spec());
      }
      result
          .missingPools()
          .forEach(
              pool ->
                  problems.add(
                      new Problem(
                          Problem.Reason.Address,
                          "spec.pools",
                          "there is no valid AddressPool " + pool + " in the folder")));
      Optional.ofNullable(valid.get(id))
          .flatMap(spec -> read(id, spec).policy())
          .ifPresent(policies::add);
      outcomes.add(new Outcome(id, result.policy().isEmpty(), problems));
    }
    List<Manifest.Id> memberships = manifests.all(ManifestKind.Membership);
    if (memberships.isEmpty()) {
      membership = Optional.empty();
    }
    Map<Manifest.Id, List<Problem>> ofMembership = new HashMap<>();
    memberships.forEach(id -> ofMembership.put(id, membership(id)));
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

  private PolicyReader.Result read(Manifest.Id id, AnnouncementPolicySpec spec) {
    return PolicyReader.read(id.name().name(), spec, this::blocks);
  }

  private Optional<List<IpRange>> blocks(String pool) {
    return manifests
        .get(
            new Manifest.Id(
                ManifestKind.AddressPool, new ObjectName(ManifestParser.DEFAULT_NAMESPACE, pool)))
        .flatMap(
            manifest ->
                PoolReader.read(pool, Instant.EPOCH, ((AddressPool) manifest.object()).getSpec())
                    .pool())
        .map(Pool::blocks);
  }

  private List<Problem> membership(Manifest.Id id) {
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
