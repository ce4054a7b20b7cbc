// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each bound and rule of the schemas refuses the object that breaks it and nothing else, on a real
 * API server and in words that say what is wrong.
 */
@RequiresApiServer
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RefusedObjectsTest {

  private static final int UNPROCESSABLE = 422;
  private static final int BAD_REQUEST = 400;
  private static final int SHOWN_CHARACTERS = 4000;

  private final Map<String, String> versionOfStored = new HashMap<>();
  private Server server;
  private String namespace;

  @BeforeAll
  void validObjectsAreStored(KubernetesApi api) {
    api.installCrds();
    namespace = api.newNamespace("refused");
    server = new Server(api);
    for (String kind : Examples.kinds()) {
      ObjectNode stored = named(Examples.full(kind, namespace), "stored");
      String version = server.create(stored).getMetadata().getResourceVersion();
      versionOfStored.put(kind, version);
    }
  }

  @AfterAll
  void close() {
    Examples.kinds().stream()
        .filter(kind -> !Examples.isNamespaced(kind))
        .forEach(kind -> server.delete(named(Examples.full(kind, namespace), "stored")));
    server.close();
  }

  static List<Fault> faults() {
    return Examples.faults();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("faults")
  void isRefused(Fault fault) {
    ObjectNode valid = Examples.full(fault.kind(), namespace);
    KubernetesClientException refusal =
        catchThrowableOfType(KubernetesClientException.class, () -> send(fault, valid));
    String sent = Examples.yaml(fault.in(valid));
    String shown = sent.substring(0, Math.min(sent.length(), SHOWN_CHARACTERS));
    assertThat(refusal).as("the server accepted\n%s", shown).isNotNull();
    assertThat(refusal.getCode()).as("%s", refusal).isIn(UNPROCESSABLE, BAD_REQUEST);
    assertThat(refusal.getStatus().getMessage())
        .as("the answer to\n%s", shown)
        .contains(fault.says());
  }

  /** A status is judged where it is written: at its own subresource. */
  private void send(Fault fault, ObjectNode valid) {
    if (fault.inStatus()) {
      server.writeStatus(named(fault.in(valid), "stored"), versionOfStored.get(fault.kind()));
    } else {
      server.create(named(fault.in(valid), "refused"));
    }
  }

  private static ObjectNode named(ObjectNode object, String name) {
    ((ObjectNode) object.get("metadata")).put("name", name);
    return object;
  }
}
