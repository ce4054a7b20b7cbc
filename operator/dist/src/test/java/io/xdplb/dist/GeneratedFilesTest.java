// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What is generated and checked in: the chart's copy of the CRDs, and {@code helm/install.yaml},
 * which is the chart for those without Helm. To write them anew:
 *
 * <pre>
 * mvn test -pl operator/dist -am -Dtest=GeneratedFilesTest -Dsurefire.failIfNoSpecifiedTests=false \
 *   -Dxdplb.dist.write=true
 * </pre>
 */
class GeneratedFilesTest {

  private static final boolean WRITE = Boolean.getBoolean("xdplb.dist.write");

  private static final String HEADER =
      """
      # SPDX-License-Identifier: Apache-2.0
      # Generated from helm/xdplb, for those without Helm; GeneratedFilesTest says how to write it anew.
      # Before you delete it: README.md says how to take the programs off the nodes.
      apiVersion: v1
      kind: Namespace
      metadata:
        name: xdplb-system
        labels:
          # agents use the host's network and load BPF programs
          pod-security.kubernetes.io/enforce: privileged
      """;

  /** First of all: they are part of what the chart renders. */
  @BeforeAll
  static void writeTheCrds() throws IOException {
    Path copies = Helm.chart().resolve("files/crds");
    if (WRITE) {
      for (String old : contents(copies).keySet()) {
        Files.delete(copies.resolve(old));
      }
      for (var crd : contents(Checkout.path("crds")).entrySet()) {
        Files.writeString(copies.resolve(crd.getKey()), crd.getValue());
      }
    }
  }

  @Test
  void theChartHasTheCrdsThereAre() throws IOException {
    Path copies = Helm.chart().resolve("files/crds");
    assertThat(contents(copies)).isEqualTo(contents(Checkout.path("crds")));
  }

  @Test
  void installYamlIsWhatTheChartRenders() throws IOException {
    String manifest = HEADER + withoutHelm(Helm.template("--no-hooks"));
    Path file = Helm.chart().resolveSibling("install.yaml");
    if (WRITE) {
      Files.writeString(file, manifest);
    }
    assertThat(Files.readString(file)).isEqualTo(manifest);
  }

  @Test
  void argoCdsConfigMapHasTheScriptsThereAre() throws IOException {
    StringBuilder manifest =
        new StringBuilder(
            """
            # SPDX-License-Identifier: Apache-2.0
            # Generated from the scripts beside it. Teaches Argo CD the health of our kinds:
            #   kubectl -n argocd patch configmap argocd-cm --patch-file helm/argocd/argocd-cm.yaml
            data:
            """);
    try (Stream<Path> kinds = Files.list(ArgoHealth.scripts())) {
      for (Path kind : kinds.sorted().toList()) {
        manifest
            .append("  resource.customizations.health.xdplb.io_")
            .append(kind.getFileName())
            .append(": |\n")
            .append(Files.readString(kind.resolve("health.lua")).indent(4));
      }
    }
    Path file = ArgoHealth.scripts().resolveSibling("argocd-cm.yaml");
    if (WRITE) {
      Files.writeString(file, manifest);
    }
    assertThat(Files.readString(file)).isEqualTo(manifest.toString());
  }

  @Test
  void theChartHasTheVersionOfTheProject() throws IOException {
    String version =
        Files.readString(Checkout.path("operator/pom.xml"))
            .replaceAll("(?s).*?<version>([^<]*)</version>.*", "$1");
    var chart = Objects.yaml(Files.readString(Helm.chart().resolve("Chart.yaml")));
    assertThat(chart.path("version").asText()).isEqualTo(version);
    assertThat(chart.path("appVersion").asText()).isEqualTo(version);
  }

  /** Without what only Helm needs to know its own objects by. */
  private static String withoutHelm(String rendered) {
    return rendered
        .replaceAll("(?m)^ *(app\\.kubernetes\\.io/managed-by: Helm|helm\\.sh/.*)\n", "")
        .replaceAll("(?m)^  annotations:\n(?!    )", "")
        .replaceAll("(?m)^# Source: .*\n", "")
        .replaceAll("(?m)^# SPDX.*\n# Generated from the records.*\n", "");
  }

  private static SortedMap<String, String> contents(Path folder) throws IOException {
    SortedMap<String, String> contents = new TreeMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        contents.put(file.getFileName().toString(), Files.readString(file));
      }
    }
    return contents;
  }
}
