// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.fabric8.kubernetes.api.model.Secret;
import io.xdplb.agent.announce.Router;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.BGPPeerSpec;
import io.xdplb.api.v1alpha1.BGPPeerSpec.PasswordSecretRef;
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
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What the manifests of a folder say of announcing. A policy that is not valid leaves in force what
 * it said before.
 */
final class FolderAnnouncements {

  private final Manifests manifests;
  private final TableSink sink;
  private final Map<Manifest.Id, AnnouncementPolicySpec> valid = new HashMap<>();
  private Optional<Membership> membership = Optional.empty();
  private boolean isAllKnown;

  FolderAnnouncements(Manifests manifests, TableSink sink) {
    this.manifests = manifests;
    this.sink = sink;
  }

  /** Every file has said what it defines: what is in none of them is not there. */
  List<Outcome> allKnown() {
    isAllKnown = true;
    return changed();
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
    List<Router> routers =
        manifests.all(ManifestKind.BGPPeer).stream().map(id -> router(id, outcomes)).toList();
    sink.announcements(policies, routers);
    if (membership.isPresent() || memberships.isEmpty()) {
      sink.membership(membership, membership.isPresent() || isAllKnown)
          .ifPresent(
              why ->
                  memberships.stream()
                      .findFirst()
                      .ifPresent(id -> ofMembership.get(id).add(invalid("spec.members", why))));
    }
    ofMembership.forEach(
        (id, problems) -> outcomes.add(new Outcome(id, !problems.isEmpty(), problems)));
    return outcomes;
  }

  private Object object(Manifest.Id id) {
    return manifests.get(id).orElseThrow().object();
  }

  private Router router(Manifest.Id id, List<Outcome> outcomes) {
    BGPPeerSpec spec = ((BGPPeer) object(id)).getSpec();
    PasswordSecretRef ref = spec == null ? null : spec.passwordSecretRef();
    Optional<String> password = ref == null ? Optional.empty() : password(ref);
    Router router =
        new Router(
            id.name().name(),
            spec == null ? Router.NOTHING : spec,
            password,
            ref != null && password.isEmpty()
                ? Optional.of("there is no Secret " + ref.name() + " with its key in the folder")
                : Optional.empty());
    List<Problem> problems = new ArrayList<>();
    router.invalid().ifPresent(why -> problems.add(invalid("spec", why)));
    outcomes.add(new Outcome(id, !problems.isEmpty(), problems));
    return router;
  }

  private Optional<String> password(PasswordSecretRef ref) {
    String key = ref.key() == null ? "password" : ref.key();
    return manifests.all(ManifestKind.Secret).stream()
        .filter(id -> id.name().name().equals(ref.name()))
        .map(id -> (Secret) object(id))
        .flatMap(
            secret ->
                secret.getStringData() != null && secret.getStringData().containsKey(key)
                    ? Stream.of(secret.getStringData().get(key))
                    : secret.getData() != null && secret.getData().containsKey(key)
                        ? Stream.of(
                            new String(
                                Base64.getDecoder().decode(secret.getData().get(key)),
                                StandardCharsets.UTF_8))
                        : Stream.empty())
        .findFirst();
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
