// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Packet;
import io.xdplb.testing.packet.TcpOptions;
import java.util.List;
import java.util.function.IntFunction;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Row 22: what the endpoint and its client may send each other fits into the tunnel. */
@RequiresBpf
class MssTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int PORT = 4000;

  /** Of an IPv6 tunnel, whatever family is inside: the edge may choose any. */
  private static final int FITS_IPV4 = Outer.IPV6.fits() - 40;

  private static final int FITS_IPV6 = Outer.IPV6.fits() - 60;

  /** The MSS option at even and odd offsets, first and last. */
  private static final List<IntFunction<byte[]>> SHAPES =
      List.of(
          mss -> TcpOptions.linuxSyn(mss),
          mss -> TcpOptions.of(TcpOptions.mss(mss)),
          mss -> TcpOptions.of(TcpOptions.nop(), TcpOptions.mss(mss)),
          mss -> TcpOptions.of(TcpOptions.nop(), TcpOptions.nop(), TcpOptions.mss(mss)),
          mss -> TcpOptions.of(TcpOptions.windowScale(7), TcpOptions.mss(mss)),
          mss -> TcpOptions.of(TcpOptions.sackPermitted(), TcpOptions.mss(mss)),
          mss -> TcpOptions.of(TcpOptions.nop(), TcpOptions.timestamps(1, 2), TcpOptions.mss(mss)),
          mss ->
              TcpOptions.of(
                  TcpOptions.timestamps(1, 2),
                  TcpOptions.windowScale(7),
                  TcpOptions.sackPermitted(),
                  TcpOptions.mss(mss)));

  private static int fits(Kind kind) {
    return kind.ipv6 ? FITS_IPV6 : FITS_IPV4;
  }

  @BeforeEach
  void vips() {
    LAB.test().datapath().setPeers(List.of(Ip.parse(Outer.IPV4.node(1))));
    for (Kind kind : new Kind[] {Kind.TCP4, Kind.TCP6}) {
      LAB.program(Dsr.vip(kind, Outer.IPV4.here()));
    }
  }

  private static void delivers(Kind kind, Frame expected, Frame frame) {
    Frame delivered = expected.to(Dsr.pod(kind, 1), Dsr.POD_PORT);
    LAB.delivers(delivered, frame);
    LAB.delivers(
        delivered.macs(PacketLab.backendMac(1), PacketLab.MAC),
        Dsr.toHere(frame, Outer.IPV4, 1, Dsr.gue(kind, 1, 0)));
  }

  private static Frame answer(Kind kind) {
    return Frame.tcp(Dsr.pod(kind, 1), Dsr.POD_PORT, kind.client(1), PORT)
        .flags(Frame.SYN | Frame.ACK);
  }

  private static void leaves(Kind kind, Frame expected, Frame frame) {
    LAB.leaves(expected.from(kind.vip(10), Kind.VIP_PORT), frame);
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row22_mssThatDoesNotFitIsLoweredInSynAndSynAck(Kind kind) {
    int fits = fits(kind);
    for (IntFunction<byte[]> shape : SHAPES) {
      for (int mss : new int[] {fits + 1, 1460, 8960, 0x8000, 0xff00, 0xffff, fits, 536, 0, 1}) {
        byte[] options = shape.apply(mss);
        byte[] lowered = shape.apply(Math.min(mss, fits));
        for (int sequence : new int[] {0, 1, 0x12345678, -1}) { // other checksums
          Frame syn = kind.opening(1, PORT).sequence(sequence, 0);
          delivers(kind, syn.tcpOptions(lowered), syn.tcpOptions(options));
          Frame synAck = answer(kind).sequence(sequence, 5);
          leaves(kind, synAck.tcpOptions(lowered), synAck.tcpOptions(options));
        }
      }
    }
  }

  /** At an odd place the two bytes are in two words of the checksum: every value, exactly. */
  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row22_checksumsAreExactForEveryMss(Kind kind) {
    int fits = fits(kind);
    Frame opening = kind.opening(1, PORT);
    LAB.run(opening.bytes());
    for (int mss = fits + 1; mss <= 0xffff; mss += 61) {
      for (IntFunction<byte[]> shape : SHAPES.subList(1, 3)) {
        Frame in = opening.tcpOptions(shape.apply(mss));
        Packet delivered = Packet.of(LAB.run(in.bytes()).data());
        assertThat(delivered.problems()).as("MSS %d: %s", mss, delivered).isEmpty();
        assertThat(delivered.mss()).hasValue(fits);
        Packet left =
            Packet.of(LAB.runOut(answer(kind).tcpOptions(shape.apply(mss)).bytes()).data());
        assertThat(left.problems()).as("MSS %d: %s", mss, left).isEmpty();
        assertThat(left.mss()).hasValue(fits);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row22_whatIsNoMssStaysAsItIs(Kind kind) {
    List<byte[]> options =
        List.of(
            new byte[0],
            TcpOptions.of(TcpOptions.nop(), TcpOptions.nop(), TcpOptions.windowScale(7)),
            new byte[] {0, 2, 4, (byte) 0xff}, // behind the end of options
            new byte[] {2, 3, (byte) 0xff, 0}, // of another length
            new byte[] {2, 0, (byte) 0xff, (byte) 0xff},
            new byte[] {9, 0, 2, 4, (byte) 0xff, (byte) 0xff, 0, 0}, // a length that leads nowhere
            new byte[] {9, 1, 2, 4, (byte) 0xff, (byte) 0xff, 0, 0},
            new byte[] {9, (byte) 0xff, 2, 4, (byte) 0xff, (byte) 0xff, 0, 0}, // beyond the header
            new byte[] {1, 1, 1, 2}, // cut short
            new byte[] {1, 1, 2, 4});
    for (byte[] option : options) {
      Frame syn = kind.opening(1, PORT).tcpOptions(option);
      delivers(kind, syn, syn);
      leaves(kind, answer(kind).tcpOptions(option), answer(kind).tcpOptions(option));
      // in the payload it is none
      Frame payload = syn.payload(new byte[] {2, 4, (byte) 0xff, (byte) 0xff});
      delivers(kind, payload, payload);
    }
    // only where it is negotiated
    byte[] mss = TcpOptions.of(TcpOptions.mss(9000));
    Frame data = kind.data(1, PORT).tcpOptions(mss);
    delivers(kind, data, data);
    Frame next = answer(kind).flags(Frame.ACK).tcpOptions(mss);
    leaves(kind, next, next);
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row22_behindOptionsAndExtensionHeadersToo(Kind kind) {
    byte[] options = TcpOptions.linuxSyn(1460);
    byte[] lowered = TcpOptions.linuxSyn(fits(kind));
    Frame syn = kind.opening(1, PORT);
    Frame[] shapes =
        kind.ipv6
            ? new Frame[] {
              syn.extension(Frame.DESTINATION_OPTIONS),
              syn.extension(Frame.HOP_BY_HOP, 64).extension(Frame.DESTINATION_OPTIONS, 32)
            }
            : new Frame[] {syn.ipOptions(new byte[4]), syn.ipOptions(new byte[40])};
    for (Frame shape : shapes) {
      delivers(kind, shape.tcpOptions(lowered), shape.tcpOptions(options));
    }
    if (!kind.ipv6) {
      Frame synAck = answer(kind).ipOptions(new byte[40]);
      leaves(kind, synAck.tcpOptions(lowered), synAck.tcpOptions(options));
    }
  }

  /** What fits follows the interface that tunnels come in by. */
  @ParameterizedTest
  @EnumSource(names = {"TCP4", "TCP6"})
  void row22_jumboTunnelsAllowMore(Kind kind) {
    try {
      LAB.netns().ip("link set eth0 mtu 9000");
      LAB.test().datapath().networkChanged();
      Frame syn = kind.opening(1, PORT);
      delivers(
          kind,
          syn.tcpOptions(TcpOptions.linuxSyn(7500 + fits(kind))),
          syn.tcpOptions(TcpOptions.linuxSyn(8960)));
    } finally {
      LAB.netns().ip("link set eth0 mtu 1500");
      LAB.test().datapath().networkChanged();
    }
  }
}
