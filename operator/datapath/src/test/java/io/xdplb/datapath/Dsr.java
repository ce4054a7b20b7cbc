// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Packet;
import io.xdplb.testing.packet.Tunnel;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/**
 * Pods behind the VIPs of {@link Kind}, the tunnels to their nodes, and what must come out of the
 * {@link PacketLab}, computed from scratch.
 */
final class Dsr {
  static final int POD_PORT = Kind.BACKEND_PORT;

  /** Control byte: all owners of the slot have been asked. */
  static final int CONTROL_FINAL = 0x10;

  /** The same, and as often as it may be its node did not have the owner. */
  static final int CONTROL_LAST = CONTROL_FINAL | 3;

  /** Control byte: the source is translated, and the inner destination is the pod itself. */
  static final int CONTROL_NAT = 0x20;

  /** Control byte: sender and receiver had different owners for the slot. */
  private static final int CONTROL_AGAIN = 0x40;

  private static final int CONTROL_MARK = 0x0f;

  private static final int FIRST_ENTROPY_PORT = 0xc000;

  private Dsr() {}

  /** Every {@link Kind} in every {@link Outer}. */
  static Stream<Arguments> kindsAndOuters() {
    return Arrays.stream(Kind.values())
        .flatMap(kind -> Arrays.stream(Outer.values()).map(outer -> Arguments.of(kind, outer)));
  }

  /** 1 to 50. */
  static String pod(Kind kind, int number) {
    return kind.ipv6 ? "2001:db8:d:0:0:0:0:" + number : "192.0.2." + (200 + number);
  }

  static BackendKey podKey(Kind kind, int number) {
    return new BackendKey(Ip.parse(pod(kind, number)), POD_PORT);
  }

  static Backend backend(Kind kind, int pod, int weight, Delivery delivery) {
    return new Backend(podKey(kind, pod), weight, 0, delivery);
  }

  /** {@link Kind#vipKey} over the pods 1, 2 and so on, reached like this. */
  static Vip vip(Kind kind, Delivery... deliveries) {
    List<Backend> pods = new ArrayList<>();
    for (Delivery delivery : deliveries) {
      pods.add(backend(kind, pods.size() + 1, 1, delivery));
    }
    return vip(kind.vipKey(), 0, Access.OPEN, pods);
  }

  static Vip vip(VipKey key, int affinitySeconds, Access access, List<Backend> backends) {
    long total = backends.stream().mapToLong(Backend::weight).sum();
    int size = total == 0 ? 0 : Maglev.sizeFor(total);
    List<Backend> ordered = new ArrayList<>(backends);
    ordered.sort(java.util.Comparator.comparing(Backend::key));
    return new Vip(key, size, affinitySeconds, access, ordered);
  }

  /** The GUE header of a packet to a backend. */
  static Tunnel.Gue gue(VipKey vip, BackendKey backend, int control) {
    ByteBuffer tag =
        ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(0, Tag.of(vip, backend));
    return new Tunnel.Gue(control, tag.order(ByteOrder.BIG_ENDIAN).getLong(0));
  }

  static Tunnel.Gue gue(Kind kind, int pod, int control) {
    return gue(kind.vipKey(), podKey(kind, pod), control);
  }

  /**
   * Control byte of a packet that goes on to the slot's present owner, because the sender had sent
   * it to another pod.
   */
  static int controlOfRound(Kind kind, int present) {
    return CONTROL_AGAIN | (int) gue(kind, present, 0).tag() & CONTROL_MARK;
  }

  /** What comes to this machine from a node's edge, for a pod. */
  static Frame toHere(Frame inner, Outer outer, int fromNode, Tunnel.Gue gue) {
    return Tunnel.gue(inner, gue, outer.node(fromNode), 50_000, outer.edge(), Tunnel.GUE_PORT)
        .macs(PacketLab.backendMac(fromNode), PacketLab.MAC);
  }

  /**
   * What an encapsulated packet should be: all of it from scratch, but for the two fields that are
   * made of the flow's hash, of which only the range is known.
   *
   * @param node where it should go
   * @param actual where the entropy is read from
   */
  static Frame tunnelled(Frame inner, Tunnel.Gue gue, Outer outer, int node, byte[] actual) {
    Packet out = Packet.of(actual, Tunnel.GUE_PORT);
    assertThat(out.sourcePort()).as("%s", out).isGreaterThanOrEqualTo(FIRST_ENTROPY_PORT);
    return Tunnel.gue(inner, gue, outer.edge(), out.sourcePort(), outer.node(node), Tunnel.GUE_PORT)
        .tos(Packet.of(inner.bytes()).tos())
        .flowLabel(out.ipv6() ? out.flowLabel() : 0)
        .macs(PacketLab.MAC, PacketLab.backendMac(node));
  }

  /**
   * The frame goes through the tunnel to the node of the pod that was chosen, unchanged; answers
   * which pod: node 1 has pod 1 and so on.
   */
  static int tunnels(PacketLab lab, Kind kind, Frame frame, Outer outer) {
    byte[] actual = lab.sent(frame);
    int pod =
        PacketLab.backendNumber(
            outer == Outer.IPV4 ? Kind.TCP4 : Kind.TCP6, Packet.of(actual).destination());
    assertThat(pod).as("node of %s", Packet.of(actual)).isPositive();
    PacketLab.same(tunnelled(frame, gue(kind, pod, 0), outer, pod, actual).bytes(), actual);
    return pod;
  }
}
