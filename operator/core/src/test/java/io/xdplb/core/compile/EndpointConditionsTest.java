// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EndpointConditionsTest {

  private static final BackendKey POD = new BackendKey(Ip.parse("10.0.0.1"), 8080);
  private static final Reach NAT = new Reach(Delivery.NAT, Reach.Why.AsRequested, null);
  private static final BackendKey READY_POD = new BackendKey(Ip.parse("10.0.0.2"), 8080);

  /**
   * All 27 rows of KUBERNETES.md, section 1. {@code alone}: whether it takes new flows when no
   * endpoint of its group is ready; {@code beside}: whether it does beside a ready one.
   */
  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      textBlock =
          """
          # ready, serving, terminating, alone, beside
          -,     -,       -,           true,  true
          -,     -,       false,       true,  true
          -,     -,       true,        true,  true
          -,     false,   -,           true,  true
          -,     false,   false,       true,  true
          -,     false,   true,        true,  true
          -,     true,    -,           true,  true
          -,     true,    false,       true,  true
          -,     true,    true,        true,  true
          false, -,       -,           false, false
          false, -,       false,       false, false
          false, -,       true,        true,  false
          false, false,   -,           false, false
          false, false,   false,       false, false
          false, false,   true,        false, false
          false, true,    -,           false, false
          false, true,    false,       false, false
          false, true,    true,        true,  false
          true,  -,       -,           true,  true
          true,  -,       false,       true,  true
          true,  -,       true,        true,  true
          true,  false,   -,           true,  true
          true,  false,   false,       true,  true
          true,  false,   true,        true,  true
          true,  true,    -,           true,  true
          true,  true,    false,       true,  true
          true,  true,    true,        true,  true
          """)
  void conditionsDecideWhoTakesNewFlows(
      Boolean ready, Boolean serving, Boolean terminating, boolean alone, boolean beside) {
    EndpointConditions conditions = new EndpointConditions(ready, serving, terminating);

    GroupEndpoints single = new GroupEndpoints();
    single.add(POD, conditions, Hints.NONE, NAT);
    assertThat(single.takers().contains(POD)).as("alone").isEqualTo(alone);
    assertThat(single.all()).as("listed in any case").containsExactly(POD);

    GroupEndpoints pair = new GroupEndpoints();
    pair.add(POD, conditions, Hints.NONE, NAT);
    pair.add(READY_POD, EndpointConditions.ABSENT, Hints.NONE, NAT);
    assertThat(pair.takers().contains(POD)).as("beside a ready one").isEqualTo(beside);
    assertThat(pair.takers()).contains(READY_POD);
    assertThat(pair.all()).containsExactly(POD, READY_POD);
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void endpointInSeveralSlicesCountsOnceAndAsTheBest(boolean readyFirst) {
    EndpointConditions notReady = new EndpointConditions(false, false, false);
    GroupEndpoints group = new GroupEndpoints();
    group.add(POD, readyFirst ? EndpointConditions.ABSENT : notReady, Hints.NONE, NAT);
    group.add(POD, readyFirst ? notReady : EndpointConditions.ABSENT, Hints.NONE, NAT);
    assertThat(group.all()).containsExactly(POD);
    assertThat(group.takers()).containsExactly(POD);
  }
}
