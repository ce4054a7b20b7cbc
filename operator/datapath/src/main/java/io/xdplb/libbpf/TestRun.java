// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * How to run a program on a packet.
 *
 * @param data the packet, from the Ethernet header
 * @param context the program's context ({@code struct xdp_md}); empty for the kernel's default
 * @param repeat how often to run, at least 1
 * @param headroom how many bytes the packet may grow
 * @param batchSize live frames only: how many go through the stack at a time, at most 256; 0 for
 *     the kernel's default of 64
 * @param live whether the program's verdict is carried out: its packet is really passed to the
 *     stack, sent or redirected
 */
public record TestRun(
    byte[] data, byte[] context, int repeat, int headroom, int batchSize, boolean live) {
  private static final int DEFAULT_HEADROOM = 256;
  private static final int LIVE_FRAMES = 1 << 1;
  private static final int XDP_MD_SIZE = 24;

  /** One run on a packet. */
  public static TestRun on(byte[] packet) {
    return new TestRun(packet, new byte[0], 1, DEFAULT_HEADROOM, 0, false);
  }

  /** The program sees the packet as received on a queue of an interface of this namespace. */
  public TestRun receivedOn(int ifindex, int queue) {
    ByteBuffer xdp = ByteBuffer.allocate(XDP_MD_SIZE).order(ByteOrder.nativeOrder());
    xdp.putInt(4, data.length); // data_end; data and data_meta are 0
    xdp.putInt(12, ifindex);
    xdp.putInt(16, queue);
    return new TestRun(data, xdp.array(), repeat, headroom, batchSize, live);
  }

  /** Runs this often in one call, and answers the mean time. */
  public TestRun times(int count) {
    return new TestRun(data, context, count, headroom, batchSize, live);
  }

  /** The verdict is carried out each time; there is then neither a verdict nor data to read. */
  public TestRun live(int batch) {
    return new TestRun(data, context, repeat, headroom, batch, true);
  }

  int flags() {
    return live ? LIVE_FRAMES : 0;
  }

  /**
   * What came of it.
   *
   * @param verdict what the program returned last; 0 for live frames
   * @param data the packet after the last run; empty for live frames
   * @param nanos the mean time of a run in ns, rounded down
   */
  public record Result(int verdict, byte[] data, long nanos) {
    /** The verdict of an XDP program. */
    public XdpAction action() {
      return XdpAction.of(verdict);
    }
  }
}
