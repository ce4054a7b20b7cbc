// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HttpEndpointTest {

  private final AtomicReference<String> notReady = new AtomicReference<>();
  private final PrometheusRegistry metrics = new PrometheusRegistry();
  private HttpEndpoint endpoint;

  @BeforeEach
  void start() throws Exception {
    endpoint =
        HttpEndpoint.start(
            new HttpAddress("127.0.0.1", 0),
            Optional::empty,
            () -> Optional.ofNullable(notReady.get()),
            metrics);
  }

  @AfterEach
  void stop() {
    endpoint.close();
  }

  @Test
  void aProbeFailsWithItsReason() throws Exception {
    assertThat(get("/readyz").statusCode()).isEqualTo(200);
    notReady.set("eth0 is not attached");
    assertThat(get("/readyz").statusCode()).isEqualTo(503);
    assertThat(get("/readyz").body()).isEqualTo("eth0 is not attached\n");
    assertThat(get("/healthz").statusCode()).isEqualTo(200);
  }

  @Test
  void metricsAreInPrometheusTextFormat() throws Exception {
    Counter.builder().name("xdplb_test").help("A test.").register(metrics).inc(3);
    HttpResponse<String> answer = get("/metrics");
    assertThat(answer.headers().firstValue("Content-Type").orElse(""))
        .startsWith("text/plain; version=0.0.4");
    assertThat(answer.body()).contains("# HELP xdplb_test_total A test.", "xdplb_test_total 3.0");
  }

  @Test
  void aMetricThatCannotBeReadIsAnErrorAndNotNothing() throws Exception {
    metrics.register(
        (MultiCollector)
            () -> {
              throw new IllegalStateException("the maps are gone");
            });
    assertThat(get("/metrics").statusCode()).isEqualTo(500);
    assertThat(get("/metrics").body()).contains("the maps are gone");
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "/metrics/more", "/readyzz"})
  void nothingElseIsThere(String path) throws Exception {
    assertThat(get(path).statusCode()).isEqualTo(404);
  }

  @Test
  void onlyReadingIsAllowed() throws Exception {
    HttpRequest post =
        HttpRequest.newBuilder(uri("/metrics"))
            .POST(HttpRequest.BodyPublishers.ofString("x"))
            .build();
    assertThat(
            HttpClient.newHttpClient()
                .send(post, HttpResponse.BodyHandlers.discarding())
                .statusCode())
        .isEqualTo(405);
  }

  @ParameterizedTest
  @CsvSource({":9598,'',9598", "127.0.0.1:80,127.0.0.1,80", "[::1]:65535,::1,65535"})
  void anAddressIsReadAsItIsWritten(String text, String host, int port) {
    assertThat(HttpAddress.parse(text)).isEqualTo(new HttpAddress(host, port));
  }

  @ParameterizedTest
  @ValueSource(strings = {"9598", "::1", "::1:80", ":65536", ":-1", "a:b", ""})
  void whatIsNoAddressIsRefusedWithAnExample(String text) {
    assertThatThrownBy(() -> HttpAddress.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("[::1]:9598");
  }

  private URI uri(String path) {
    return URI.create("http://127.0.0.1:" + endpoint.port() + path);
  }

  private HttpResponse<String> get(String path) throws Exception {
    return HttpClient.newHttpClient()
        .send(HttpRequest.newBuilder(uri(path)).build(), HttpResponse.BodyHandlers.ofString());
  }
}
