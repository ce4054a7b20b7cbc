// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import static io.xdplb.e2e.Manifests.PORT;
import static io.xdplb.e2e.Manifests.balancer;
import static io.xdplb.e2e.Manifests.group;
import static io.xdplb.e2e.Manifests.service;
import static io.xdplb.e2e.Manifests.slices;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DatapathView;
import io.xdplb.libbpf.BatchReader;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.testing.apiserver.KubernetesApi.Kubectl;
import io.xdplb.testing.kernel.Command;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.PassStub;
import io.xdplb.testing.kernel.RunningProcess;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the status says is so, and what is refused disturbs nobody. */
class StatusTruthTest extends ClusterTestCase {

  private static final List<String> VIPS = List.of("203.0.113.20", "2001:db8:0:2::20");
  private static final List<String> GUARDED_VIPS = List.of("203.0.113.22", "2001:db8:0:2::22");
  private static final int CONNECTIONS_PER_VIP = 20;

  /** How long it may take until what somebody else wrote into the maps is mended. */
  private static final Duration REPAIR = Duration.ofSeconds(5);

  /** How long it may take until a status says what has happened. */
  private static final Duration SAID = Duration.ofSeconds(5);

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

  @ParameterizedTest
  @ValueSource(
      strings = {
        "address_filter",
        "keys",
        "vips",
        "port_ranges",
        "source_ranges",
        "rings",
        "backends"
      })
  void aMapThatSomebodyWipedIsWrittenAgain(String map) {
    cluster.apply(guarded("guarded"));
    cluster.awaitReady("guarded");
    List<String> vips = Stream.of(VIPS, GUARDED_VIPS).flatMap(List::stream).toList();
    vips.forEach(vip -> assertThat(answered(vip)).as("before").isPresent());
    List<String> peers = peers();
    assertThat(peers).contains(cluster.lan().balancer().ipv4(), cluster.lan().balancer().ipv6());
    int noticed = noticed();
    wipe(map);
    long start = System.nanoTime();
    cluster.until(
        "it is noticed, and all VIPs answer",
        REPAIR,
        () -> noticed() > noticed && vips.stream().allMatch(vip -> answered(vip).isPresent()));
    System.out.printf(
        "%s wiped to all VIPs answered again: %d ms%n",
        map, Duration.ofNanos(System.nanoTime() - start).toMillis());
    cluster.until("the peers are there", () -> peers().equals(peers));
    cluster.awaitReady("echo");
    cluster.awaitReady("guarded");
  }

  /** A range of ports, for some clients only. */
  private static String guarded(String name) {
    return balancer(name, GUARDED_VIPS, PORT, group("echo", 1))
            .replace("port: 7, backends", "port: 7, endPort: 9, backends")
        + """
          access: {sourceRanges: ["198.51.100.0/24", "2001:db8:0:1::/64"]}
        """;
  }

  private int noticed() {
    return cluster.agentOutput().split("were changed by somebody else", -1).length - 1;
  }

  private List<String> peers() {
    try (DatapathView view = DatapathView.open(cluster.xdplb().pinPath())) {
      return view.peers().stream().map(Ip::toString).toList();
    }
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
  void anAgentThatIsKilledIsNamedAndTrafficGoesOn() {
    LiveConnections live = open();
    cluster.killAgent();
    cluster.until(
        "the status says so",
        SAID,
        () ->
            cluster
                .condition("echo", "Programmed")
                .filter(c -> c.getStatus().equals("Unknown") && c.getMessage().contains("node-"))
                .isPresent());
    live.mustAllGoOn();
    cluster.startAgent();
    cluster.awaitReady("echo");
    live.mustAllGoOn();
  }

  @Test
  void aProgramThatTheVerifierRefusesIsToldOfAndTheFormerOneGoesOn(@TempDir Path classes)
      throws IOException {
    LiveConnections live = open();
    cluster.killAgent();
    refusedObject(classes.resolve("io/xdplb/bpf/xdplb.bpf.o"));
    RunningProcess refused = cluster.startAgent(classes);
    cluster.awaitCondition("echo", "Programmed", "False", "VerifierRejected");
    cluster.awaitCondition("echo", "Ready", "False", "VerifierRejected");
    cluster.until("the agent ends", () -> !refused.isAlive());
    assertThat(refused.output()).contains("cannot load the XDP program");
    live.mustAllGoOn();
    cluster.startAgent();
    cluster.awaitReady("echo");
    live.mustAllGoOn();
  }

  /** The object that ships, with an instruction that there is none of at the program's begin. */
  private static void refusedObject(Path to) throws IOException {
    Files.createDirectories(to.getParent());
    byte[] object;
    try (InputStream in = StatusTruthTest.class.getResourceAsStream("/io/xdplb/bpf/xdplb.bpf.o")) {
      object = in.readAllBytes();
    }
    Files.write(to, object);
    Path code = to.resolveSibling("xdp.bin");
    Command.run(List.of("llvm-objcopy", "--dump-section=xdp=" + code, to.toString(), "/dev/null"));
    byte[] instructions = Files.readAllBytes(code);
    instructions[0] = (byte) 0xff;
    Files.write(code, instructions);
    Command.run(List.of("llvm-objcopy", "--update-section=xdp=" + code, to.toString()));
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

  /** Deletes what can be deleted of a pinned map, and else zeroes every entry that is not zero. */
  private void wipe(String name) {
    Path pin = cluster.xdplb().pinPath().resolve("maps").resolve(name);
    try (BpfMap map = BpfMap.openPinned(pin)) {
      if (name.equals("source_ranges")) {
        map.keys().forEach(map::delete);
        return;
      }
      byte[] zero = new byte[map.info().valueBytes()];
      BatchReader entries = map.lookupBatch(4096);
      while (entries.next()) {
        for (int i = 0; i < entries.count(); i++) {
          int at = i * zero.length;
          if (!Arrays.equals(entries.values(), at, at + zero.length, zero, 0, zero.length)) {
            map.put(Arrays.copyOfRange(entries.keys(), 4 * i, 4 * i + 4), zero);
          }
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
