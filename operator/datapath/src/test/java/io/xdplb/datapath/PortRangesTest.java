// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Row 43: ranges of ports, of which the narrowest has the packet, and which keep its port. */
@RequiresBpf
class PortRangesTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private enum Mode {
    NAT,
    DSR,
    HERE
  }

  static Stream<Arguments> kindsAndModes() {
    return Stream.of(Kind.values())
        .flatMap(kind -> Stream.of(Mode.values()).map(mode -> Arguments.of(kind, mode)));
  }

  private static VipKey key(Kind kind, int first, int last) {
    return new VipKey(Ip.parse(kind.vip(10)), kind.protocol, first, last);
  }

  private static BackendKey backendKey(Kind kind, Mode mode, VipKey vip, int backend) {
    String address = mode == Mode.NAT ? kind.backend(backend) : Dsr.pod(kind, backend);
    return new BackendKey(Ip.parse(address), vip.isRange() ? 0 : vip.port());
  }

  private static void program(Kind kind, Mode mode, int first, int last, int backend) {
    VipKey vip = key(kind, first, last);
    Delivery delivery =
        switch (mode) {
          case NAT -> Delivery.NAT;
          case DSR -> Outer.IPV4.pod(backend);
          case HERE -> Outer.IPV4.here();
        };
    Backend only = new Backend(backendKey(kind, mode, vip, backend), 1, 0, delivery);
    LAB.program(BalanceTest.silent(Dsr.vip(vip, 0, Access.OPEN, List.of(only))));
  }

  /** A new flow to this port reaches this backend of this listener, at the same port. */
  private static void goesTo(Kind kind, Mode mode, int port, VipKey vip, int backend) {
    Frame frame = kind.opening(1, 4000).to(kind.vip(10), port);
    switch (mode) {
      case NAT -> {
        Translation to = LAB.forwards(kind, frame);
        assertThat(to.backend()).as("backend of port %d", port).isEqualTo(kind.backend(backend));
        assertThat(to.backendPort()).isEqualTo(port);
      }
      case DSR -> {
        byte[] sent = LAB.sent(frame);
        BackendKey chosen = backendKey(kind, mode, vip, backend);
        Frame expected = Dsr.tunnelled(frame, Dsr.gue(vip, chosen, 0), Outer.IPV4, backend, sent);
        PacketLab.same(expected.bytes(), sent);
      }
      case HERE -> LAB.delivers(frame.to(Dsr.pod(kind, backend), port), frame);
    }
  }

  private static void goesNowhere(Kind kind, int... ports) {
    for (int port : ports) {
      LAB.drops(DropReason.NO_LISTENER, kind.opening(1, 4000).to(kind.vip(10), port));
    }
  }

  @ParameterizedTest
  @MethodSource("kindsAndModes")
  void row43_theNarrowestListenerHasThePacket(Kind kind, Mode mode) {
    Kind other = Kind.values()[kind.ordinal() ^ 1]; // TCP for UDP and the reverse
    VipKey wide = key(kind, 8000, 8999);
    VipKey narrow = key(kind, 8100, 8199);
    VipKey single = key(kind, 8150, 8150);
    program(kind, mode, 8000, 8999, 1);
    program(kind, mode, 8100, 8199, 2);
    program(kind, mode, 8150, 8150, 3);
    program(other, mode, 8100, 8199, 4);
    for (int port : new int[] {8000, 8099, 8200, 8999}) {
      goesTo(kind, mode, port, wide, 1);
    }
    for (int port : new int[] {8100, 8149, 8151, 8199}) {
      goesTo(kind, mode, port, narrow, 2);
    }
    goesTo(kind, mode, 8150, single, 3);
    goesTo(other, mode, 8150, key(other, 8100, 8199), 4);
    goesNowhere(kind, 1, 7999, 9000, 65535);
    goesNowhere(other, 8000, 8099, 8200);

    LAB.test().remove(narrow);
    goesTo(kind, mode, 8101, wide, 1);
    goesTo(kind, mode, 8150, single, 3);
    LAB.test().remove(single);
    goesTo(kind, mode, 8152, wide, 1);
    goesTo(other, mode, 8152, key(other, 8100, 8199), 4);
    program(kind, mode, 8100, 8199, 5); // and comes back with another backend
    goesTo(kind, mode, 8102, narrow, 5);
    LAB.test().remove(wide);
    goesTo(kind, mode, 8103, narrow, 5);
    goesNowhere(kind, 8000, 8999);
  }

  @ParameterizedTest
  @MethodSource("kindsAndModes")
  void row43_everyPortOfAllOfThemIsServed(Kind kind, Mode mode) {
    program(kind, mode, 1, 65535, 1);
    VipKey all = key(kind, 1, 65535);
    for (int port = 1; port <= 65535; port += 771) {
      goesTo(kind, mode, port, all, 1);
    }
    goesTo(kind, mode, 65535, all, 1);
  }

  /** One client port to many ports of a range: each is a flow, and its answers say its port. */
  @ParameterizedTest
  @EnumSource
  void row43_flowsToThePortsOfARangeAreToldApartWhenTranslated(Kind kind) {
    program(kind, Mode.NAT, 8000, 8999, 1);
    Set<Integer> natPorts = new HashSet<>();
    for (int port = 8000; port < 8050; port++) {
      Frame opening = kind.opening(1, 4000).to(kind.vip(10), port);
      Translation to = LAB.forwards(kind, opening);
      natPorts.add(to.natPort());
      Frame answer = kind.answer(to.backend(), port, to.natPort()).flags(Frame.SYN | Frame.ACK);
      PacketLab.same(
          answer
              .macs(PacketLab.MAC, PacketLab.ROUTER_MAC)
              .from(kind.vip(10), port)
              .to(kind.client(1), 4000)
              .hop()
              .bytes(),
          LAB.sent(answer));
      Frame data = kind.data(1, 4000).to(kind.vip(10), port);
      assertThat(LAB.forwards(kind, data)).isEqualTo(to);
    }
    // the place of a flow is that of the backend's port and ours: ours may be the same for two
    assertThat(natPorts).hasSizeGreaterThan(1);
    assertThat(LAB.flowsBegun()).isEqualTo(50);
  }

  @ParameterizedTest
  @EnumSource
  void row43_flowsToThePortsOfARangeAreToldApartByAPodHere(Kind kind) {
    program(kind, Mode.HERE, 8000, 8999, 1);
    String pod = Dsr.pod(kind, 1);
    for (int port = 8000; port < 8050; port++) {
      goesTo(kind, Mode.HERE, port, key(kind, 8000, 8999), 1);
      Frame answer =
          (kind.tcp()
                  ? Frame.tcp(pod, port, kind.client(1), 4000).flags(Frame.SYN | Frame.ACK)
                  : Frame.udp(pod, port, kind.client(1), 4000))
              .macs(PacketLab.MAC, PacketLab.ROUTER_MAC);
      LAB.leaves(answer.from(kind.vip(10), port), answer);
    }
    assertThat(LAB.flowsBegun()).isEqualTo(50);
  }
}
