// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import static io.xdplb.e2e.Manifests.PORT;
import static io.xdplb.e2e.Manifests.balancer;
import static io.xdplb.e2e.Manifests.group;
import static io.xdplb.e2e.Manifests.service;
import static io.xdplb.e2e.Manifests.slices;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.libbpf.BpfMap;
import io.xdplb.testing.apiserver.KubernetesApi.Kubectl;
import io.xdplb.testing.kernel.Command;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.PassStub;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the status says is so, and what is refused disturbs nobody. */
class StatusTruthTest extends ClusterTestCase {

  private static final List<String> VIPS = List.of("203.0.113.20", "2001:db8:0:2::20");
  private static final int CONNECTIONS_PER_VIP = 20;

  StatusTruthTest() {
    super(2);
  }

  @Override
  void startServers() {
    cluster.lan().backends().forEach(host -> cluster.opened(EchoServer.start(host, PORT)));
  }

  @BeforeEach
  void oneThatIsReady() {
    cluster.apply(
        service("echo")
            + slices("echo", hosts(2))
            + balancer("echo", VIPS, PORT, group("echo", 1)));
    cluster.awaitReady("echo");
  }

  @Test
  void aProgramThatSomebodyDetachedIsAttachedAgain() {
    long start = System.nanoTime();
    detach();
    cluster.until("it answers again", () -> answered(VIPS.get(0)).isPresent());
    System.out.printf(
        "detached to answered again: %d ms%n",
        Duration.ofNanos(System.nanoTime() - start).toMillis());
    cluster.awaitReady("echo");
  }

  @Test
  void aProgramThatSomebodyReplacedMakesProgrammedFalseUntilItIsBack() {
    detach();
    PassStub foreign = PassStub.attach(cluster.lan().balancer().netns(), "eth0");
    try {
      cluster.awaitCondition("echo", "Programmed", "False", "XdpConflict");
      cluster.awaitCondition("echo", "Ready", "False", "XdpConflict");
      assertThat(cluster.condition("echo", "Programmed").orElseThrow().getMessage())
          .contains("eth0", "another XDP program");
    } finally {
      foreign.close();
    }
    cluster.awaitReady("echo");
    assertThat(answered(VIPS.get(0))).isPresent();
  }

  @Test
  void aRingThatSomebodyWipedIsWrittenAgain() {
    VIPS.forEach(vip -> assertThat(answered(vip)).as("before").isPresent());
    wipe("rings");
    VIPS.forEach(vip -> cluster.until(vip + " answers", () -> answered(vip).isPresent()));
    cluster.awaitReady("echo");
  }

  /** What the agent itself cannot mend it must not call programmed. */
  @ParameterizedTest
  @ValueSource(strings = {"address_filter", "vip_table", "vips", "backends"})
  void aMapThatSomebodyWipedMakesProgrammedFalseUntilTheAgentStartsAnew(String map) {
    VIPS.forEach(vip -> assertThat(answered(vip)).as("before").isPresent());
    wipe(map);
    cluster.awaitCondition("echo", "Programmed", "False", "Failed");
    assertThat(cluster.condition("echo", "Programmed").orElseThrow().getMessage())
        .contains("the kernel's maps");
    cluster.killAgent();
    cluster.startAgent();
    cluster.awaitReady("echo");
    VIPS.forEach(vip -> cluster.until(vip + " answers", () -> answered(vip).isPresent()));
  }

  @Test
  void withoutAnAgentNothingIsProgrammedAndTrafficGoesOn() {
    LiveConnections live = open();
    cluster.removeNode();
    cluster.awaitCondition("echo", "Programmed", "False", "NoNodes");
    cluster.awaitCondition("echo", "Ready", "False", "NoNodes");
    live.mustAllGoOn();
    cluster.startAgent();
    cluster.awaitReady("echo");
    live.mustAllGoOn();
  }

