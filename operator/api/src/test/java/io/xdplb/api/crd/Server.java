// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.FieldValidateable.Validation;
import io.xdplb.testing.apiserver.KubernetesApi;

/** Objects as text goes to the API server, past the records: what kubectl does. */
final class Server implements AutoCloseable {

  private final KubernetesClient client;

  Server(KubernetesApi api) {
    client = api.newClient();
  }

  /** Creates an object; a field that the schema does not know is refused. */
  GenericKubernetesResource create(JsonNode object) {
    return client.resource(generic(object)).fieldValidation(Validation.STRICT).create();
  }

  /** Writes the status of an object that exists. */
  GenericKubernetesResource writeStatus(JsonNode object, String resourceVersion) {
    GenericKubernetesResource resource = generic(object);
    resource.getMetadata().setResourceVersion(resourceVersion);
    return client.resource(resource).fieldValidation(Validation.STRICT).updateStatus();
  }

  /** The object as the server has it now. */
  GenericKubernetesResource get(JsonNode object) {
    return client.resource(generic(object)).get();
  }

  /** Removes an object, whether it exists or not. */
  void delete(JsonNode object) {
    client.resource(generic(object)).delete();
  }

  private GenericKubernetesResource generic(JsonNode object) {
    return client
        .getKubernetesSerialization()
        .unmarshal(object.toString(), GenericKubernetesResource.class);
  }

  @Override
  public void close() {
    client.close();
  }
}
