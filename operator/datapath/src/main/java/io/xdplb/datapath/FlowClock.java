// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.BpfProgram;
import io.xdplb.libbpf.TestRun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Tells live flows from those that only keep their place until somebody needs it: the rules of
 * {@code flow_timeout()} in {@code bpf/src/flow.h}.
 */
final class FlowClock {
  private static final int FIN_BOTH = Layouts.Flow.FIN_CLIENT | Layouts.Flow.FIN_BACKEND;

  private final ByteBuffer config;
  private final int now;

  private FlowClock(ByteBuffer config, int now) {
    this.config = config;
    this.now = now;
  }

  /** Keeps the program that tells the kernel's time at hand for {@link #now}. */
  static void pin(BpfProgram jiffies, Path pinPath) {
    Path pin = pinPath.resolve("jiffies");
    try {
      Files.deleteIfExists(pin);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot replace " + pin, e);
    }
    jiffies.pin(pin);
  }

  static FlowClock now(ByteBuffer config, Path pinPath) {
    try (BpfProgram jiffies = BpfProgram.openPinned(pinPath.resolve("jiffies"))) {
      return new FlowClock(config, jiffies(jiffies));
    }
  }

  /** The low 32 bits of the kernel's jiffies. */
  static int jiffies(BpfProgram program) {
    return program.testRun(TestRun.on(new byte[64])).verdict();
  }

  /**
   * Whether a flow is neither closed nor silent for longer than its timeout.
   *
   * @param affinity that of its VIP, in jiffies
   */
  boolean isLive(int meta, int seen, int affinity) {
    if ((meta & Layouts.Flow.AFFINITY) != 0) {
      return (meta & Layouts.Flow.USED) != 0 && Integer.compareUnsigned(now - seen, affinity) <= 0;
    }
    return (meta & Layouts.Flow.USED) != 0
        && (meta & Layouts.Flow.RESET) == 0
        && (meta & FIN_BOTH) != FIN_BOTH
        && Integer.compareUnsigned(now - seen, config.getInt(timeout(meta))) <= 0;
  }

  private static int timeout(int meta) {
    boolean confirmed = (meta & Layouts.Flow.CONFIRMED) != 0;
    if ((meta & Layouts.Flow.UDP) != 0) {
      return confirmed ? Layouts.Config.TIMEOUT_UDP_CONFIRMED : Layouts.Config.TIMEOUT_UDP_NEW;
    }
    if (!confirmed) {
      return Layouts.Config.TIMEOUT_TCP_NEW;
    }
    return (meta & FIN_BOTH) == 0
        ? Layouts.Config.TIMEOUT_TCP_ESTABLISHED
        : Layouts.Config.TIMEOUT_TCP_HALF_CLOSED;
  }
}
