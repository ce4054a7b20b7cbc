// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.Protocol;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ManifestParserTest {

  private static final String GOOD =
      """
      apiVersion: xdplb.io/v1alpha1
      kind: LoadBalancer
      metadata:
        name: web
      spec:
        addresses: {requested: ["203.0.113.10"]}
        listeners:
        - name: http
          protocol: TCP
          port: 80
          backends:
          - static: {addresses: ["198.51.100.101"], port: 8080}
            weight: 3
      """;

  private final ManifestParser parser = new ManifestParser();

  @Test
  void readsSeveralDocumentsOfAllKinds() {
    String text =
        GOOD
            + """
            ---
            # nothing but a comment
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: echo, namespace: edge, labels: {app: echo}}
            spec:
              ports:
              - {name: http, port: 80, targetPort: 8080}
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: echo-1, namespace: edge, labels: {kubernetes.io/service-name: echo}}
            addressType: IPv4
            ports: [{name: http, port: 8080}]
            endpoints:
            - addresses: [198.51.100.101]
              conditions: {ready: true}
            """;
    List<Manifest> manifests = good("all.yaml", text);
    assertThat(manifests)
        .extracting(m -> m.id().toString())
        .containsExactly(
            "LoadBalancer default/web", "Service edge/echo", "EndpointSlice edge/echo-1");
    LoadBalancer balancer = (LoadBalancer) manifests.get(0).object();
    var listener = balancer.getSpec().listeners().get(0);
    assertThat(listener.protocol()).isEqualTo(Protocol.TCP);
    assertThat(listener.backends().get(0).staticBackends().port()).isEqualTo(8080);
    assertThat(((Service) manifests.get(1).object()).getSpec().getPorts().get(0).getPort())
        .isEqualTo(80);
    assertThat(((EndpointSlice) manifests.get(2).object()).getEndpoints()).hasSize(1);
    assertThat(manifests.get(1).document()).isEqualTo(2);
    assertThat(manifests.get(1).at()).isEqualTo(new Position(17, 1));
  }

  @Test
  void readsJson() {
    String text =
        """
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "echo"},
         "spec": {"ports": [{"port": 80, "targetPort": "http"}]}}
        """;
    assertThat(good("echo.json", text)).hasSize(1);
  }

  @Test
  void anEmptyFileDefinesNothing() {
    assertThat(good("empty.yaml", "")).isEmpty();
    assertThat(good("empty.yaml", "# only a comment\n---\n---\n")).isEmpty();
  }

  static Stream<Arguments> wrong() {
    return Stream.of(
        Arguments.of(
            "unknown field",
            GOOD.replace("listeners:", "lisners:"),
            "f.yaml:7:3: unknown field \"lisners\" in spec; known fields: access, addresses,"
                + " drain, forwarding, listeners, template, trafficPolicy, unavailablePolicy,"
                + " withdrawn"),
        Arguments.of(
            "unknown field in a list",
            GOOD.replace("weight", "wieght"),
            "f.yaml:13:7: unknown field \"wieght\" in spec.listeners[0].backends[0]; known fields:"
                + " serviceRef, static, weight"),
        Arguments.of(
            "unknown field at the top",
            GOOD.replace("metadata:", "metdata:"),
            "f.yaml:3:1: unknown field \"metdata\"; known fields: apiVersion, kind, metadata, spec,"
                + " status"),
        Arguments.of(
            "unknown field in metadata",
            GOOD.replace("name: web", "name: web\n  nmaespace: edge"),
            "f.yaml:5:3: unknown field \"nmaespace\" in metadata"),
        Arguments.of(
            "unknown value",
            GOOD.replace("TCP", "tcp"),
            "f.yaml:9:5: spec.listeners[0].protocol: \"tcp\" is not TCP or UDP"),
        Arguments.of(
            "text for a number",
            GOOD.replace("port: 80\n", "port: http\n"),
            "f.yaml:10:5: spec.listeners[0].port: a whole number is meant, not a text"),
        Arguments.of(
            "quoted number",
            GOOD.replace("port: 80\n", "port: \"80\"\n"),
            "f.yaml:10:5: spec.listeners[0].port: a whole number is meant, not a text"),
        Arguments.of(
            "number out of range",
            GOOD.replace("port: 80\n", "port: 99999999999\n"),
            "f.yaml:10:5: spec.listeners[0].port: Numeric value (99999999999) out of range of int"),
        Arguments.of(
            "mapping for a list",
            GOOD.replace("requested: [\"203.0.113.10\"]", "requested: {a: b}"),
            "f.yaml:6:15: spec.addresses.requested: a list is meant, not a mapping"),
        Arguments.of(
            "duplicate field",
            GOOD.replace("port: 80\n", "port: 80\n    port: 81\n"),
            "f.yaml:11:9: cannot be parsed: Duplicate field 'port'"),
        Arguments.of(
            "no YAML",
            GOOD.replace("name: http", "name: http: x"),
            "f.yaml:8:15: cannot be parsed"),
        Arguments.of(
            "tab", GOOD.replace("  name: web", "\tname: web"), "f.yaml:4:1: cannot be parsed"),
        Arguments.of(
            "unknown kind",
            GOOD.replace("LoadBalancer", "LoadBalance"),
            "f.yaml:2:1: unknown kind LoadBalance (xdplb.io/v1alpha1); a manifest is one of"
                + " LoadBalancer (xdplb.io/v1alpha1), AddressPool (xdplb.io/v1alpha1),"
                + " AnnouncementPolicy (xdplb.io/v1alpha1), BGPPeer (xdplb.io/v1alpha1),"
                + " Membership (xdplb.io/v1alpha1), Secret (v1), Namespace (v1),"
                + " Service (v1), EndpointSlice (discovery.k8s.io/v1)"),
        Arguments.of("unknown version", GOOD.replace("v1alpha1", "v1"), "f.yaml:2:1: unknown kind"),
        Arguments.of(
            "no kind", GOOD.replace("kind: LoadBalancer\n", ""), "f.yaml:1:1: kind is missing"),
        Arguments.of("a list", "- a\n- b\n", "f.yaml:1:1: a manifest is a mapping"),
        Arguments.of(
            "no name",
            GOOD.replace("  name: web\n", "  labels: {a: b}\n"),
            "f.yaml:3:1: metadata.name is missing"),
        Arguments.of(
            "no metadata",
            GOOD.replace("metadata:\n  name: web\n", ""),
            "f.yaml:1:1: metadata.name is missing"),
        Arguments.of(
            "a name of 300 characters",
            GOOD.replace("name: web", "name: " + "w".repeat(300)),
            "f.yaml:4:3: metadata.name: \""
                + "w".repeat(37)
                + "...\" (300 characters) is no object"),
        Arguments.of(
            "a name in capitals",
            GOOD.replace("name: web", "name: Web"),
            "f.yaml:4:3: metadata.name: \"Web\" is no object name"),
        Arguments.of(
            "a namespace with a slash",
            GOOD.replace("name: web", "name: web\n  namespace: a/b"),
            "f.yaml:5:3: metadata.namespace: \"a/b\" is no namespace"),
        Arguments.of(
            "alias",
            GOOD.replace("port: 80\n", "port: &p 80\n").replace("weight: 3", "weight: *p"),
            "f.yaml:13:15: YAML aliases are not supported"),
        Arguments.of(
            "the same object twice",
            GOOD + "---\n" + GOOD,
            "f.yaml:15:1: LoadBalancer default/web occurs twice in this file"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("wrong")
  void namesLineColumnAndReason(String what, String text, String expected) {
    ParsedFile parsed = parser.parse("f.yaml", text.getBytes(StandardCharsets.UTF_8));
    assertThat(parsed).as(what).isInstanceOf(ParsedFile.Bad.class);
    assertThat(((ParsedFile.Bad) parsed).problems().get(0).toString()).startsWith(expected);
  }

  @Test
  void locatesAFieldOrTheNearestThatIsThere() {
    byte[] content = ("---\n" + GOOD).getBytes(StandardCharsets.UTF_8);
    assertThat(parser.locate("f.yaml", content, 0, "spec.listeners[0].backends[0].weight"))
        .isEqualTo(new Position(14, 7));
    assertThat(parser.locate("f.yaml", content, 0, "spec.listeners[0].backends[1].weight"))
        .isEqualTo(new Position(12, 5));
    assertThat(parser.locate("f.yaml", content, 3, "spec")).isEqualTo(Position.FILE);
  }

  private List<Manifest> good(String file, String text) {
    ParsedFile parsed = parser.parse(file, text.getBytes(StandardCharsets.UTF_8));
    assertThat(parsed).isInstanceOf(ParsedFile.Good.class);
    return ((ParsedFile.Good) parsed).manifests();
  }
}
