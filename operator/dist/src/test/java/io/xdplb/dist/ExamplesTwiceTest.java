// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.Checkout;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a GitOps tool does with an example, again and again. */
@RequiresApiServer
class ExamplesTwiceTest {

  private final KubernetesApi api;

  ExamplesTwiceTest(KubernetesApi api) {
    this.api = api;
    api.installCrds();
  }

  static List<Path> examples() throws IOException {
    try (Stream<Path> files = Files.list(Checkout.path("examples"))) {
      return files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("examples")
  void appliedAgainOnTheServersSideItChangesNothing(Path example) throws IOException {
    String namespace = api.newNamespace("twice");
    String manifest = Files.readString(example);
    try {
      apply(namespace, manifest);
      String first = stored(namespace, manifest);
      assertThat(first).contains("managedFields");
      apply(namespace, manifest);
      String second = stored(namespace, manifest);
      // The server stores a status that is nothing but defaults with the second write: a new
      // version, and nothing new in it.
      assertThat(withoutVersion(second)).isEqualTo(withoutVersion(first));
      apply(namespace, manifest);
      assertThat(stored(namespace, manifest)).isEqualTo(second);
      var diff =
          api.kubectlWithInput(manifest, "-n", namespace, "diff", "--server-side", "-f", "-");
      assertThat(diff.exitCode()).as(diff.out() + diff.err()).isZero();
    } finally {
      api.kubectlWithInput(manifest, "-n", namespace, "delete", "-f", "-");
    }
  }

  private void apply(String namespace, String manifest) {
    api.kubectlWithInput(manifest, "-n", namespace, "apply", "--server-side", "-f", "-")
        .outOrFail();
  }

  private String stored(String namespace, String manifest) {
    return api.kubectlWithInput(
            manifest, "-n", namespace, "get", "-f", "-", "-o", "yaml", "--show-managed-fields")
        .outOrFail();
  }

  private static String withoutVersion(String yaml) {
    return yaml.replaceAll("resourceVersion: .*", "");
  }
}
