// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.BooleanNode;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The chart, rendered and shown to a real API server. */
@RequiresApiServer
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ChartTest {

  private final KubernetesApi api;

  ChartTest(KubernetesApi api) {
    this.api = api;
  }

  @BeforeAll
  void thereAreTheKindsOfPrometheus() {
    api.kubectl("create", "namespace", Helm.NAMESPACE); // it may be there
    for (String kind : List.of("ServiceMonitor", "PodMonitor", "PrometheusRule")) {
      api.kubectlWithInput(anything(kind), "apply", "-f", "-").outOrFail();
      api.kubectl(
              "wait",
              "--for=condition=Established",
              "crd/" + kind.toLowerCase(Locale.ROOT) + "s.monitoring.coreos.com")
          .outOrFail();
    }
    api.installCrds();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "crds.install=false",
        "crds.keep=false",
        "operator.replicas=1,operator.podDisruptionBudget=true",
        "operator.podDisruptionBudget=false,agent.bindToNode=false,cleanup.enabled=false",
        "agent.interfaces={eth0,bond0.7},agent.xdpMode=native,agent.vipMetrics=100,agent.maxUnavailable=10%",
        "agent.maps.maxRingSlots=33554432,agent.maps.maxFlows=4194304,agent.pinPath=/sys/fs/bpf/other",
        "image.repository=registry.example.com/xdplb,image.tag=1.2.3,image.pullSecrets[0].name=registry",
        "image.digest=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "monitoring.serviceMonitor.enabled=true,monitoring.prometheusRule.enabled=true,"
            + "monitoring.labels.release=prometheus",
        "monitoring.podMonitor.enabled=true,monitoring.dashboard.enabled=true,monitoring.interval=15s",
        "announcements.defaultPolicy.enabled=false",
        "announcements.defaultPolicy.l2.interfaces={eth0,bond0.*}",
        "bgp.enabled=true",
        "bgp.enabled=true,bgp.passwordSecrets={tor-1,tor-2},agent.bindToNode=false",
        "networkPolicy.enabled=true",
        "networkPolicy.enabled=true,networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.a=b",
        "test.urls={http://203.0.113.10/,http://[2001:db8::10]/}",
        "agent.nodeSelector.edge=yes,agent.podLabels.a=b,agent.podAnnotations.c=d,"
            + "operator.nodeSelector.e=f,operator.podLabels.a=b,operator.podAnnotations.c=d",
        "operator.tolerations[0].operator=Exists,agent.tolerations[0].key=edge,agent.logLevel=debug",
      })
  void theApiServerTakesWhatIsRenderedAndItIsTheSameEachTime(String values) {
    String[] options = values.isEmpty() ? new String[0] : new String[] {"--set", values};
    String rendered = Helm.template(options);
    assertThat(Helm.template(options)).as("rendered again").isEqualTo(rendered);
    var answer =
        api.kubectlWithInput(
            rendered, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-");
    assertThat(answer.succeeded()).as(answer.err()).isTrue();
    assertThat(answer.err()).doesNotContain("unknown field");
  }

  @Test
  void installYamlIsTakenToo() throws IOException {
    api.kubectlWithInput(
            Files.readString(Helm.chart().resolveSibling("install.yaml")),
            "apply",
            "--server-side",
            "--force-conflicts",
            "--dry-run=server",
            "-f",
            "-")
        .outOrFail();
  }

  @Test
  void kustomizeGivesTheSameAsInstallYaml() throws IOException {
    var built = api.kubectl("kustomize", Helm.chart().getParent().toString()).outOrFail();
    assertThat(Set.copyOf(Objects.of(built).all()))
        .isEqualTo(
            Set.copyOf(
                Objects.of(Files.readString(Helm.chart().resolveSibling("install.yaml"))).all()));
  }

  @Test
  void lintFindsNothing() {
    assertThat(Helm.lint()).contains("0 chart(s) failed");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "agent.interfacez={eth0}",
        "agentt.xdpMode=native",
        "agent.xdpMode=fast",
        "operator.replicas=0",
        "agent.resources.limits.cpu=1",
        "monitoring.servicemonitor.enabled=true",
        "agent.pinPath=/tmp/xdplb",
        "announcements.defaultPolicy.l2.interfaces={e*h}",
        "bgp.passwordSecrets={Tor_1}",
        "bgp.resources.limits.cpu=1",
        "image.digest=latest"
      })
  void aValueThatCannotBeMeantIsRefused(String values) {
    assertThatThrownBy(() -> Helm.template("--set", values))
        .hasMessageContaining("values don't meet the specifications of the schema");
  }

  @Test
  void theSchemaKnowsExactlyTheValuesThereAre() throws IOException {
    JsonNode schema =
        new ObjectMapper().readTree(Helm.chart().resolve("values.schema.json").toFile());
    JsonNode values = Objects.yaml(Files.readString(Helm.chart().resolve("values.yaml")));
    Set<String> inSchema = new TreeSet<>();
    schemaPaths(schema, schema, "", inSchema);
    Set<String> inValues = new TreeSet<>();
    valuePaths(values, schema, schema, "", inValues);
    inSchema.remove(".global");
    assertThat(inValues).isEqualTo(inSchema);
  }

  /** The paths of a schema, which has to be closed wherever it names properties. */
  private static void schemaPaths(JsonNode root, JsonNode schema, String at, Set<String> paths) {
    JsonNode here = resolve(root, schema);
    if (!here.has("properties") || at.endsWith("affinity") || at.contains(".resources.")) {
      paths.add(at);
      return;
    }
    assertThat(here.path("additionalProperties")).as(at).isEqualTo(BooleanNode.FALSE);
    here.get("properties")
        .fields()
        .forEachRemaining(p -> schemaPaths(root, p.getValue(), at + "." + p.getKey(), paths));
  }

  private static void valuePaths(
      JsonNode value, JsonNode root, JsonNode schema, String at, Set<String> paths) {
    JsonNode here = resolve(root, schema);
    if (!here.has("properties") || at.endsWith("affinity") || at.contains(".resources.")) {
      paths.add(at);
      return;
    }
    value
        .fields()
        .forEachRemaining(
            v ->
                valuePaths(
                    v.getValue(),
                    root,
                    here.at("/properties/" + v.getKey()),
                    at + "." + v.getKey(),
                    paths));
  }

  private static JsonNode resolve(JsonNode root, JsonNode schema) {
    return schema.has("$ref") ? root.at(schema.get("$ref").asText().substring(1)) : schema;
  }

  @Test
  void theAgentHasTheRightsItNeedsAndNoMore() {
    JsonNode pod =
        Objects.of(Helm.template()).get("DaemonSet", "xdplb-agent").at("/spec/template/spec");
    JsonNode container = pod.at("/containers/0");
    JsonNode security = container.get("securityContext");
    assertThat(security.at("/capabilities/drop").toString()).isEqualTo("[\"ALL\"]");
    assertThat(security.at("/capabilities/add").toString())
        .isEqualTo("[\"BPF\",\"NET_ADMIN\",\"NET_RAW\",\"PERFMON\"]");
    assertThat(security.path("privileged").asBoolean(true)).isFalse();
    assertThat(security.path("allowPrivilegeEscalation").asBoolean(true)).isFalse();
    assertThat(security.path("readOnlyRootFilesystem").asBoolean()).isTrue();
    assertThat(pod.at("/securityContext/seccompProfile/type").asText()).isEqualTo("RuntimeDefault");
    assertThat(pod.path("hostNetwork").asBoolean()).isTrue();
    assertThat(pod.has("hostPID")).isFalse();
    assertThat(container.at("/resources/limits").has("memory")).isTrue();
    assertThat(container.at("/resources/limits").has("cpu")).isFalse();
    assertThat(pod.get("tolerations").toString()).isEqualTo("[{\"operator\":\"Exists\"}]");
    assertThat(pod.path("priorityClassName").asText()).isEqualTo("system-node-critical");
  }

  @Test
  void theDaemonForBgpIsThereOnRequestAndAfterTheAgent() {
    assertThat(containers()).containsExactly("agent");
    assertThat(containers("--set", "bgp.enabled=true")).containsExactly("agent", "bird");
  }

  private static List<String> containers(String... options) {
    return Objects.of(Helm.template(options))
        .get("DaemonSet", "xdplb-agent")
        .at("/spec/template/spec/containers")
        .findValuesAsText("name")
        .stream()
        .filter(Set.of("agent", "bird")::contains)
        .distinct()
        .toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"Deployment xdplb-operator", "Job xdplb-cleanup", "Pod xdplb-test"})
  void allButTheAgentMeetTheRestrictedStandard(String which) {
    String namespace = api.newNamespace("restricted");
    api.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
        .outOrFail();
    JsonNode object =
        Objects.of(Helm.template("--set", "test.urls={http://203.0.113.10/}"))
            .get(which.split(" ")[0], which.split(" ")[1]);
    JsonNode spec =
        object.has("spec") && object.at("/spec").has("template")
            ? object.at("/spec/template/spec")
            : object.get("spec");
    Map<String, Object> pod =
        Map.of("apiVersion", "v1", "kind", "Pod", "metadata", Map.of("name", "p"), "spec", spec);
    String json = new ObjectMapper().valueToTree(pod).toString();
    api.kubectlWithInput(json, "-n", namespace, "create", "--dry-run=server", "-f", "-")
        .outOrFail();
  }

  private static String anything(String kind) {
    String plural = kind.toLowerCase(Locale.ROOT) + "s";
    return """
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: %1$s.monitoring.coreos.com}
    spec:
      group: monitoring.coreos.com
      names: {kind: %2$s, plural: %1$s, singular: %3$s}
      scope: Namespaced
      versions:
      - name: v1
        served: true
        storage: true
        schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    """
        .formatted(plural, kind, kind.toLowerCase(Locale.ROOT));
  }
}
