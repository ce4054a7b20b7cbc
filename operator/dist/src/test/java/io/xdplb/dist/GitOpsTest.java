// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.xdplb.testing.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What GitOps tools say of our objects: fixtures with what Argo CD and kstatus should make of them.
 * {@link InstalledTest} asks the same of real ones.
 */
class GitOpsTest {

  private static final String FIXTURES = "operator/dist/src/test/resources/gitops";

  static List<Path> fixtures() throws IOException {
    try (Stream<Path> files = Files.list(Checkout.path(FIXTURES))) {
      return files.sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void anObjectHasTheHealthThatItsFixtureSays(Path fixture) throws IOException {
    List<JsonNode> documents = Objects.of(Files.readString(fixture)).all();
    JsonNode expected = documents.get(0);
    JsonNode object = documents.get(1);
    ArgoHealth health = ArgoHealth.of(object);
    assertThat(health.status()).as(health.message()).isEqualTo(expected.path("argo").asText());
    assertThat(health.message()).contains(expected.path("message").asText());
    if (expected.has("kstatus")) {
      assertThat(Kstatus.of(object).name()).isEqualTo(expected.path("kstatus").asText());
    }
  }

  @Test
  void everyKindHasAScriptAndIsTested() throws IOException {
    Set<String> kinds = new TreeSet<>();
    try (Stream<Path> crds = Files.list(Checkout.path("crds"))) {
      for (Path crd : crds.toList()) {
        kinds.add(Objects.yaml(Files.readString(crd)).at("/spec/names/kind").asText());
      }
    }
    Set<String> tested = new TreeSet<>();
    for (Path fixture : fixtures()) {
      tested.add(Objects.of(Files.readString(fixture)).all().get(1).path("kind").asText());
    }
    assertThat(tested).containsAll(kinds);
    for (String kind : kinds) {
      assertThat(ArgoHealth.scripts().resolve(kind).resolve("health.lua")).exists();
    }
  }
}
