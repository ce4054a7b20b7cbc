// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Row 24: drivers that leave little room before a frame. */
@RequiresBpf
class HeadroomTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  /** What a test run has: XDP_PACKET_HEADROOM less the kernel's struct xdp_frame. */
  private static final int HEADROOM = 256 - 40;

  private static final int XDP_MD_SIZE = 24;
  private static final int TAG = 4;

  /**
   * Runs the program on a frame that may grow by so many bytes: all before is taken by metadata.
   *
   * @param free a multiple of 4
   */
  private static TestRun.Result run(byte[] frame, int free) {
    int metadata = HEADROOM - free;
    byte[] data = ByteBuffer.allocate(metadata + frame.length).put(metadata, frame).array();
    ByteBuffer context = ByteBuffer.allocate(XDP_MD_SIZE).order(ByteOrder.nativeOrder());
    context.putInt(0, metadata).putInt(4, data.length).putInt(12, LAB.netns().index("eth0"));
    TestRun run = TestRun.on(data);
    TestRun.Result result =
        LAB.test()
            .datapath()
            .program()
            .testRun(new TestRun(data, context.array(), 1, run.headroom(), 0, false));
    byte[] out = Arrays.copyOfRange(result.data(), metadata, result.data().length);
    return new TestRun.Result(result.verdict(), out, result.nanos());
  }

  private static byte[] sent(byte[] frame, int free) {
    TestRun.Result result = run(frame, free);
    assertThat(result.action()).as("%d bytes free", free).isEqualTo(XdpAction.TX);
    return result.data();
  }

  /** Counted once, and nothing was written over. */
  private static void hasNoRoom(byte[] frame, int free) {
    long before = LAB.drops(DropReason.NO_HEADROOM);
    TestRun.Result result = run(frame, free);
    assertThat(result.action()).as("%d bytes free", free).isEqualTo(XdpAction.DROP);
    assertThat(LAB.drops(DropReason.NO_HEADROOM)).isEqualTo(before + 1);
    PacketLab.same(frame, result.data());
  }

  private static Frame data(Kind kind) {
    return kind.data(1, 4000).payload(new byte[] {1, 2, 3, 4, 5});
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row24_withoutRoomForGueThePacketIsCountedAndNotCorrupted(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(1)));
    int needed = 1500 - outer.fits();
    byte[] frame = data(kind).bytes();
    byte[] sent = sent(frame, needed);
    PacketLab.same(Dsr.tunnelled(data(kind), Dsr.gue(kind, 1, 0), outer, 1, sent).bytes(), sent);
    for (int free = 0; free < needed; free += 4) {
      hasNoRoom(frame, free);
    }
    assertThat(sent(frame, needed)).isEqualTo(sent);
  }

  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row24_withoutRoomForIpInIpThePacketIsCountedAndNotCorrupted(Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, Delivery.ipip(Ip.parse(outer.node(1)))));
    int needed = outer == Outer.IPV4 ? 20 : 40;
    byte[] frame = data(kind).bytes();
    assertThat(sent(frame, needed)).hasSize(frame.length + needed);
    for (int free = 0; free < needed; free += 4) {
      hasNoRoom(frame, free);
    }
  }

  /** The tag makes room for the outer headers, and then has none itself. */
  @ParameterizedTest
  @MethodSource("io.xdplb.datapath.Dsr#kindsAndOuters")
  void row24_withoutRoomForTheTagThePacketIsCountedAndDoesNotLeaveWithoutIt(
      Kind kind, Outer outer) {
    LAB.program(Dsr.vip(kind, outer.pod(1)));
    int needed = 1500 - outer.fits();
    byte[] plain = data(kind).bytes();
    byte[] tagged =
        ByteBuffer.allocate(plain.length + TAG)
            .put(plain, 0, 12)
            .putInt(0x8100_0064)
            .put(plain, 12, plain.length - 12)
            .array();
    assertThat(sent(tagged, needed)).hasSize(tagged.length + needed);
    long before = LAB.drops(DropReason.NO_HEADROOM);
    assertThat(run(tagged, needed - TAG).action()).isEqualTo(XdpAction.DROP);
    assertThat(LAB.drops(DropReason.NO_HEADROOM)).isEqualTo(before + 1);
  }

  @ParameterizedTest
  @EnumSource
  void row24_whatDoesNotGrowNeedsNoRoom(Kind kind) {
    LAB.program(kind.vipOf(1));
    byte[] opening = kind.opening(1, 4000).bytes();
    assertThat(sent(opening, 0)).isEqualTo(LAB.sent(kind.opening(1, 4000)));
    LAB.program(Dsr.vip(kind, Outer.IPV4.here()));
    TestRun.Result result = run(opening, 0);
    assertThat(result.action()).isEqualTo(XdpAction.PASS);
    PacketLab.same(kind.opening(1, 4000).to(Dsr.pod(kind, 1), Dsr.POD_PORT).bytes(), result.data());
  }
}
