// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;

/**
 * The folder of one control plane (etcd's data, keys, the certificate, kubeconfig, logs), and the
 * command lines that refer to it. In memory where the machine has a place for that.
 */
final class ControlPlaneFiles {

  private static final Path MEMORY = Path.of("/dev/shm");
  private static final String LOOPBACK = "127.0.0.1";

  /**
   * Below the range from which kernels take ports for outgoing connections: the port stays free
   * while the API server is stopped for a while.
   */
  private static final int FIRST_PORT = 20_000;

  private static final int LAST_PORT = 29_999;

  private final Path folder;
  private final int etcdPort = freePort();
  private final int etcdPeerPort = freePort();
  private final int apiPort = freePort();
  private final String token = UUID.randomUUID().toString();

  private ControlPlaneFiles(Path folder) {
    this.folder = folder;
  }

  /** A new folder with the files that must be there before the processes start. */
  static ControlPlaneFiles create() {
    try {
      Path parent =
          Files.isWritable(MEMORY) ? MEMORY : Path.of(System.getProperty("java.io.tmpdir"));
      ControlPlaneFiles files =
          new ControlPlaneFiles(Files.createTempDirectory(parent, "xdplb-api-server-"));
      Files.writeString(files.serviceAccountKey(), newPrivateKey());
      Files.writeString(files.tokens(), files.token + ",admin,admin,system:masters\n");
      return files;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot make the folder of an API server", e);
    }
  }

  Path log(String process) {
    return folder.resolve(process + ".log");
  }

  Path kubeconfig() {
    return folder.resolve("kubeconfig");
  }

  List<String> etcdCommand(ControlPlaneBinaries binaries) {
    String client = "http://" + LOOPBACK + ":" + etcdPort;
    String peer = "http://" + LOOPBACK + ":" + etcdPeerPort;
    return List.of(
        binaries.etcd(),
        "--name=test",
        "--data-dir=" + folder.resolve("etcd"),
        "--unsafe-no-fsync",
        "--log-level=warn",
        "--listen-client-urls=" + client,
        "--advertise-client-urls=" + client,
        "--listen-peer-urls=" + peer,
        "--initial-advertise-peer-urls=" + peer,
        "--initial-cluster=test=" + peer);
  }

  List<String> apiServerCommand(ControlPlaneBinaries binaries) {
    return List.of(
        binaries.apiServer(),
        "--etcd-servers=http://" + LOOPBACK + ":" + etcdPort,
        "--bind-address=" + LOOPBACK,
        "--advertise-address=" + LOOPBACK,
        "--secure-port=" + apiPort,
        "--cert-dir=" + certificates(),
        "--token-auth-file=" + tokens(),
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=" + serviceAccountKey(),
        "--service-account-signing-key-file=" + serviceAccountKey());
  }

  /**
   * Writes the kubeconfig once the API server has made its certificate.
   *
   * @return whether it is written
   */
  boolean writeKubeconfig() {
    Path certificate = certificates().resolve("apiserver.crt");
    Path key = certificates().resolve("apiserver.key");
    if (!Files.exists(certificate) || !Files.exists(key)) {
      return false;
    }
    try {
      Files.writeString(kubeconfig(), kubeconfigText(Files.readAllBytes(certificate)));
      return true;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + kubeconfig(), e);
    }
  }

  private String kubeconfigText(byte[] certificate) {
    return """
    apiVersion: v1
    kind: Config
    current-context: test
    contexts: [{name: test, context: {cluster: test, user: admin}}]
    clusters:
    - name: test
      cluster:
        server: https://%s:%d
        certificate-authority-data: %s
    users: [{name: admin, user: {token: %s}}]
    """
        .formatted(LOOPBACK, apiPort, Base64.getEncoder().encodeToString(certificate), token);
  }

  /** Removes the folder. */
  void delete() {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot remove " + folder, e);
    }
  }

  private Path certificates() {
    return folder.resolve("certificates");
  }

  private Path serviceAccountKey() {
    return folder.resolve("service-account.key");
  }

  private Path tokens() {
    return folder.resolve("tokens.csv");
  }

  private static String newPrivateKey() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
      generator.initialize(2048);
      byte[] key = generator.generateKeyPair().getPrivate().getEncoded();
      return "-----BEGIN PRIVATE KEY-----\n"
          + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(key)
          + "\n-----END PRIVATE KEY-----\n";
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java can make RSA keys", e);
    }
  }

  private static int freePort() {
    while (true) {
      int port = ThreadLocalRandom.current().nextInt(FIRST_PORT, LAST_PORT + 1);
      try (ServerSocket probe = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
        return probe.getLocalPort();
      } catch (IOException inUse) {
        continue;
      }
    }
  }
}
