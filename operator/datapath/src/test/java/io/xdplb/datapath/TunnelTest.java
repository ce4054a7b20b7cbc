// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static io.xdplb.testing.packet.Tunnel.GUE_PORT;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Packet;
import io.xdplb.testing.packet.Tunnel;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What the edge sends to nodes and servers by DSR, byte for byte. */
@RequiresBpf
class TunnelTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int FLOWS = 2000;

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row27_row29_podsAreReachedInGueOfTheirNodesFamily(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(1), outer.pod(2), outer.pod(3)));
    long seed = System.nanoTime();
    System.out.println(getClass().getSimpleName() + " " + kind + " " + outer + " seed " + seed);
    Random random = new Random(seed);
    Set<Integer> pods = new HashSet<>();
    for (int i = 0; i < FLOWS; i++) {
      byte[] payload = new byte[random.nextInt(1300)];
      random.nextBytes(payload);
      Frame frame =
          kind.data(1 + random.nextInt(100), 1024 + i)
              .flags(random.nextBoolean() ? Frame.SYN : Frame.ACK)
              .payload(payload)
              .ttl(2 + random.nextInt(254))
              .tos(random.nextInt(256))
              .id(random.nextInt(1 << 16))
              .flowLabel(random.nextInt(1 << 20))
              .sequence(random.nextInt(), random.nextInt());
      pods.add(Dsr.tunnels(LAB, kind, frame, outer));
    }
    assertThat(pods).containsExactlyInAnyOrder(1, 2, 3);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row27_aFlowIsOneFlowOutsideAndManyFlowsAreMany(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(1)));
    Set<Integer> ports = new HashSet<>();
    Set<Integer> labels = new HashSet<>();
    for (int i = 0; i < FLOWS; i++) {
      Frame flow = kind.data(1, 1024 + i);
      Packet first = Packet.of(LAB.sent(flow.flags(Frame.SYN)), GUE_PORT);
      Packet next = Packet.of(LAB.sent(flow.ttl(7).payload(new byte[i % 1000])), GUE_PORT);
      assertThat(next.sourcePort()).isEqualTo(first.sourcePort());
      ports.add(first.sourcePort());
      if (outer == Outer.IPV6) {
        assertThat(next.flowLabel()).isEqualTo(first.flowLabel());
        labels.add(first.flowLabel());
      }
    }
    // of 16,384 ports: one client's ports one after the other are the worst that there is
    assertThat(ports).hasSizeGreaterThan(FLOWS / 2);
    if (outer == Outer.IPV6) {
      assertThat(labels).hasSizeGreaterThan(FLOWS / 2);
    }
  }

  /** What both ends compute, from scratch: the first 7 bytes of SHA-256 over VIP and backend. */
  @ParameterizedTest
  @EnumSource
  void row34_theTagIsMadeOfVipAndBackendOnly(Kind kind) throws Exception {
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1)));
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    byte[] vip = Ip.parse(kind.vip(10)).bytes();
    byte[] pod = Ip.parse(Dsr.pod(kind, 1)).bytes();
    sha256.update((byte) vip.length);
    sha256.update(vip);
    sha256.update(new byte[] {(byte) (kind.tcp() ? 6 : 17), 0, 80, 0, 80});
    sha256.update((byte) pod.length);
    sha256.update(pod);
    sha256.update(new byte[] {8080 >> 8, (byte) 8080});
    long tag = ByteBuffer.wrap(sha256.digest()).getLong() >>> 8;
    Packet out = Packet.of(LAB.sent(kind.opening(1, 4000)), GUE_PORT);
    assertThat(out.gue()).isEqualTo(new Tunnel.Gue(0, tag));
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row34_anotherNodeWithAnotherPastChoosesTheSame(Kind kind, Outer outer) throws Exception {
    PacketLab other =
        new PacketLab(
            pins ->
                new DatapathConfig(
                    pins,
                    new PortRange(20000, 20999),
                    32,
                    64,
                    1 << 16,
                    1 << 10,
                    DatapathConfig.AttachPreference.NATIVE));
    try {
      other.beforeAll(null);
      other.program(Dsr.vip(Kind.values()[kind.ordinal() ^ 1], outer.pod(9), outer.pod(8)));
      other.program(Dsr.vip(kind, outer.pod(1), outer.pod(2)));
      Vip vip = Dsr.vip(kind, outer.pod(1), outer.pod(2), outer.pod(3), outer.pod(4));
      LAB.program(vip);
      other.program(vip);
      byte[][] here = sent(LAB, kind);
      byte[][] there = other.netns().call(() -> sent(other, kind));
      Set<String> nodes = new HashSet<>();
      for (int i = 0; i < FLOWS; i++) {
        PacketLab.same(here[i], there[i]);
        nodes.add(Packet.of(here[i]).destination());
      }
      assertThat(nodes).hasSize(4);
    } finally {
      other.afterAll(null);
    }
  }

  private static byte[][] sent(PacketLab lab, Kind kind) {
    byte[][] out = new byte[FLOWS][];
    for (int i = 0; i < FLOWS; i++) {
      out[i] = lab.sent(kind.opening(1 + i % 100, 1024 + i));
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row25_everyDscpAndEcnIsCopiedOutwards(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(1)));
    for (int tos = 0; tos < 256; tos++) {
      Frame frame = kind.data(1, 4000).tos(tos);
      Dsr.tunnels(LAB, kind, frame, outer);
      assertThat(Packet.of(LAB.sent(frame)).tos()).isEqualTo(tos);
    }
    ipip(kind, outer);
    for (int tos = 0; tos < 256; tos++) {
      goesInIp(kind.data(1, 4000).tos(tos), outer);
    }
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row26_ttlThatEndsHereIsNotEncapsulated(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(1)));
    LAB.drops(DropReason.TTL_EXCEEDED, kind.data(1, 4000).ttl(0));
    LAB.drops(DropReason.TTL_EXCEEDED, kind.data(1, 4000).ttl(1));
    Dsr.tunnels(LAB, kind, kind.data(1, 4000).ttl(2), outer);
    ipip(kind, outer);
    LAB.drops(DropReason.TTL_EXCEEDED, kind.data(1, 4000).ttl(1));
    goesInIp(kind.data(1, 4000).ttl(2), outer);
  }

  private static void ipip(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, Delivery.ipip(Ip.parse(outer.node(1)))));
  }

  private static void goesInIp(Frame frame, Outer outer) {
    byte[] actual = LAB.sent(frame);
    Packet out = Packet.of(actual);
    Frame expected =
        Tunnel.ipInIp(frame, outer.edge(), outer.node(1))
            .tos(Packet.of(frame.bytes()).tos())
            .flowLabel(out.ipv6() ? out.flowLabel() : 0)
            .macs(PacketLab.MAC, PacketLab.backendMac(1));
    PacketLab.same(expected.bytes(), actual);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row27_row29_serversAreReachedInIpOfTheirFamily(Kind kind, Outer outer) {
    ipip(kind, outer);
    for (int i = 0; i < 100; i++) {
      goesInIp(kind.opening(1, 1024 + i).payload(new byte[i]).id(i), outer);
      goesInIp(kind.data(1, 1024 + i).ttl(255), outer);
    }
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row27_row29_serversAreReachedInGueOfTheirFamily(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, Delivery.gue(Ip.parse(outer.node(1)))));
    for (int i = 0; i < 100; i++) {
      Dsr.tunnels(LAB, kind, kind.opening(1, 1024 + i).payload(new byte[i]), outer);
    }
  }

  @ParameterizedTest
  @EnumSource
  void serversOnALinkOfOursGetTheFrameAsItIs(Kind kind) {
    Backend server =
        new Backend(new BackendKey(Ip.parse(kind.backend(1)), Kind.VIP_PORT), 1, 0, Delivery.L2);
    LAB.program(Dsr.vip(kind.vipKey(), 0, Access.OPEN, List.of(server)));
    for (int i = 0; i < 100; i++) {
      Frame frame = kind.opening(1, 1024 + i).payload(new byte[i]).tos(i);
      PacketLab.same(frame.macs(PacketLab.MAC, PacketLab.backendMac(1)).bytes(), LAB.sent(frame));
    }
  }

  /** Row 28: there is nothing to make the outer checksum of, and over IPv6 there is none then. */
  @ParameterizedTest
  @EnumSource(Outer.class)
  void row28_udpWithoutChecksumStaysWithout(Outer outer) {
    Kind kind = Kind.UDP4;
    LAB.program(Dsr.vip(kind, outer.pod(1)));
    Frame frame = kind.data(1, 4000).payload(new byte[] {1, 2, 3}).withoutChecksum();
    byte[] actual = LAB.sent(frame);
    Frame expected = Dsr.tunnelled(frame, Dsr.gue(kind, 1, 0), outer, 1, actual);
    PacketLab.same(expected.withoutChecksum().bytes(), actual);
  }

  /**
   * A computed 0 of the outer UDP header becomes 0xffff. What the sum counts and the flow's hash
   * does not is the length over IPv4, the flow label over IPv6.
   */
  @ParameterizedTest
  @EnumSource
  void row28_outerChecksumThatIsZeroIsWrittenAsAllOnes(Kind kind) {
    LAB.program(Dsr.vip(kind, Outer.IPV6.pod(1)));
    int seen = 0;
    for (int i = 0; i < FLOWS; i++) {
      String client =
          kind.ipv6 ? "2001:db8:c::" + i : "10.%d.%d.1".formatted(i * 31 & 0xff, i >> 3);
      Frame frame = kind.data(1, 4000).from(client, 4000).flowLabel(0);
      int checksum = Packet.of(LAB.sent(frame)).checksum();
      if (kind.ipv6) {
        frame = frame.flowLabel(checksum);
      } else if (checksum <= 1300) {
        frame = frame.payload(new byte[checksum]);
      } else {
        continue;
      }
      Dsr.tunnels(LAB, kind, frame, Outer.IPV6);
      assertThat(Packet.of(LAB.sent(frame)).checksum()).isEqualTo(0xffff);
      seen++;
    }
    assertThat(seen).isPositive();
  }
}
