// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.xdplb.datapath.Datapath;
import io.xdplb.testing.Checkout;
import io.xdplb.testing.apiserver.ApiRelay;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.kernel.RunningProcess;
import io.xdplb.testing.kernel.Topology;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the chart installs, run as a kubelet would: the image's files, the arguments, variables,
 * users and capabilities of its pods, and tokens of its accounts, with the rights that it gives
 * them, at a real API server.
 */
@RequiresBpf
@RequiresApiServer
@RequiresImage
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class InstalledTest {

  private static final Logger log = LoggerFactory.getLogger(InstalledTest.class);
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final Duration TAKEOVER = Duration.ofSeconds(20);
  private static final int NONROOT = 65532;

  /** Nobody here asks who has an address: the client has a route. */
  private static final String VALUES =
      "agent.interfaces={eth0},announcements.defaultPolicy.enabled=false";

  private final KubernetesApi api;
  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final String node = "installed-" + ProcessHandle.current().pid();
  private final String pinPath = "/sys/fs/bpf/xdplb-test-" + node;
  private final Objects chart = Objects.of(Helm.template("--set", VALUES));
  private final List<Operator> operators = new ArrayList<>();
  private final List<LoadedClasses> classes = new ArrayList<>();
  private String namespace;
  private Image image;
  private Topology lan;
  private RunningProcess agent;
  private String agentToken;

  private record Operator(String name, RunningProcess process, int port) {}

  InstalledTest(KubernetesApi api) {
    this.api = api;
  }

  @BeforeAll
  void install(@TempDir Path folder) throws Exception {
    image = Image.build();
    api.kubectl("create", "namespace", Helm.NAMESPACE); // it may be there
    api.kubectlWithInput(
            Helm.template("--set", VALUES, "--no-hooks"),
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            "-")
        .outOrFail();
    namespace = api.newNamespace("installed");
    lan = opened(Topology.oneArmed(1, 2, Topology.PeerXdp.STUB));
    opened(new ApiRelay(lan.balancer().netns(), api.config().getMasterUrl()));
    addNode();
    startOperator(folder, "operator-0");
    startAgent(folder);
    startOperator(folder, "operator-1");
  }

  @AfterAll
  void close() throws Exception {
    if (LoadedClasses.WRITE) {
      agent.close();
      operators.forEach(operator -> operator.process().close());
      LoadedClasses.write(classes, Checkout.path("operator/image/classes.txt.gz"));
    }
    while (!open.isEmpty()) {
      open.pop().close();
    }
  }

  @Test
  @Order(1)
  void aLoadBalancerBecomesReadyWithTheRightsAndCapabilitiesOfTheChart() {
    apply("first", 10);
    awaitReady("first");
  }

  /** As kstatus and Argo CD see a LoadBalancer that is made, mended, changed and deleted. */
  @Test
  @Order(2)
  void gitOpsToolsSeeWhatIsTheCase() {
    String manifest = manifest("life", 20);
    JsonNode fresh =
        Objects.yaml(
            api.kubectlWithInput(
                    manifest,
                    "-n",
                    namespace,
                    "create",
                    "--dry-run=server",
                    "-o",
                    "json",
                    "-f",
                    "-")
                .outOrFail());
    assertThat(Kstatus.of(fresh)).isEqualTo(Kstatus.IN_PROGRESS);
    assertThat(ArgoHealth.of(fresh).status()).isEqualTo("Progressing");

    kubectlApply(manifest.replace("203.0.113.20", "127.0.0.1"));
    awaitHealth("life", Kstatus.FAILED, "Degraded");
    kubectlApply(manifest);
    awaitHealth("life", Kstatus.CURRENT, "Healthy");
    kubectlApply(
        manifest.replaceAll("- static: .*", "- serviceRef: {name: there-is-none, port: 80}"));
    awaitHealth("life", Kstatus.IN_PROGRESS, "Degraded");
    kubectlApply(manifest.replace("port: 80}", "port: 81}"));
    awaitHealth("life", Kstatus.CURRENT, "Healthy");
    assertThat(ArgoHealth.of(object("xns/" + node)))
        .isEqualTo(new ArgoHealth("Healthy", "2 tables"));
    api.kubectl("-n", namespace, "delete", "xlb/life").outOrFail();
  }

  private void awaitHealth(String balancer, Kstatus kstatus, String argo) {
    await(balancer + ": " + kstatus + ", " + argo)
        .atMost(DEADLINE)
        .untilAsserted(
            () -> {
              JsonNode object = object("xlb/" + balancer);
              assertThat(Kstatus.of(object)).as(object::toPrettyString).isEqualTo(kstatus);
              assertThat(ArgoHealth.of(object).status()).isEqualTo(argo);
            });
  }

  private JsonNode object(String name) {
    return Objects.yaml(api.kubectl("-n", namespace, "get", name, "-o", "json").outOrFail());
  }

  @Test
  @Order(3)
  void everyMetricThatAnAlertOrAPanelNamesIsThere() throws IOException {
    apply("measured", 11);
    awaitReady("measured");
    Set<String> there =
        new TreeSet<>(MetricNames.scraped(get(lan.balancer().netns(), agentPort(), "/metrics")));
    there.addAll(MetricNames.scraped(get(null, operators.get(0).port(), "/metrics")));
    Path files = Helm.chart().resolve("files");
    Set<String> named =
        MetricNames.named(Objects.yaml(Files.readString(files.resolve("rules.yaml"))));
    named.addAll(
        MetricNames.named(new ObjectMapper().readTree(files.resolve("dashboard.json").toFile())));
    assertThat(named).isNotEmpty();
    assertThat(there).containsAll(named);
  }

  @Test
  @Order(4)
  @DisabledIfSystemProperty(named = "xdplb.classes.write", matches = "true")
  void theArchiveHasTheClassesThatAreLoaded() {
    assertThat(classes.get(0).fromArchive()).as("of the first operator").isGreaterThan(0.9);
    assertThat(classes.get(1).fromArchive()).as("of the agent").isGreaterThan(0.9);
  }

  @Test
  @Order(5)
  void anAgentCannotSpeakForAnotherNode() {
    String other =
        "{\"apiVersion\":\"xdplb.io/v1alpha1\",\"kind\":\"NodeState\",\"metadata\":{\"name\":\"%s\"}}";
    var forOther =
        api.kubectlWithInput(
            other.formatted("other-node"), "--token", agentToken, "create", "-f", "-");
    assertThat(forOther.succeeded()).isFalse();
    assertThat(forOther.err()).contains("token was issued on, not other-node");
    var own =
        api.kubectlWithInput(other.formatted(node), "--token", agentToken, "create", "-f", "-");
    assertThat(own.err()).as("only because it is there").contains("AlreadyExists");
  }

  @Test
  @Order(6)
  void theSecondOperatorTakesOverWhenTheFirstIsKilled() {
    apply("before", 12);
    awaitReady("before");
    Operator leader = operators.stream().filter(InstalledTest::leads).findFirst().orElseThrow();
    Operator other = operators.stream().filter(o -> o != leader).findFirst().orElseThrow();
    assertThat(leads(other)).as(other.name() + " leads too").isFalse();
    assertThat(get(null, other.port(), "/readyz")).isEqualTo("ok\n");
    leader.process().kill();
    long killed = System.nanoTime();
    apply("after", 13);
    awaitReady("after");
    Duration took = Duration.ofNanos(System.nanoTime() - killed);
    log.info("from kill -9 of the leader to the next LoadBalancer's Ready: {} ms", took.toMillis());
    assertThat(took).isLessThan(TAKEOVER);
    assertThat(leads(other)).isTrue();
  }

  @Test
  @Order(7)
  void theDetachingPodLeavesNothingOnTheNode(@TempDir Path folder) throws IOException {
    assertThat(Path.of(pinPath)).exists();
    agent.close();
    assertThat(xdpPrograms()).as("an agent that stops leaves the program").contains("prog/xdp");
    JsonNode container = container("DaemonSet", "xdplb-agent");
    RunningProcess detach =
        opened(
            image.start(
                lan.balancer().netns(),
                account(folder, agentToken),
                0,
                capabilities(container),
                Map.of("XDPLB_PIN_PATH", pinPath),
                List.of("detach", "--stay", "--http=:" + agentPort())));
    awaitReady(detach, lan.balancer().netns(), agentPort());
    assertThat(Path.of(pinPath)).doesNotExist();
    assertThat(xdpPrograms()).doesNotContain("xdp");
  }

  private String xdpPrograms() {
    return lan.balancer().netns().run("ip", "-details", "link", "show", "eth0");
  }

  // The two workloads.

  private void startAgent(Path folder) throws IOException {
    JsonNode pod = pod("DaemonSet", "xdplb-agent");
    JsonNode container = pod.at("/containers/0");
    String uid = createPod("agent-" + node, pod.path("serviceAccountName").asText(), node);
    agentToken = token(pod.path("serviceAccountName").asText(), "agent-" + node, uid);
    Map<String, String> environment = environment(container, "agent-" + node);
    environment.put("XDPLB_PIN_PATH", pinPath);
    long begin = System.nanoTime();
    Netns netns = lan.balancer().netns();
    agent =
        opened(
            image.start(
                netns,
                account(folder.resolve("agent"), agentToken),
                pod.at("/securityContext/runAsUser").asInt(),
                capabilities(container),
                environment,
                arguments(container, environment)));
    open.push(this::detach);
    open.push(agent);
    awaitReady(agent, netns, agentPort());
    log.info("agent ready after {} ms", Duration.ofNanos(System.nanoTime() - begin).toMillis());
  }

  /** Whatever a test left. */
  private void detach() {
    if (Files.exists(Path.of(pinPath))) {
      agent.close();
      Datapath.remove(Path.of(pinPath));
    }
  }

  private void startOperator(Path folder, String name) throws IOException {
    JsonNode pod = pod("Deployment", "xdplb-operator");
    JsonNode container = pod.at("/containers/0");
    assertThat(pod.at("/securityContext/runAsUser").asInt()).isEqualTo(NONROOT);
    String unique = name + "-" + node;
    String uid = createPod(unique, pod.path("serviceAccountName").asText(), node);
    String token = token(pod.path("serviceAccountName").asText(), unique, uid);
    Map<String, String> environment = environment(container, unique);
    int port = freePort();
    List<String> arguments =
        arguments(container, environment).stream()
            .map(word -> word.startsWith("--http=") ? "--http=127.0.0.1:" + port : word)
            .toList();
    RunningProcess process =
        opened(
            image.start(
                null,
                account(folder.resolve(name), token),
                NONROOT,
                capabilities(container),
                environment,
                arguments));
    awaitReady(process, null, port);
    operators.add(new Operator(name, process, port));
  }

  private JsonNode pod(String kind, String name) {
    return chart.get(kind, name).at("/spec/template/spec");
  }

  private JsonNode container(String kind, String name) {
    return pod(kind, name).at("/containers/0");
  }

  private int agentPort() {
    return container("DaemonSet", "xdplb-agent").at("/ports/0/containerPort").asInt();
  }

  private static List<String> capabilities(JsonNode container) {
    return StreamSupport.stream(
            container.at("/securityContext/capabilities/add").spliterator(), false)
        .map(JsonNode::asText)
        .toList();
  }

  private Map<String, String> environment(JsonNode container, String pod) {
    URI server = URI.create(api.config().getMasterUrl());
    Map<String, String> environment = new HashMap<>();
    LoadedClasses loaded = opened(new LoadedClasses(pod));
    classes.add(loaded);
    environment.put("XDPLB_JAVA_OPTS", loaded.javaOptions());
    environment.put("KUBERNETES_SERVICE_HOST", server.getHost());
    environment.put("KUBERNETES_SERVICE_PORT", String.valueOf(server.getPort()));
    for (JsonNode variable : container.path("env")) {
      String field = variable.at("/valueFrom/fieldRef/fieldPath").asText();
      environment.put(
          variable.path("name").asText(),
          switch (field) {
            case "" -> variable.path("value").asText();
            case "spec.nodeName" -> node;
            case "metadata.name" -> pod;
            case "metadata.namespace" -> Helm.NAMESPACE;
            default -> throw new IllegalArgumentException(field);
          });
    }
    return environment;
  }

  /** As a kubelet expands them. */
  private static List<String> arguments(JsonNode container, Map<String, String> environment) {
    List<String> arguments = new ArrayList<>();
    for (JsonNode word : container.path("args")) {
      String text = word.asText();
      for (var variable : environment.entrySet()) {
        text = text.replace("$(" + variable.getKey() + ")", variable.getValue());
      }
      arguments.add(text);
    }
    return arguments;
  }

  // What a cluster would do.

  private void addNode() {
    api.kubectlWithInput(
            "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\"}}"
                .formatted(node),
            "create",
            "-f",
            "-")
        .outOrFail();
    open.push(() -> api.kubectl("delete", "node,nodestate", node, "--ignore-not-found"));
  }

  private String createPod(String name, String account, String onNode) {
    api.kubectlWithInput(
            """
            apiVersion: v1
            kind: Pod
            metadata: {name: %s}
            spec:
              serviceAccountName: %s
              nodeName: %s
              containers: [{name: c, image: none}]
            """
                .formatted(name, account, onNode),
            "-n",
            Helm.NAMESPACE,
            "create",
            "-f",
            "-")
        .outOrFail();
    open.push(
        () -> api.kubectl("-n", Helm.NAMESPACE, "delete", "pod", name, "--force", "--wait=false"));
    return api.kubectl("-n", Helm.NAMESPACE, "get", "pod", name, "-o", "jsonpath={.metadata.uid}")
        .outOrFail();
  }

  private String token(String account, String pod, String uid) {
    return api.kubectl(
            "-n",
            Helm.NAMESPACE,
            "create",
            "token",
            account,
            "--bound-object-kind=Pod",
            "--bound-object-name=" + pod,
            "--bound-object-uid=" + uid)
        .outOrFail()
        .strip();
  }

  private Path account(Path folder, String token) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("token"), token);
    Files.writeString(folder.resolve("namespace"), Helm.NAMESPACE);
    Files.write(folder.resolve("ca.crt"), Base64.getDecoder().decode(api.config().getCaCertData()));
    return folder;
  }

  private void apply(String name, int host) {
    kubectlApply(manifest(name, host));
  }

  private void kubectlApply(String manifest) {
    api.kubectlWithInput(manifest, "-n", namespace, "apply", "-f", "-").outOrFail();
  }

  private String manifest(String name, int host) {
    return """
    apiVersion: xdplb.io/v1alpha1
    kind: LoadBalancer
    metadata: {name: %1$s}
    spec:
      addresses: {requested: ["203.0.113.%2$d", "2001:db8:0:2::%2$d"]}
      listeners:
      - name: http
        protocol: TCP
        port: 80
        backends:
        - static: {addresses: ["%3$s", "%4$s"], port: 80}
    """
        .formatted(name, host, lan.backends().get(0).ipv4(), lan.backends().get(1).ipv6());
  }

  private void awaitReady(String balancer) {
    var answer =
        api.kubectl(
            "-n",
            namespace,
            "wait",
            "--for=condition=Ready",
            "xlb/" + balancer,
            "--timeout=" + DEADLINE.toSeconds() + "s");
    assertThat(answer.succeeded())
        .as(
            () ->
                answer.err()
                    + api.kubectl("-n", namespace, "get", "xlb,xft,xns", "-o", "yaml").out()
                    + "\n--- agent\n"
                    + agent.output()
                    + "\n--- operators\n"
                    + operators.stream().map(o -> o.process().output()).toList())
        .isTrue();
  }

  private static boolean leads(Operator operator) {
    return operator.process().isAlive()
        && get(null, operator.port(), "/metrics").contains("\nxdplb_operator_leader 1.0\n");
  }

  private static void awaitReady(RunningProcess process, Netns netns, int port) {
    await("ready:\n" + process.output())
        .atMost(DEADLINE)
        .pollInterval(Duration.ofMillis(20))
        .failFast(() -> process.mustBeAlive())
        .until(() -> get(netns, port, "/readyz").equals("ok\n"));
  }

  /** The body, whatever the status; empty while nobody listens. */
  private static String get(Netns netns, int port, String path) {
    return netns == null ? get(port, path) : netns.call(() -> get(port, path));
  }

  private static String get(int port, String path) {
    try {
      HttpURLConnection connection =
          (HttpURLConnection)
              URI.create("http://127.0.0.1:" + port + path).toURL().openConnection();
      connection.setRequestProperty("Connection", "close");
      connection.setConnectTimeout(2000);
      connection.setReadTimeout(10_000);
      var body =
          connection.getResponseCode() < 400
              ? connection.getInputStream()
              : connection.getErrorStream();
      return new String(body.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "";
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private <T extends AutoCloseable> T opened(T resource) {
    open.push(resource);
    return resource;
  }
}
