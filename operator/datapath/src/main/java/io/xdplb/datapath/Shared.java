// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.MapMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Writes to maps that packets are being looked up in at the same time. */
final class Shared {
  private static final VarHandle INTS =
      MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.nativeOrder());
  private static final VarHandle LONGS =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

  private Shared() {}

  /** Writes a word after all that was written before is visible: it publishes that. */
  static void publish(ByteBuffer buffer, int at, int value) {
    INTS.setRelease(buffer, at, value);
  }

  static void publish(ByteBuffer buffer, int at, long value) {
    LONGS.setRelease(buffer, at, value);
  }

  /** Clears a word before anything that is written later becomes visible: it retracts that. */
  static void retract(ByteBuffer buffer, int at) {
    INTS.setRelease(buffer, at, 0);
    VarHandle.fullFence();
  }

  /** Reads a word that the datapath writes. */
  static long read(ByteBuffer buffer, int at) {
    return (long) LONGS.getAcquire(buffer, at);
  }

  /** Where the value of an index begins. */
  static int at(MapMemory memory, int index) {
    return memory.stride() * index;
  }
}
