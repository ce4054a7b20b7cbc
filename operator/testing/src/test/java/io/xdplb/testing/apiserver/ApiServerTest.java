// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import org.junit.jupiter.api.Test;

@RequiresApiServer
class ApiServerTest {

  private final KubernetesApi api;

  ApiServerTest(KubernetesApi api) {
    this.api = api;
  }

  @Test
  void kubectlAndClientSeeTheSameObject() {
    String namespace = api.newNamespace("see");
    api.kubectlWithInput(
            """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: greeting, namespace: %s}
            data: {word: hello}
            """
                .formatted(namespace),
            "apply",
            "--server-side",
            "-f",
            "-")
        .outOrFail();
    try (KubernetesClient client = api.newClient()) {
      assertThat(client.configMaps().inNamespace(namespace).withName("greeting").get().getData())
          .containsEntry("word", "hello");
    }
  }

  @Test
  void whatWasStoredOutlivesAnOutageOfTheApiServer() {
    String namespace = api.newNamespace("outage");
    Config impatient = api.config();
    impatient.setRequestRetryBackoffLimit(0);
    impatient.setRequestTimeout(1000);
    try (KubernetesClient client = new KubernetesClientBuilder().withConfig(impatient).build()) {
      api.stop();
      assertThatThrownBy(() -> client.namespaces().withName(namespace).get())
          .isInstanceOf(KubernetesClientException.class);
      api.start();
      assertThat(client.namespaces().withName(namespace).get()).isNotNull();
    }
    assertThat(api.kubectl("get", "namespace", namespace).outOrFail()).contains(namespace);
  }

  @Test
  void aFailedKubectlShowsWhatTheServerAnswered() {
    KubernetesApi.Kubectl result = api.kubectl("get", "namespace", "nobody-made-this");
    assertThatThrownBy(result::outOrFail)
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("namespaces \"nobody-made-this\" not found");
  }
}
