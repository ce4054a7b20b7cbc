// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * etcd and kube-apiserver as two processes on free ports of the loopback address. Needs no root and
 * no container. No controller runs, see {@link KubernetesApi}; nor is the admission plugin for
 * service accounts on, so that Pods can be created without the account that a controller would make
 * for them.
 */
final class ModulesServer implements TestServer {

  private static final Logger log = LoggerFactory.getLogger(ModulesServer.class);
  private static final Duration START_DEADLINE = Duration.ofSeconds(90);
  private static final long POLL_NANOS = Duration.ofMillis(20).toNanos();

  private final ControlPlaneBinaries binaries;
  private final ControlPlaneFiles files;
  private final Thread atJvmEnd = new Thread(this::abandon, "api-server-end");
  private final ServerProcess etcd;
  private ServerProcess apiServer;

  private ModulesServer(ControlPlaneBinaries binaries, ControlPlaneFiles files) {
    this.binaries = binaries;
    this.files = files;
    Runtime.getRuntime().addShutdownHook(atJvmEnd);
    this.etcd = ServerProcess.start("etcd", files.log("etcd"), files.etcdCommand(binaries));
  }

  /** Builds what is not built yet, starts both processes and returns when the API is ready. */
  static ModulesServer open() throws Unavailable {
    ControlPlaneBinaries binaries = ControlPlaneBinaries.find();
    ModulesServer server = new ModulesServer(binaries, ControlPlaneFiles.create());
    try {
      server.start();
      return server;
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
  }

  @Override
  public String description() {
    return "kube-apiserver and etcd built from modules ("
        + binaries.folder().getFileName()
        + "), without controllers";
  }

  @Override
  public Path kubeconfig() {
    return files.kubeconfig();
  }

  @Override
  public Config config() {
    try {
      return Config.fromKubeconfig(Files.readString(kubeconfig()));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + kubeconfig(), e);
    }
  }

  @Override
  public Kubectl kubectlWithInput(String input, String... arguments) {
    return Command.run(input, binaries.kubectlCommand(kubeconfig(), arguments));
  }

  @Override
  public synchronized void stop() {
    if (apiServer != null) {
      apiServer.kill();
      apiServer.close();
      apiServer = null;
      log.info("API server stopped");
    }
  }

  @Override
  public synchronized void start() {
    if (apiServer != null) {
      return;
    }
    long begin = System.nanoTime();
    apiServer =
        ServerProcess.start(
            "kube-apiserver", files.log("kube-apiserver"), files.apiServerCommand(binaries));
    try {
      awaitReady(begin + START_DEADLINE.toNanos());
    } catch (RuntimeException e) {
      stop();
      throw e;
    }
    log.info(
        "API server ready after {} ms", Duration.ofNanos(System.nanoTime() - begin).toMillis());
  }

  private void awaitReady(long deadline) {
    await("its certificate", deadline, files::writeKubeconfig);
    try (KubernetesClient client = withoutRetries()) {
      await("/readyz", deadline, () -> answersReady(client));
    }
  }

  private KubernetesClient withoutRetries() {
    Config config = config();
    config.setRequestRetryBackoffLimit(0);
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  private static boolean answersReady(KubernetesClient client) {
    try {
      return "ok".equals(client.raw("/readyz"));
    } catch (KubernetesClientException e) {
      return false;
    }
  }

  private void await(String what, long deadline, Condition condition) {
    while (!condition.met()) {
      etcd.mustRun();
      apiServer.mustRun();
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException(
            "kube-apiserver did not show %s in %s; the end of its log:%n%s"
                .formatted(what, START_DEADLINE, apiServer.endOfLog()));
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  @Override
  public synchronized void close() {
    stop();
    etcd.close();
    files.delete();
    Runtime.getRuntime().removeShutdownHook(atJvmEnd);
  }

  /** The JVM ends before the tests did: no time for manners. */
  private void abandon() {
    if (apiServer != null) {
      apiServer.kill();
    }
    if (etcd != null) {
      etcd.kill();
    }
    files.delete();
  }

  private interface Condition {
    boolean met();
  }
}
