// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.BGPPeerSpec;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend.Encapsulation;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend.Mode;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The records, through fabric8's client, to a real API server and back. */
@RequiresApiServer
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RecordsOnApiServerTest {

  private static final Logger log = LoggerFactory.getLogger(RecordsOnApiServerTest.class);
  private static final String HASH = "0".repeat(64);

  /** What etcd takes, 1.5 MiB, less what the server adds. */
  private static final int ETCD_BYTES = 1_450_000;

  private KubernetesApi api;
  private KubernetesClient client;
  private String namespace;

  @BeforeAll
  void install(KubernetesApi api) {
    this.api = api;
    api.installCrds();
    namespace = api.newNamespace("records");
    client = api.newClient();
  }

  @AfterAll
  void close() {
    client.close();
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.api.crd.CrdGenerator#kinds")
  void aRecordComesBackAsItWasSent(Class<? extends CustomResource<?, ?>> kind) {
    CustomResource<?, ?> sent = read(Examples.full(kind.getSimpleName(), namespace), kind);
    sent.getMetadata().setName("round-trip");
    CustomResource<?, ?> created = client.resource(sent).create();
    try {
      if (sent.getStatus() != null) {
        sent.getMetadata().setResourceVersion(created.getMetadata().getResourceVersion());
        client.resource(sent).updateStatus();
      }
      CustomResource<?, ?> back = client.resource(sent).get();
      assertThat(back.getSpec()).isEqualTo(sent.getSpec());
      assertThat(back.getStatus()).isEqualTo(sent.getStatus());
    } finally {
      client.resource(sent).delete();
    }
  }

  @Test
  void aPeerWithoutAnAddressComesBackAsItWasSent() {
    ObjectNode full = Examples.full("BGPPeer", namespace);
    ObjectNode spec = (ObjectNode) full.get("spec");
    spec.remove(List.of("address", "sourceAddress"));
    spec.put("interface", "eth0");
    BGPPeer sent = read(full, BGPPeer.class);
    sent.getMetadata().setName("unnumbered");
    client.resource(sent).create();
    try {
      BGPPeerSpec back = client.resource(sent).get().getSpec();
      assertThat(back).isEqualTo(sent.getSpec());
      assertThat(back.interfaceName()).isEqualTo("eth0");
    } finally {
      client.resource(sent).delete();
    }
  }

  /** A newer version of the API must not stop an older operator or agent. */
  @ParameterizedTest
  @MethodSource("io.xdplb.api.crd.CrdGenerator#kinds")
  void fieldsThatARecordDoesNotKnowAreIgnored(Class<? extends CustomResource<?, ?>> kind) {
    ObjectNode known = Examples.full(kind.getSimpleName(), namespace);
    ObjectNode more = known.deepCopy();
    Stream.of("spec", "status").map(more::path).forEach(RecordsOnApiServerTest::addUnknown);
    assertThat(more).isNotEqualTo(known);
    assertThat(read(more, kind).getSpec()).isEqualTo(read(known, kind).getSpec());
    assertThat(read(more, kind).getStatus()).isEqualTo(read(known, kind).getStatus());
  }

  @ParameterizedTest
  @CsvSource({"1024, 4", "1, 1000", "7, 1000", "1, 4096"})
  void aTableOfThisSizeFitsIntoOneObject(int vips, int backends) {
    ForwardingTable table = table("fits-" + vips + "-" + backends, vips, backends);
    int bytes = client.getKubernetesSerialization().asJson(table).length();
    long begin = System.nanoTime();
    client.resource(table).create();
    log.info(
        "table of {} VIPs with {} backends each: {} bytes, created in {} ms",
        vips,
        backends,
        bytes,
        (System.nanoTime() - begin) / 1_000_000);
    assertThat(bytes).isLessThan(ETCD_BYTES);
    assertThat(client.resource(table).get().getSpec()).isEqualTo(table.getSpec());
  }

  /**
   * Where one object ends: etcd takes 1.5 MiB. The API server answers 500, so a client that repeats
   * what failed on the server's side would repeat this for long.
   */
  @Test
  void aTableAboveTheSizeOfARequestIsRefused() {
    Config once = api.config();
    once.setRequestRetryBackoffLimit(0);
    try (KubernetesClient client = new KubernetesClientBuilder().withConfig(once).build()) {
      ForwardingTable table = table("too-large", 9, 1000);
      assertThatThrownBy(() -> client.resource(table).create())
          .isInstanceOf(KubernetesClientException.class)
          .hasMessageContaining("etcdserver: request is too large");
    }
  }

  private ForwardingTable table(String name, int vips, int backends) {
    List<ForwardingTableSpec.Backend> endpoints =
        IntStream.range(0, backends)
            .mapToObj(i -> "2001:db8:1234:5678:9abc:def0:1234:%x".formatted(0x1000 + i))
            .map(
                address ->
                    new ForwardingTableSpec.Backend(
                        address,
                        65_535,
                        1000,
                        300,
                        Mode.DSR,
                        Encapsulation.GUE,
                        address,
                        true,
                        null))
            .toList();
    ForwardingTable table = new ForwardingTable();
    table.getMetadata().setName(name);
    table.getMetadata().setNamespace(namespace);
    table.setSpec(
        new ForwardingTableSpec(
            HASH,
            IntStream.range(0, vips)
                .mapToObj(
                    i ->
                        new ForwardingTableSpec.Vip(
                            "2001:db8:1234:5678:9abc:def0:aaaa:%x".formatted(0x1000 + i / 64),
                            Protocol.TCP,
                            1 + i % 64,
                            "listener-" + i % 64,
                            65_537,
                            endpoints))
                .toList()));
    return table;
  }

  private static <T extends CustomResource<?, ?>> T read(JsonNode object, Class<T> kind) {
    return new KubernetesSerialization().unmarshal(object.toString(), kind);
  }

  /** Not in maps, where any key is known, nor in conditions, which are fabric8's and keep it. */
  private static void addUnknown(JsonNode node) {
    node.forEach(RecordsOnApiServerTest::addUnknown);
    if (node instanceof ObjectNode object
        && !object.has("0f")
        && !object.has("team")
        && !object.has("lastTransitionTime")) {
      object.put("fromTheFuture", 1);
    }
  }
}
