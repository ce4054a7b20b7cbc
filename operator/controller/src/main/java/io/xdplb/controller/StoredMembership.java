// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.xdplb.api.v1alpha1.Membership;
import io.xdplb.api.v1alpha1.MembershipSpec;
import java.net.HttpURLConnection;

/**
 * A membership as the API server has it.
 *
 * @param membership who has a vote
 * @param version of the object; a write names the one that it replaces
 * @param witnessEpoch the epoch in the witness' vote; 0 if nobody has ever had it
 */
record StoredMembership(
    io.xdplb.core.announce.Membership membership, String version, long witnessEpoch) {

  /**
   * @throws IllegalArgumentException if somebody has written what cannot be
   */
  static StoredMembership of(Membership object) {
    return new StoredMembership(
        io.xdplb.core.announce.Membership.of(object.getSpec()),
        object.getMetadata().getResourceVersion(),
        object.getStatus() == null ? 0 : object.getStatus().epoch());
  }

  /**
   * Stores one where there is none.
   *
   * @return whether it was stored; false if there is one
   */
  static boolean create(KubernetesClient client, io.xdplb.core.announce.Membership membership) {
    return isDone(() -> client.resource(object(membership, null)).create());
  }

  /**
   * Stores another one in the place of exactly this one.
   *
   * @return whether it was stored; false if this one is not there any more
   */
  boolean replace(KubernetesClient client, io.xdplb.core.announce.Membership next) {
    return isDone(() -> client.resource(object(next, version)).update());
  }

  private static boolean isDone(Runnable write) {
    try {
      write.run();
      return true;
    } catch (KubernetesClientException e) {
      if (e.getCode() == HttpURLConnection.HTTP_CONFLICT
          || e.getCode() == HttpURLConnection.HTTP_NOT_FOUND) {
        return false;
      }
      throw e;
    }
  }

  private static Membership object(
      io.xdplb.core.announce.Membership membership, String resourceVersion) {
    Membership object = new Membership();
    object.setMetadata(
        new ObjectMetaBuilder()
            .withName(Membership.NAME)
            .withResourceVersion(resourceVersion)
            .build());
    object.setSpec(
        new MembershipSpec(
            membership.epoch(),
            membership.changed(),
            membership.witness(),
            membership.members().stream()
                .map(m -> new MembershipSpec.Member(m.slot(), m.name(), m.address().toString()))
                .toList()));
    return object;
  }
}
