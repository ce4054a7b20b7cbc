// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.AttachMode;
import io.xdplb.api.v1alpha1.NodeStateStatus.Interface;
import io.xdplb.core.compile.Endpoint;
import io.xdplb.core.compile.EndpointConditions;
import io.xdplb.core.compile.Hints;
import io.xdplb.core.compile.NodeInfo;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.model.Ip;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class NodeDirectoryTest {

  private static final Interface ATTACHED =
      new Interface("eth0", true, AttachMode.Native, null, null);
  private static final Interface DETACHED = new Interface("eth1", false, null, "Busy", "EBUSY");

  private final Map<String, NodeState> states = new HashMap<>();
  private final Map<String, List<String>> addresses = new HashMap<>();
  private final Map<String, String> zones = new HashMap<>();
  private final NodeDirectory directory =
      new NodeDirectory(
          name -> Optional.ofNullable(states.get(name)),
          name -> Optional.ofNullable(addresses.get(name)),
          name -> Optional.ofNullable(zones.get(name)));

  @Test
  void anAgentIsWhereAnInterfaceIsAttached() {
    addresses.put("n", List.of("198.51.100.1"));
    assertThat(info("n")).isEqualTo(node(false, "198.51.100.1"));
    states.put("n", new NodeState());
    assertThat(info("n")).as("without a report").isEqualTo(node(false, "198.51.100.1"));
    state("n", null);
    assertThat(info("n").agent()).as("without interfaces").isFalse();
    state("n", null, DETACHED);
    assertThat(info("n").agent()).isFalse();
    state("n", null, DETACHED, ATTACHED);
    assertThat(info("n").agent()).isTrue();
  }

  @Test
  void addressesAreTheAgentsElseTheNodes() {
    addresses.put("n", List.of("198.51.100.1", "2001:db8::1"));
    state("n", null, ATTACHED);
    assertThat(info("n")).isEqualTo(node(true, "198.51.100.1", "2001:db8::1"));
    state("n", List.of(), ATTACHED);
    assertThat(info("n")).isEqualTo(node(true, "198.51.100.1", "2001:db8::1"));
    state("n", List.of("198.51.100.9"), ATTACHED);
    assertThat(info("n")).isEqualTo(node(true, "198.51.100.9"));
    addresses.clear();
    assertThat(info("n")).as("without a Node").isEqualTo(node(true, "198.51.100.9"));
  }

  @Test
  void nodesThatEndpointsAreForAreLookedUpTooWithTheirZones() {
    addresses.put("n", List.of("198.51.100.1"));
    addresses.put("m", List.of("198.51.100.2"));
    zones.put("m", "eu-1");
    Map<String, NodeInfo> known =
        directory.of(
            List.of(
                new ServiceEndpoints.Resolved(
                    List.of(
                        new Endpoint(
                            "198.51.100.9",
                            80,
                            EndpointConditions.ABSENT,
                            "n",
                            new Hints(Set.of("m"), Set.of()))))));
    assertThat(known).containsOnlyKeys("n", "m");
    assertThat(known.get("n").zone()).isNull();
    assertThat(known.get("m").zone()).isEqualTo("eu-1");
  }

  @Test
  void whatIsNoAddressIsPassedOver() {
    addresses.put("n", List.of("node-1.example", "fe80::1%eth0", "198.51.100.1"));
    assertThat(info("n")).isEqualTo(node(false, "198.51.100.1"));
  }

  @Test
  void onlyNodesWithEndpointsAreLookedUpAndUnknownOnesAreMissing() {
    addresses.put("n", List.of("198.51.100.1"));
    addresses.put("other", List.of("198.51.100.2"));
    assertThat(
            directory.of(
                List.of(
                    new ServiceEndpoints.Resolved(
                        List.of(endpoint("n"), endpoint("gone"), endpoint(null))),
                    new ServiceEndpoints.ServiceNotFound())))
        .containsOnlyKeys("n");
  }

  @Test
  void onlyInternalAddressesOfANodeCount() {
    Node node =
        new NodeBuilder()
            .withNewStatus()
            .addToAddresses(
                new NodeAddress("203.0.113.1", "ExternalIP"),
                new NodeAddress("198.51.100.1", "InternalIP"),
                new NodeAddress("n", "Hostname"),
                new NodeAddress("2001:db8::1", "InternalIP"))
            .endStatus()
            .build();
    assertThat(NodeAddressSource.internal(node)).containsExactly("198.51.100.1", "2001:db8::1");
    assertThat(NodeAddressSource.internal(new Node())).isEmpty();
  }

  private NodeInfo info(String name) {
    return directory.of(List.of(new ServiceEndpoints.Resolved(List.of(endpoint(name))))).get(name);
  }

  private void state(String name, List<String> own, Interface... interfaces) {
    NodeState state = new NodeState();
    state.setStatus(
        new NodeStateStatus("test", own, List.of(interfaces), null, null, null, null, null));
    states.put(name, state);
  }

  private static Endpoint endpoint(String node) {
    return new Endpoint("10.0.0.1", 80, EndpointConditions.ABSENT, node);
  }

  private static NodeInfo node(boolean agent, String... addresses) {
    return new NodeInfo(Stream.of(addresses).map(Ip::parse).toList(), agent);
  }
}
