// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import io.fabric8.kubernetes.client.Config;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.Container.ExecResult;
import org.testcontainers.images.builder.Transferable;
import org.testcontainers.k3s.K3sContainer;
import org.testcontainers.utility.DockerImageName;

/**
 * K3s in a container, for machines that have a Docker engine but no Go. Its controllers do run.
 *
 * <p>Written after Testcontainers' documentation and compiled, but not yet run: the machines where
 * this was developed have no Docker engine that can fetch the image.
 *
 * <p>An outage is a paused container, because a stopped one gets another port when it comes back:
 * connections hang instead of being refused.
 */
final class K3sServer implements TestServer {

  /** Environment variable with the image to use instead of {@link #DEFAULT_IMAGE}. */
  static final String IMAGE_VARIABLE = "XDPLB_TEST_K3S_IMAGE";

  private static final String DEFAULT_IMAGE = "rancher/k3s:v1.33.1-k3s1";
  private static final String INPUT = "/tmp/xdplb-input";

  private final K3sContainer container;
  private final Path kubeconfig;
  private boolean paused;

  private K3sServer(K3sContainer container, Path kubeconfig) {
    this.container = container;
    this.kubeconfig = kubeconfig;
  }

  /** Starts the container and returns when the node is ready. */
  static K3sServer open() throws Unavailable {
    if (!DockerClientFactory.instance().isDockerAvailable()) {
      throw new Unavailable("no Docker engine answers");
    }
    String image = System.getenv().getOrDefault(IMAGE_VARIABLE, DEFAULT_IMAGE);
    K3sContainer container =
        new K3sContainer(DockerImageName.parse(image).asCompatibleSubstituteFor("rancher/k3s"));
    try {
      container.start();
      Path kubeconfig = Files.createTempFile("xdplb-k3s-", ".kubeconfig");
      Files.writeString(kubeconfig, container.getKubeConfigYaml());
      return new K3sServer(container, kubeconfig);
    } catch (IOException e) {
      container.stop();
      throw new UncheckedIOException("cannot write the kubeconfig of K3s", e);
    } catch (RuntimeException e) {
      container.stop();
      throw new Unavailable("the container " + image + " does not start: " + e, e);
    }
  }

  @Override
  public String description() {
    return "K3s in the container " + container.getDockerImageName();
  }

  @Override
  public Path kubeconfig() {
    return kubeconfig;
  }

  @Override
  public Config config() {
    return Config.fromKubeconfig(container.getKubeConfigYaml());
  }

  @Override
  public Kubectl kubectlWithInput(String input, String... arguments) {
    container.copyFileToContainer(Transferable.of(input), INPUT);
    String[] command =
        Stream.concat(
                Stream.of("sh", "-c", "exec kubectl \"$@\" <" + INPUT, "kubectl"),
                Stream.of(arguments))
            .toArray(String[]::new);
    try {
      ExecResult result = container.execInContainer(command);
      return new Kubectl(result.getExitCode(), result.getStdout(), result.getStderr());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot run kubectl in the container of K3s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while kubectl ran", e);
    }
  }

  @Override
  public synchronized void stop() {
    if (!paused) {
      container.getDockerClient().pauseContainerCmd(container.getContainerId()).exec();
      paused = true;
    }
  }

  @Override
  public synchronized void start() {
    if (paused) {
      container.getDockerClient().unpauseContainerCmd(container.getContainerId()).exec();
      paused = false;
    }
  }

  @Override
  public synchronized void close() {
    start();
    container.stop();
    try {
      Files.deleteIfExists(kubeconfig);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot remove " + kubeconfig, e);
    }
  }
}
