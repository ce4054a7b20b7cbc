// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.compile.CompileInput;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Endpoint;
import io.xdplb.core.compile.EndpointConditions;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import io.xdplb.core.model.ObjectName;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SecondLookTest {

  private static final ServicePort PORT = new ServicePort("echo", Protocol.TCP, 80);
  private static final LoadBalancerSpec SPEC = TestCluster.serviceSpec("203.0.113.1", "echo", 80);
  private static final ServiceEndpoints TWO = endpoints("198.51.100.1", "198.51.100.2");
  private static final ServiceEndpoints ONE = endpoints("198.51.100.1");
  private static final ServiceEndpoints NONE = endpoints();

  private final List<ServicePort> asked = new ArrayList<>();

  @Test
  void anEmptyAnswerOfTheCacheDoesNotWipeATableThatTheServerKnowsBetter() {
    for (ServiceEndpoints cached :
        List.of(
            NONE, new ServiceEndpoints.ServiceNotFound(), new ServiceEndpoints.PortNotFound())) {
      assertThat(compile(cached, table(TWO), ONE)).isEqualTo(table(ONE));
    }
    assertThat(asked).containsExactly(PORT, PORT, PORT);
  }

  @Test
  void anEmptyAnswerThatTheServerConfirmsIsBelieved() {
    assertThat(compile(NONE, table(TWO), NONE)).isEqualTo(table(NONE));
    assertThat(compile(new ServiceEndpoints.ServiceNotFound(), table(TWO), NONE))
        .isEqualTo(table(NONE));
  }

  @Test
  void theServerIsNotAskedWhenThereIsNothingToLose() {
    assertThat(compile(NONE, null, TWO)).isEqualTo(table(NONE));
    assertThat(compile(NONE, table(NONE), TWO)).isEqualTo(table(NONE));
    assertThat(compile(ONE, table(TWO), TWO)).isEqualTo(table(ONE));
    assertThat(asked).isEmpty();
  }

  @Test
  void whenTheServerDoesNotAnswerNothingIsDecided() {
    assertThatThrownBy(
            () ->
                SecondLook.compile(
                    input(NONE),
                    table(TWO),
                    port -> {
                      throw new IllegalStateException("away");
                    },
                    unused -> Map.of()))
        .hasMessage("away");
  }

  private ForwardingTableSpec compile(
      ServiceEndpoints cached, ForwardingTableSpec stored, ServiceEndpoints live) {
    CompileResult result =
        SecondLook.compile(
            input(cached),
            stored,
            port -> {
              asked.add(port);
              return live;
            },
            unused -> Map.of());
    return ((CompileResult.Compiled) result).table();
  }

  private static ForwardingTableSpec table(ServiceEndpoints endpoints) {
    CompileResult result =
        SecondLook.compile(
            input(endpoints), null, port -> new ServiceEndpoints.Unknown(), unused -> Map.of());
    return ((CompileResult.Compiled) result).table();
  }

  private static CompileInput input(ServiceEndpoints endpoints) {
    return new CompileInput(new ObjectName("edge", "echo"), SPEC, Map.of(PORT, endpoints));
  }

  private static ServiceEndpoints endpoints(String... addresses) {
    return new ServiceEndpoints.Resolved(
        Stream.of(addresses)
            .map(address -> new Endpoint(address, 8080, EndpointConditions.ABSENT, null))
            .toList());
  }
}
