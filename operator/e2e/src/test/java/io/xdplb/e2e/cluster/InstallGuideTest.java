// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.Checkout;
import io.xdplb.testing.apiserver.Command;
import io.xdplb.testing.apiserver.KubernetesApi.Kubectl;
import io.xdplb.testing.cluster.KubernetesCluster;
import io.xdplb.testing.cluster.RequiresCluster;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every command of {@code docs/install.md}, in order, as somebody would type them. */
@RequiresCluster
class InstallGuideTest {

  private static final Pattern BLOCK = Pattern.compile("```sh\n(.*?)```", Pattern.DOTALL);

  private final KubernetesCluster cluster;

  InstallGuideTest(KubernetesCluster cluster) {
    this.cluster = cluster;
  }

  @Test
  void whatTheGuideSaysWorks(@TempDir Path bin) throws IOException {
    Xdplb xdplb = new Xdplb(cluster);
    command(bin, "helm", xdplb.helmBinary());
    command(bin, "kubectl", Xdplb.lastLineOf("operator/testing/kubernetes/build.sh") + "/kubectl");
    // "from outside of the cluster"
    command(
        bin,
        "curl",
        "nsenter --net=/run/netns/" + cluster.client().netns().name() + " /usr/bin/curl");
    List<String> blocks = blocks();
    assertThat(blocks).hasSizeGreaterThan(4);
    String script =
        "set -euo pipefail\n"
            // the nodes have no registry: another web server, which listens to another port
            + String.join("\n", blocks)
                .replace("--image=nginx", "--image=xdplb.io/testing/echo:1")
                .replace("targetPort: 80", "targetPort: 8080");
    Kubectl run =
        Command.run(
            script,
            List.of(
                "env",
                "-C",
                Checkout.path("helm").getParent().toString(),
                "PATH=" + bin + ":/usr/sbin:/usr/bin:/sbin:/bin",
                "KUBECONFIG=" + cluster.kubeconfig(),
                "HOME=" + bin,
                "bash",
                "-x"));
    assertThat(run.succeeded()).as("%s%n%s", run.out(), run.err()).isTrue();
    assertThat(run.out()).contains("Hostname: web-").contains("deleted");
  }

  private static List<String> blocks() throws IOException {
    Matcher matcher = BLOCK.matcher(Files.readString(Checkout.path("docs").resolve("install.md")));
    return matcher.results().map(result -> result.group(1)).collect(Collectors.toList());
  }

  private static void command(Path bin, String name, String runs) throws IOException {
    Path file = bin.resolve(name);
    Files.writeString(file, "#!/bin/sh\nexec " + runs + " \"$@\"\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }
}
