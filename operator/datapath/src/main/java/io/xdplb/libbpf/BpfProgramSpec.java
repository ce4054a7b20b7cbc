// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Pointer;

/** A program of an object that is not loaded yet. */
public final class BpfProgramSpec {
  private static final int BPF_F_XDP_HAS_FRAGS = 1 << 5;

  private final BpfObjectSpec object;
  private final Pointer program;
  private final String name;

  BpfProgramSpec(BpfObjectSpec object, Pointer program, String name) {
    this.object = object;
    this.program = program;
    this.name = name;
  }

  /** Whether the load includes this program; without a call it does (except for "?" sections). */
  public BpfProgramSpec autoload(boolean load) {
    object.checkOpen();
    check("choose", LibBpf.bpf_program__set_autoload(program, (byte) (load ? 1 : 0)));
    return this;
  }

  /**
   * The program can handle packets in several fragments (kernel 5.18), which a driver with a large
   * MTU demands. The same as the section name "xdp.frags".
   */
  public BpfProgramSpec xdpFrags() {
    object.checkOpen();
    int flags = LibBpf.bpf_program__flags(program) | BPF_F_XDP_HAS_FRAGS;
    check("set the flags of", LibBpf.bpf_program__set_flags(program, flags));
    return this;
  }

  private void check(String attempted, int result) {
    if (result < 0) {
      throw LibbpfException.of(attempted, "program " + name, result);
    }
  }
}