  @Test
  void anAddressInUseIsRefusedAndTakenOverWhenItIsFree() {
    LiveConnections live = open();
    cluster.apply(
        service("other")
            + slices("other", hosts(2).subList(1, 2))
            + balancer("other", VIPS, PORT, group("other", 1)));
    cluster.awaitCondition("other", "Accepted", "False", "AddressInUse");
    cluster.awaitCondition("other", "Ready", "False", "AddressInUse");
    assertThat(cluster.condition("other", "Accepted").orElseThrow().getMessage())
        .contains(VIPS.get(0), cluster.namespace() + "/echo");
    assertThat(cluster.kubectl("get", "events", "-o", "wide").outOrFail()).contains("AddressInUse");
    live.mustAllGoOn();
    assertThat(servers()).as("the first one's traffic").containsOnlyKeys("http1", "http2");
    cluster.awaitReady("echo");

    cluster.kubectl("delete", "loadbalancer", "echo").outOrFail();
    cluster.awaitReady("other");
    assertThat(servers()).containsOnlyKeys("http2");
  }

  @Test
  void aRefusedEditIsExplainedAndDisturbsNobody() {
    LiveConnections live = open();
    String good = balancer("echo", VIPS, PORT, group("echo", 1));
    Map<String, String> refused = new LinkedHashMap<>();
    refused.put(good.replace("port: 7, backends", "port: 0, backends"), "spec.listeners[0].port");
    refused.put(good.replace("protocol: UDP", "protocol: TCP"), "must be unique");
    refused.put(good.replace("protocol: UDP", "protocol: SCTP"), "Unsupported value: \"SCTP\"");
    refused.put(good.replace(VIPS.get(0), "203.0.113.256"), "must be IPv4 or IPv6 addresses");
    refused.put(good.replace("weight: 1", "weihgt: 1"), "unknown field");
    refused.put(good.replace("weight: 1", "weight: -1"), "weight");
    refused.put(good.replace("name: tcp", "name: " + "t".repeat(300)), "Too long");
    refused.put(good.replace("spec:", "spec"), "error");
    refused.forEach(
        (manifest, why) -> {
          Kubectl answer = cluster.kubectlWithInput(manifest, "apply", "-f", "-");
          assertThat(answer.succeeded()).as(manifest).isFalse();
          assertThat(answer.err()).as(manifest).contains(why);
        });
    // Valid by the schema, and refused by the operator: the last valid one stays in force.
    cluster.apply(good.replace(VIPS.get(0), "127.0.0.1"));
    cluster.awaitCondition("echo", "Accepted", "False", "InvalidSpec");
    live.mustAllGoOn();
    assertThat(servers()).containsOnlyKeys("http1", "http2");
    cluster.apply(good);
    cluster.awaitReady("echo");
    live.mustAllGoOn();
  }

  private LiveConnections open() {
    return opened(LiveConnections.open(client(), VIPS, PORT, CONNECTIONS_PER_VIP));
  }

  /** Behind the agent's back. */
  private void detach() {
    Command.run(
        List.of(
            "bpftool",
            "link",
            "detach",
            "pinned",
            cluster.xdplb().pinPath().resolve("links").resolve("eth0").toString()));
  }

  /** Zeroes of what is pinned every entry that is not zero. */
  private void wipe(String name) {
    Path pin = cluster.xdplb().pinPath().resolve("maps").resolve(name);
    try (BpfMap map = BpfMap.openPinned(pin)) {
      byte[] zero = new byte[map.info().valueBytes()];
      for (byte[] key : map.keys()) {
        if (!Arrays.equals(map.lookup(key).orElseThrow(), zero)) {
          map.put(key, zero);
        }
      }
    }
  }

  private Optional<String> answered(String vip) {
    return Echo.server(client(), vip, PORT, Duration.ofMillis(100));
  }

  private Map<String, Integer> servers() {
    return Echo.servers(client(), VIPS.get(0), PORT, 30);
  }
}
