// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Packet;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Row 39: a client stays with its backend, whatever its ports and whatever changes. */
@RequiresBpf
class AffinityTest {
  @RegisterExtension
  static final PacketLab LAB = new PacketLab(PacketLab.NAT_PORTS, 1 << 12); // aged one by one

  private static final int CLIENTS = 40;
  private static final int SECONDS = 60;

  private enum Mode {
    NAT,
    /** To pods on other nodes. */
    DSR,
    /** To pods on this machine. */
    HERE,
    /** To servers outside, which nobody can ask about flows. */
    L2;

    Backend backend(Kind kind, int number, int weight) {
      return switch (this) {
        case NAT -> new Backend(kind.backendKey(number), weight, 0);
        case DSR -> Dsr.backend(kind, number, weight, Outer.IPV4.pod(number));
        case HERE -> Dsr.backend(kind, number, weight, Outer.IPV4.here());
        case L2 -> {
          Ip address = Ip.parse(kind.backend(number));
          yield new Backend(new BackendKey(address, Kind.VIP_PORT), weight, 0, Delivery.L2);
        }
      };
    }

    /** The backend that the packet goes to. */
    int chosen(Kind kind, Frame frame) {
      return switch (this) {
        case NAT -> PacketLab.backendNumber(kind, LAB.forwards(kind, frame).backend());
        case DSR -> Dsr.tunnels(LAB, kind, frame, Outer.IPV4);
        case HERE -> {
          TestRun.Result result = LAB.run(frame.bytes());
          assertThat(result.action()).isEqualTo(XdpAction.PASS);
          String to = Packet.of(result.data()).destination();
          int number = 1;
          while (number < 20 && !to.equals(Dsr.pod(kind, number))) {
            number++;
          }
          PacketLab.same(frame.to(Dsr.pod(kind, number), Dsr.POD_PORT).bytes(), result.data());
          yield number;
        }
        case L2 -> {
          byte[] sent = LAB.sent(frame);
          String mac = PacketLab.backendMac(sent[5]);
          PacketLab.same(frame.macs(PacketLab.MAC, mac).bytes(), sent);
          yield sent[5];
        }
      };
    }
  }

  static Stream<Arguments> kindsAndModes() {
    return Stream.of(Kind.values())
        .flatMap(kind -> Stream.of(Mode.values()).map(mode -> Arguments.of(kind, mode)));
  }

  /** A weight below 0 leaves the backend out: it has failed. */
  private static void program(Kind kind, Mode mode, int... weights) {
    List<Backend> backends = new ArrayList<>();
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] >= 0) {
        backends.add(mode.backend(kind, i + 1, weights[i]));
      }
    }
    LAB.programWhenRested(Dsr.vip(kind.vipKey(), SECONDS, Access.OPEN, backends));
  }

  /** Where a new flow of each client goes. */
  private static int[] chosen(Kind kind, Mode mode, int port) {
    int[] backends = new int[CLIENTS];
    for (int client = 0; client < CLIENTS; client++) {
      backends[client] = mode.chosen(kind, kind.opening(client + 1, port));
    }
    return backends;
  }

  /** As if nobody had been heard of for so long. */
  private static void age(int seconds) {
    int[] second = {0};
    LAB.configure(config -> second[0] = config.getInt(Layouts.Config.SECOND));
    RawMap.change(
        LAB.pin("flows"),
        flow -> {
          if (flow.getInt(Layouts.Flow.META) != 0) {
            flow.putInt(Layouts.Flow.SEEN, flow.getInt(Layouts.Flow.SEEN) - seconds * second[0]);
          }
        });
  }

  @ParameterizedTest
  @MethodSource("kindsAndModes")
  void row39_clientStaysWithItsBackendWhateverItsPortsAndWhateverChanges(Kind kind, Mode mode) {
    program(kind, mode, 1, 1, 1);
    int[] first = chosen(kind, mode, 4000);
    assertThat(first).contains(1, 2, 3);
    for (int port = 4001; port < 4010; port++) {
      assertThat(chosen(kind, mode, port)).isEqualTo(first);
    }
    program(kind, mode, 1, 1, 1, 30);
    assertThat(chosen(kind, mode, 4010)).isEqualTo(first);
    program(kind, mode, 1, 7, 1, 30);
    assertThat(chosen(kind, mode, 4011)).isEqualTo(first);
    int[] others = new int[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) { // who comes now goes by the ring
      others[i] = mode.chosen(kind, kind.opening(CLIENTS + 1 + i, 4000));
    }
    assertThat(others).contains(4);
  }

  @ParameterizedTest
  @MethodSource("kindsAndModes")
  void row39_afterTheTimeoutTheClientIsAnyClient(Kind kind, Mode mode) {
    program(kind, mode, 1, 1);
    int[] first = chosen(kind, mode, 4000);
    program(kind, mode, 1, 1, 30);
    for (int i = 1; i <= 3; i++) { // each time it is heard of it has all of its time again
      age(SECONDS - 5);
      assertThat(chosen(kind, mode, 4000 + i)).as("time %d", i).isEqualTo(first);
    }
    age(SECONDS + 2);
    int[] then = chosen(kind, mode, 5000);
    assertThat(then).contains(3);
    program(kind, mode, 1, 30, 1); // and stays where it has come to
    assertThat(chosen(kind, mode, 5001)).isEqualTo(then);
  }

  @ParameterizedTest
  @MethodSource("kindsAndModes")
  void row39_clientsOfABackendThatFailedStayWithAnother(Kind kind, Mode mode) {
    program(kind, mode, 1, 1, 1);
    int[] first = chosen(kind, mode, 4000);
    program(kind, mode, -1, 1, 1);
    int[] then = chosen(kind, mode, 4001);
    assertThat(then).doesNotContain(1).contains(2, 3);
    for (int client = 0; client < CLIENTS; client++) {
      if (first[client] != 1) {
        assertThat(then[client]).as("client %d", client).isEqualTo(first[client]);
      }
    }
    program(kind, mode, 30, 1, 1); // it comes back
    assertThat(chosen(kind, mode, 4002)).isEqualTo(then);
  }

  @ParameterizedTest
  @MethodSource("kindsAndModes")
  void row39_newFlowsLeaveABackendThatDrains(Kind kind, Mode mode) {
    program(kind, mode, 1, 1, 1);
    int[] first = chosen(kind, mode, 4000);
    program(kind, mode, 0, 1, 1);
    int[] then = chosen(kind, mode, 4001);
    assertThat(then).doesNotContain(1).contains(2, 3);
    for (int client = 0; client < CLIENTS; client++) {
      if (first[client] != 1) {
        assertThat(then[client]).as("client %d", client).isEqualTo(first[client]);
      }
    }
    assertThat(chosen(kind, mode, 4002)).isEqualTo(then);
  }
}
