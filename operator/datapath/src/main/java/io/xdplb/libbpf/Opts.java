// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Memory;

/** Zeroed native structs. */
final class Opts {
  private Opts() {}

  static Memory zeroed(int size) {
    Memory memory = new Memory(size);
    memory.clear();
    return memory;
  }

  /**
   * One of libbpf's {@code *_opts} structs: its first member is the size its caller knows, and
   * libbpf treats what lies beyond as zero.
   */
  static Memory sized(int size) {
    return sized(size, 0);
  }

  /** The same, with zeroed room behind the struct for what it points to. */
  static Memory sized(int size, int room) {
    Memory memory = zeroed(size + room);
    memory.setLong(0, size);
    return memory;
  }
}
