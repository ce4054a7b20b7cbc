// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import java.net.HttpURLConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The AnnouncementPolicy that an installation begins with, made once: before the first Membership,
 * and only if nobody has made a policy before. It is the user's from then on, to be changed or
 * deleted. A chart cannot bring it: neither Helm nor kubectl applies an object together with the
 * CRD of its kind.
 */
final class DefaultPolicy {

  /** Its name. */
  static final String NAME = "default";

  private static final Logger log = LoggerFactory.getLogger(DefaultPolicy.class);

  private final KubernetesClient client;
  private final AnnouncementPolicySpec spec;

  /**
   * @param spec {@code null} if an installation is to begin without one
   */
  DefaultPolicy(KubernetesClient client, AnnouncementPolicySpec spec) {
    this.client = client;
    this.spec = spec;
  }

  /**
   * Makes it unless there is any policy.
   *
   * @throws KubernetesClientException if the API server does not let it
   */
  void create() {
    if (spec == null || !client.resources(AnnouncementPolicy.class).list().getItems().isEmpty()) {
      return;
    }
    AnnouncementPolicy policy = new AnnouncementPolicy();
    policy.setMetadata(new ObjectMetaBuilder().withName(NAME).build());
    policy.setSpec(spec);
    try {
      client.resource(policy).create();
      log.info("made the AnnouncementPolicy that an installation begins with, {}", NAME);
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
        throw e;
      }
    }
  }
}
