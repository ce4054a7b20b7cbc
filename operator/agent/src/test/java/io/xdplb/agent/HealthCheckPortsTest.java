// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.HealthCheck;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.LocalEndpoints;
import io.xdplb.core.model.ObjectName;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** On real ports of this machine. */
class HealthCheckPortsTest {

  private static final Duration SOON = Duration.ofMillis(50);
  private static final ObjectName SHOP = new ObjectName("edge", "service-shop");
  private static final ObjectName OTHER = new ObjectName("edge", "service-other");

  private final HealthCheckPorts ports = new HealthCheckPorts("node-1", SOON, SOON);
  private final HttpClient client = HttpClient.newHttpClient();

  @AfterEach
  void close() {
    ports.close();
  }

  @Test
  void aNodeSaysHowManyReadyPodsItHasAsKubeProxyDoes() throws Exception {
    int port = free();
    ports.table(SHOP, table(port, new LocalEndpoints("node-1", 2), new LocalEndpoints("n", 1)));
    awaitAnswer(port, 200);
    HttpResponse<String> answer = get(port);
    assertThat(answer.body())
        .isEqualTo("{\"service\":{\"namespace\":\"edge\",\"name\":\"shop\"},\"localEndpoints\":2}");
    assertThat(answer.headers().firstValue("Content-Type")).contains("application/json");
    assertThat(answer.headers().firstValue("X-Load-Balancing-Endpoint-Weight")).contains("2");

    ports.table(SHOP, table(port, new LocalEndpoints("n", 1)));
    answer = get(port);
    assertThat(answer.statusCode()).isEqualTo(503);
    assertThat(answer.body()).contains("\"localEndpoints\":0");
    ports.table(SHOP, table(port));
    assertThat(get(port).statusCode()).isEqualTo(503);
    ports.table(SHOP, table(port, new LocalEndpoints("node-1", 1)));
    assertThat(get(port).statusCode()).isEqualTo(200);
  }

  @Test
  void portsAreFollowedAndGivenBack() throws Exception {
    int port = free();
    int another = free();
    ports.table(SHOP, table(port, new LocalEndpoints("node-1", 1)));
    awaitAnswer(port, 200);
    ports.table(SHOP, table(another, new LocalEndpoints("node-1", 1)));
    awaitAnswer(another, 200);
    awaitNobody(port);
    ports.table(OTHER, table(port));
    awaitAnswer(port, 503);
    ports.table(SHOP, new ForwardingTableSpec("0".repeat(64), List.of()));
    awaitNobody(another);
    ports.removed(OTHER);
    awaitNobody(port);
    ports.table(SHOP, table(port));
    awaitAnswer(port, 503);
    ports.close();
    awaitNobody(port);
  }

  @Test
  void aPortThatSomebodyHasIsLeftToHimAndTakenWhenHeIsGone() throws Exception {
    try (ServerSocket kubeProxy = new ServerSocket(0)) {
      int port = kubeProxy.getLocalPort();
      ports.table(SHOP, table(port, new LocalEndpoints("node-1", 1)));
      Thread.sleep(SOON.multipliedBy(6).toMillis());
      kubeProxy.close();
      awaitAnswer(port, 200);
    }
    try (ServerSocket kubeProxy = new ServerSocket(0)) {
      int port = kubeProxy.getLocalPort();
      ports.table(OTHER, table(port, new LocalEndpoints("node-1", 1)));
      Thread.sleep(SOON.multipliedBy(6).toMillis());
      ports.removed(OTHER);
      kubeProxy.close();
      Thread.sleep(SOON.multipliedBy(6).toMillis());
      assertThat(isNobody(port)).as("nobody wants it any more").isTrue();
    }
  }

  @Test
  void somebodyElseIsGivenTimeToTakeThePortFirst() throws Exception {
    int port = free();
    try (HealthCheckPorts later = new HealthCheckPorts("node-1", Duration.ofSeconds(2), SOON)) {
      later.table(SHOP, table(port, new LocalEndpoints("node-1", 1)));
      Thread.sleep(SOON.multipliedBy(6).toMillis());
      assertThat(isNobody(port)).isTrue();
      awaitAnswer(port, 200);
    }
  }

  private static ForwardingTableSpec table(int port, LocalEndpoints... nodes) {
    return new ForwardingTableSpec(
        "0".repeat(64),
        null,
        null,
        new HealthCheck(port, "shop", nodes.length == 0 ? null : List.of(nodes)),
        List.of());
  }

  private static int free() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private HttpResponse<String> get(int port) throws IOException, InterruptedException {
    return client.send(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/"))
            .timeout(Duration.ofSeconds(5))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private boolean isNobody(int port) throws InterruptedException {
    try {
      get(port);
      return false;
    } catch (IOException e) {
      return true;
    }
  }

  private void awaitAnswer(int port, int status) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(10))
        .ignoreExceptions()
        .until(() -> get(port).statusCode() == status);
  }

  private void awaitNobody(int port) {
    Awaitility.await().atMost(Duration.ofSeconds(10)).until(() -> isNobody(port));
  }
}
