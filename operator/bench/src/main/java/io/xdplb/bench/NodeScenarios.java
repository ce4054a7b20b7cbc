// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.List;
import java.util.stream.IntStream;

/** DSR as the backend's side sees it: a machine that has the addresses of all backends. */
final class NodeScenarios {

  private static final int FLOWS = 100_000;

  private NodeScenarios() {}

  /**
   * @param syn what an edge made of the SYN of any flow
   * @param ack what it made of a later packet of the same one
   */
  static Setting setting(boolean ipv6, byte[] syn, byte[] ack) {
    Family family = Family.of(ipv6);
    int inner = 14 + (ipv6 ? 40 : 20) + 8 + 12; // Ethernet, IP, UDP, GUE with two words of data
    return new Setting(
        family.title("DSR, backend's node"),
        IntStream.range(SpeedHosts.FIRST_BACKEND, SpeedHosts.FIRST_BACKEND + SpeedHosts.BACKENDS)
            .boxed()
            .toList(),
        List.of("--peer", SpeedHosts.host(ipv6, SpeedHosts.BALANCER)),
        List.of(SpeedManifests.all(ipv6, EdgeScenarios.ENCAPSULATION)),
        List.of(Traffic.flows(syn, FLOWS).inner(inner)),
        List.of(
            Scenario.delivered(
                    family.id("node"),
                    family.title("DSR backend's node, decapsulate and deliver, 100 k flows"),
                    Traffic.flows(ack, FLOWS).inner(inner))
                .within(Limit.ofRewrite(3))));
  }
}
