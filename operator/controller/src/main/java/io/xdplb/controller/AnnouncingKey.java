// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.security.SecureRandom;
import java.util.Base64;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The key by which nodes know each other's messages. It is made once and never changed: agents with
 * another key are not heard.
 */
final class AnnouncingKey {

  /** Name of the Secret. */
  static final String SECRET = "xdplb-announcing";

  /** The key in it. */
  static final String KEY = "key";

  private static final Logger log = LoggerFactory.getLogger(AnnouncingKey.class);
  private static final int BYTES = 16;

  private final KubernetesClient client;
  private final String namespace;
  private boolean isThere;

  AnnouncingKey(KubernetesClient client, String namespace) {
    this.client = client;
    this.namespace = namespace;
  }

  /**
   * Makes the Secret if it is not there; asks the API server once.
   *
   * @throws KubernetesClientException if it cannot be read or made
   */
  void create() {
    if (isThere) {
      return;
    }
    if (client.secrets().inNamespace(namespace).withName(SECRET).get() == null) {
      byte[] key = new byte[BYTES];
      new SecureRandom().nextBytes(key);
      Secret secret =
          new SecretBuilder()
              .withNewMetadata()
              .withName(SECRET)
              .withNamespace(namespace)
              .endMetadata()
              .withType("Opaque")
              .addToData(KEY, Base64.getEncoder().encodeToString(key))
              .build();
      try {
        client.resource(secret).create();
        log.info("made the key of the nodes' messages, Secret {}/{}", namespace, SECRET);
      } catch (KubernetesClientException e) {
        if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
          throw e;
        }
      }
    }
    isThere = true;
  }
}
