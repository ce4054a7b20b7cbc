// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import io.xdplb.testing.apiserver.KubernetesApi.Kubectl;
import io.xdplb.testing.cluster.KubernetesCluster;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * A namespace with a Deployment and a Service {@code web}: pods that say who they are, over HTTP on
 * 8080 and line by line on 7000, spread over the nodes. {@link #close} deletes the namespace.
 */
final class Web implements AutoCloseable {

  static final Duration DEADLINE = Duration.ofSeconds(60);

  private static final String MANIFEST =
      """
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web}
      spec:
        replicas: %d
        selector: {matchLabels: {app: web}}
        strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
        template:
          metadata: {labels: {app: web}}
          spec:
            topologySpreadConstraints:
            - maxSkew: 1
              topologyKey: kubernetes.io/hostname
              whenUnsatisfiable: ScheduleAnyway
              labelSelector: {matchLabels: {app: web}}
            containers:
            - name: web
              image: xdplb.io/testing/echo:1
              env: [{name: VERSION, value: "1"}]
              ports: [{name: http, containerPort: 8080}, {name: echo, containerPort: 7000}]
              readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: web}
      spec:
        type: NodePort
        ipFamilyPolicy: RequireDualStack
        selector: {app: web}
        ports: [{name: http, port: 80, targetPort: http}, {name: echo, port: 7000, targetPort: echo}]
      """;

  private final KubernetesCluster cluster;
  private final String namespace;

  /** Returns when all pods are ready. */
  Web(KubernetesCluster cluster, int replicas) {
    this.cluster = cluster;
    namespace = cluster.newNamespace("web");
    try {
      apply(MANIFEST.formatted(replicas));
      awaitRollout();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  Kubectl kubectl(String... arguments) {
    return kubectlWithInput("", arguments);
  }

  /** {@code kubectl apply}, which must succeed. */
  void apply(String manifest) {
    kubectlWithInput(manifest, "apply", "-f", "-").outOrFail();
  }

  /** A field of an object, as {@code kubectl get -o jsonpath} prints it. */
  String get(String object, String jsonPath) {
    return kubectl("get", object, "-o", "jsonpath=" + jsonPath).outOrFail();
  }

  void awaitRollout() {
    kubectl("rollout", "status", "deployment/web", "--timeout=" + DEADLINE.toSeconds() + "s")
        .outOrFail();
  }

  /** The names of the pods that are to go on. */
  List<String> pods() {
    String each = "{.metadata.name} {.metadata.deletionTimestamp}{\"\\n\"}";
    return get("pods", "{range .items[*]}" + each + "{end}")
        .lines()
        .map(line -> line.split(" "))
        .filter(nameAndDeletion -> nameAndDeletion.length == 1)
        .map(nameAndDeletion -> nameAndDeletion[0])
        .toList();
  }

  /** How many pods there are, also those that are ending. */
  int allPods() {
    return words(get("pods", "{.items[*].metadata.name}")).size();
  }

  /** The nodes that have one of the pods. */
  Set<String> nodes() {
    return Set.copyOf(words(get("pods", "{.items[*].spec.nodeName}")));
  }

  /** The log of one of the pods. */
  String log(String pod) {
    return kubectl("logs", pod).outOrFail();
  }

  /** Waits until {@code condition} holds; what it throws meanwhile is not yet. */
  static void until(String what, Callable<Boolean> condition) {
    until(what, DEADLINE, condition);
  }

  static void until(String what, Duration deadline, Callable<Boolean> condition) {
    Awaitility.await(what)
        .atMost(deadline)
        .pollInterval(Duration.ofMillis(100))
        .ignoreExceptions()
        .until(condition);
  }

  private Kubectl kubectlWithInput(String input, String... arguments) {
    return cluster.kubectlWithInput(
        input,
        Stream.concat(Stream.of("--namespace=" + namespace), Stream.of(arguments))
            .toArray(String[]::new));
  }

  private static List<String> words(String text) {
    return Arrays.stream(text.split(" ")).filter(word -> !word.isEmpty()).toList();
  }

  @Override
  public void close() {
    cluster.kubectl("delete", "namespace", namespace, "--wait=false").outOrFail();
  }
}
