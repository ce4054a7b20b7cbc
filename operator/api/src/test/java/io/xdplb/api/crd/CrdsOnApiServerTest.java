// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.map;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.xdplb.testing.Checkout;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.KubernetesApi.Kubectl;
import io.xdplb.testing.apiserver.RequiresApiServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a user and a GitOps tool meet on a real API server. */
@RequiresApiServer
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CrdsOnApiServerTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  private static final String SHORT =
      """
      apiVersion: xdplb.io/v1alpha1
      kind: LoadBalancer
      metadata: {name: short, namespace: %s}
      spec:
        addresses: {requested: [203.0.113.1]}
        listeners:
        - {name: http, protocol: TCP, port: 80, backends: [{serviceRef: {name: web, port: 80}}]}
      """;

  private KubernetesApi api;
  private Server server;
  private String namespace;

  @BeforeAll
  void install(KubernetesApi api) {
    this.api = api;
    api.installCrds();
    namespace = api.newNamespace("crds");
    server = new Server(api);
  }

  @AfterAll
  void close() {
    server.close();
  }

  @Test
  void crdsAreAcceptedWithoutAWarningAndEstablished() {
    Kubectl applied =
        api.kubectlWithInput(
            String.join("---\n", CrdGenerator.generate().values()),
            "apply",
            "--server-side",
            "-f",
            "-");
    assertThat(applied.outOrFail()).contains("loadbalancers.xdplb.io serverside-applied");
    assertThat(applied.err()).isEmpty();
    String conditions =
        api.kubectl(
                "get",
                "crd",
                "loadbalancers.xdplb.io",
                "addresspools.xdplb.io",
                "forwardingtables.xdplb.io",
                "forwardingtableslices.xdplb.io",
                "nodestates.xdplb.io",
                "announcementpolicies.xdplb.io",
                "bgppeers.xdplb.io",
                "memberships.xdplb.io",
                "-o",
                "jsonpath={range .items[*].status.conditions[*]}{.type}={.status} {end}")
            .outOrFail();
    assertThat(conditions.split(" "))
        .hasSize(16)
        .containsOnly("NamesAccepted=True", "Established=True");
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.api.crd.Examples#kinds")
  void everyFieldIsStoredAsItWasSent(String kind) throws Exception {
    ObjectNode full = Examples.full(kind, namespace);
    String version = server.create(full).getMetadata().getResourceVersion();
    try {
      if (full.has("status")) {
        server.writeStatus(full, version);
      }
      JsonNode stored = JSON.readTree(JSON.writeValueAsString(server.get(full)));
      assertThat(stored.get("spec")).isEqualTo(full.get("spec"));
      assertThat(stored.get("status")).isEqualTo(full.get("status"));
    } finally {
      server.delete(full);
    }
  }

  @Test
  void whatIsLeftOutGetsItsDefault() {
    apply(SHORT.formatted(namespace));
    JsonNode stored = get("loadbalancer", "short");
    assertThat(stored.at("/spec/forwarding/mode").asText()).isEqualTo("Auto");
    assertThat(stored.at("/spec/drain/gracePeriod").asText()).isEqualTo("5m");
    assertThat(stored.at("/spec/unavailablePolicy").asText()).isEqualTo("Reject");
    assertThat(stored.at("/spec/listeners/0/backends/0/weight").asInt()).isEqualTo(1);
  }

  @Test
  void anObjectThatNobodyHasLookedAtYetDoesNotLookFinished() {
    apply(SHORT.formatted(namespace).replace("name: short", "name: unseen"));
    assertThat(get("loadbalancer", "unseen").at("/status/observedGeneration").asInt())
        .isEqualTo(-1);
  }

  /**
   * The server drops the status of a new object, its default included, and stores that default with
   * the first write after: a second apply of an object whose status nobody has written yet is a new
   * version with the same content, unless the operator was there first. From then on nothing moves.
   */
  @Test
  void applyingTheSameAgainChangesNothing() {
    ObjectNode object = Examples.full("LoadBalancer", namespace);
    ((ObjectNode) object.get("metadata")).put("name", "twice");
    JsonNode status = object.remove("status");
    apply(object.toString());
    String version = get("loadbalancer", "twice").at("/metadata/resourceVersion").asText();
    ObjectNode seen = object.deepCopy();
    seen.set("status", status);
    server.writeStatus(seen, version);

    JsonNode before = get("loadbalancer", "twice");
    apply(object.toString());
    assertThat(get("loadbalancer", "twice")).isEqualTo(before);
    assertThat(before.at("/metadata/generation").asInt()).isEqualTo(1);
  }

  @Test
  void applyingTheSameAgainBeforeTheOperatorCameIsNoNewGenerationAndSettles() {
    String object = SHORT.formatted(namespace).replace("name: short", "name: settles");
    apply(object);
    JsonNode first = get("loadbalancer", "settles");
    apply(object);
    JsonNode second = get("loadbalancer", "settles");
    apply(object);
    assertThat(get("loadbalancer", "settles")).isEqualTo(second);
    assertThat(withoutVersion(second)).isEqualTo(withoutVersion(first));
  }

  private static JsonNode withoutVersion(JsonNode object) {
    ObjectNode copy = object.deepCopy();
    ((ObjectNode) copy.get("metadata")).remove("resourceVersion");
    return copy;
  }

  @Test
  void twoManagersOwnAListenerEach() {
    String both = SHORT.formatted(namespace).replace("name: short", "name: shared");
    apply(both);
    api.kubectlWithInput(
            both.replace(
                "name: http, protocol: TCP, port: 80", "name: dns, protocol: UDP, port: 53"),
            "apply",
            "--server-side",
            "--field-manager=other",
            "-f",
            "-")
        .outOrFail();
    assertThat(get("loadbalancer", "shared").at("/spec/listeners")).hasSize(2);
  }

  @Test
  void aStatusIsWrittenOnlyAtItsSubresource() {
    ObjectNode object = Examples.full("LoadBalancer", namespace);
    ((ObjectNode) object.get("metadata")).put("name", "status");
    GenericKubernetesResource created = server.create(object);
    assertThat(created.getAdditionalProperties().get("status"))
        .asInstanceOf(map(String.class, Object.class))
        .isEqualTo(Map.of("observedGeneration", -1));
  }

  @Test
  void columnsShowWhatAUserAsksFirst() {
    ObjectNode object = Examples.full("LoadBalancer", namespace);
    ((ObjectNode) object.get("metadata")).put("name", "columns");
    server.writeStatus(object, server.create(object).getMetadata().getResourceVersion());
    List<String> lines =
        api.kubectl("get", "xlb", "-n", namespace, "columns").outOrFail().lines().toList();
    assertThat(lines.get(0).split(" +"))
        .containsExactly("NAME", "ADDRESSES", "ENDPOINTS", "NODES", "PROGRAMMED", "READY", "AGE");
    assertThat(lines.get(1))
        .containsSubsequence("columns", "[\"203.0.113.10\",\"2001:db8::10\"]", "5", "2", "False");
  }

  @Test
  void shortNamesAndTheCategoryFindTheKinds() {
    assertThat(api.kubectl("api-resources", "--categories=xdplb", "--no-headers").outOrFail())
        .contains("xlb", "xpool", "xft", "xns", "xann", "xpeer", "xmem");
  }

  @Test
  void explainSaysWhatAFieldMeans() {
    assertThat(api.kubectl("explain", "loadbalancer.spec.listeners.backends").outOrFail())
        .contains("however many endpoints it has");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0s", "2000ms", "24h", "23h59m59s1000ms", "00001h"})
  void gracePeriodsUpToADayAreAccepted(String gracePeriod) {
    ObjectNode object = Examples.full("LoadBalancer", namespace);
    ((ObjectNode) object.get("metadata")).put("name", "drain-" + gracePeriod);
    ((ObjectNode) object.at("/spec/drain")).put("gracePeriod", gracePeriod);
    apply(object.toString());
  }

  @Test
  void anAffinityGetsTheDefaultTimeout() {
    apply(
        SHORT
            .formatted(namespace)
            .replace("name: short", "name: affinity")
            .replace(
                "port: 80, backends", "port: 80, sessionAffinity: {type: ClientIP}, backends"));
    assertThat(
            get("loadbalancer", "affinity").at("/spec/listeners/0/sessionAffinity/timeoutSeconds"))
        .hasToString("10800");
  }

  /** Single ports within a range, a range that begins where a single port is, and nested ranges. */
  @Test
  void rangesOfPortsMayNest() {
    ObjectNode object = Examples.full("LoadBalancer", namespace);
    ((ObjectNode) object.get("metadata")).put("name", "nested");
    ArrayNode listeners = ((ObjectNode) object.get("spec")).putArray("listeners");
    int[][] ranges = {
      {8000, 8999}, {8000, 8000}, {8000, 8099}, {8500, 8999}, {8080, 0}, {9000, 9001}
    };
    for (int[] range : ranges) {
      ObjectNode listener = listeners.addObject();
      listener.put("name", "l" + listeners.size()).put("protocol", "UDP").put("port", range[0]);
      if (range[1] > 0) {
        listener.put("endPort", range[1]);
      }
    }
    apply(object.toString());
    assertThat(get("loadbalancer", "nested").at("/spec/listeners")).hasSize(ranges.length);
  }

  @ParameterizedTest
  @MethodSource("examples")
  void examplesAreAccepted(Path example) throws IOException {
    api.kubectlWithInput(
            Files.readString(example),
            "apply",
            "--server-side",
            "--dry-run=server",
            "-n",
            namespace,
            "-f",
            "-")
        .outOrFail();
  }

  static List<Path> examples() throws IOException {
    try (Stream<Path> files = Files.list(Checkout.path("examples"))) {
      return files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
    }
  }

  private void apply(String manifest) {
    api.kubectlWithInput(manifest, "apply", "--server-side", "-f", "-").outOrFail();
  }

  private JsonNode get(String kind, String name) {
    try {
      return JSON.readTree(
          api.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--show-managed-fields")
              .outOrFail());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
