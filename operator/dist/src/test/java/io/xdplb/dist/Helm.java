// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import io.xdplb.testing.Checkout;
import io.xdplb.testing.kernel.Command;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The chart, through the helm program that {@code operator/testing/kubernetes/helm.sh} builds. */
final class Helm {

  static final String NAMESPACE = "xdplb-system";

  /** Of the release, and so the first part of every name. */
  static final String RELEASE = "xdplb";

  private Helm() {}

  static Path chart() {
    return Checkout.path("helm/xdplb");
  }

  /**
   * What a user would install.
   *
   * @param options {@code --set} and the like
   * @throws RuntimeException with helm's output where it refuses
   */
  static String template(String... options) {
    List<String> command =
        new ArrayList<>(
            List.of(program(), "template", RELEASE, chart().toString(), "--namespace", NAMESPACE));
    command.addAll(List.of(options));
    return Command.run(command);
  }

  /** The output of {@code helm lint --strict}. */
  static String lint() {
    return Command.run(List.of(program(), "lint", "--strict", chart().toString()));
  }

  private static String program() {
    String[] lines =
        Command.run(
                List.of("bash", Checkout.path("operator/testing/kubernetes/helm.sh").toString()))
            .strip()
            .split("\n");
    return lines[lines.length - 1];
  }
}
