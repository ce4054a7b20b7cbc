// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Row 32 where nobody can be asked: servers without an agent, over a table that changes at random,
 * and flows that speak seldom. The edge remembers what has to be remembered.
 */
@RequiresBpf
class ServersTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int SERVERS = 5;
  private static final int MOST_WEIGHT = 2; // the ring keeps its size
  private static final int STEPS = 40;
  private static final int FLOWS_A_STEP = 20;
  private static final int FIRST_FLOWS = 300;
  private static final int DRAIN_SECONDS = 300;
  private static final long SEED = Long.getLong("xdplb.seed", System.nanoTime());

  private enum Mode {
    L2,
    IPIP,
    GUE;

    Delivery to(Kind kind, int number) {
      Ip server = Ip.parse(kind.backend(number));
      return switch (this) {
        case L2 -> Delivery.L2;
        case IPIP -> Delivery.ipip(server);
        case GUE -> Delivery.gue(server);
      };
    }
  }

  static Stream<Arguments> kindsAndModes() {
    return Stream.of(Kind.values())
        .flatMap(kind -> Stream.of(Mode.values()).map(mode -> Arguments.of(kind, mode)));
  }

  private static void program(Kind kind, Mode mode, int[] weights) {
    List<Backend> servers = new ArrayList<>();
    for (int number = 1; number <= SERVERS; number++) {
      if (weights[number - 1] >= 0) {
        BackendKey key = new BackendKey(Ip.parse(kind.backend(number)), Kind.VIP_PORT);
        servers.add(new Backend(key, weights[number - 1], DRAIN_SECONDS, mode.to(kind, number)));
      }
    }
    LAB.program(Dsr.vip(kind.vipKey(), 0, Access.OPEN, servers));
  }

  /** The number of the server, whose MAC address the frame has. */
  private static int server(Frame frame) {
    return LAB.sent(frame)[5];
  }

  /** One server comes, drains, leaves the table and drains, or gets another weight. */
  private static void change(int[] weights, Random random) {
    int server = random.nextInt(SERVERS);
    weights[server] = random.nextInt(MOST_WEIGHT + 2) - 1;
    if (Arrays.stream(weights).allMatch(weight -> weight <= 0)) {
      weights[server] = 1;
    }
  }

  private static Frame opening(Kind kind, int flow) {
    return kind.opening(1 + flow % 100, 1024 + flow);
  }

  private static Frame data(Kind kind, int flow) {
    return kind.data(1 + flow % 100, 1024 + flow);
  }

  @ParameterizedTest
  @MethodSource("kindsAndModes")
  void row32_flowsOfServersKeepThemWhateverChangesAndHoweverSeldomTheySpeak(Kind kind, Mode mode) {
    Random random = new Random(SEED);
    int[] weights = {1, 1, 1, 0, -1};
    List<String> story = new ArrayList<>(List.of("seed " + SEED));
    List<Integer> servers = new ArrayList<>();
    program(kind, mode, weights);
    while (servers.size() < FIRST_FLOWS) {
      servers.add(server(opening(kind, servers.size())));
    }
    assertThat(servers).contains(1, 2, 3);
    for (int step = 0; step < STEPS; step++) {
      change(weights, random);
      program(kind, mode, weights);
      story.add(Arrays.toString(weights));
      for (int flow = 0; flow < servers.size(); flow++) {
        if (random.nextInt(20) == 0) {
          assertThat(server(data(kind, flow)))
              .as("flow %d, %s", flow, story)
              .isEqualTo(servers.get(flow));
        }
      }
      for (int i = 0; i < FLOWS_A_STEP; i++) {
        servers.add(server(opening(kind, servers.size())));
      }
    }
    for (int flow = 0; flow < servers.size(); flow++) {
      assertThat(server(data(kind, flow)))
          .as("flow %d, %s", flow, story)
          .isEqualTo(servers.get(flow));
    }
  }
}
