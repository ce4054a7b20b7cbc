// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;

/**
 * An XDP program that passes everything, attached natively to a device until {@link #close}. What
 * another program sends out of a veth by {@code XDP_TX} is delivered only if the peer has a program
 * too. The link lives as long as its descriptor: no pin, no bpffs.
 */
public final class PassStub implements AutoCloseable {

  private static final int BPF_PROG_TYPE_XDP = 6;
  private static final int BPF_XDP = 37;
  private static final int XDP_FLAGS_DRV_MODE = 1 << 2;

  /** {@code r0 = XDP_PASS; exit}. */
  private static final long[] PROGRAM = {0x2_0000_00b7L, 0x95L};

  private final int link;

  private PassStub(int link) {
    this.link = link;
  }

  /**
   * Attaches the stub.
   *
   * @throws IllegalStateException with the errno, if the kernel refuses (EBUSY: the device has a
   *     program already)
   */
  public static PassStub attach(Netns netns, String device) {
    int index = netns.index(device);
    Memory instructions = new Memory(8L * PROGRAM.length);
    instructions.write(0, PROGRAM, 0, PROGRAM.length);
    int program =
        checked(
            LibBpf.bpf_prog_load(
                BPF_PROG_TYPE_XDP, "pass", "GPL", instructions, PROGRAM.length, Pointer.NULL),
            "cannot load the XDP_PASS stub");
    try {
      Memory options = new Memory(16); // struct bpf_link_create_opts: size_t sz; __u32 flags
      options.clear();
      options.setLong(0, options.size());
      options.setInt(8, XDP_FLAGS_DRV_MODE);
      // The kernel looks the device's number up in the namespace of the calling thread.
      int link = netns.call(() -> LibBpf.bpf_link_create(program, index, BPF_XDP, options));
      return new PassStub(
          checked(link, "cannot attach the XDP_PASS stub to " + device + " in " + netns));
    } finally {
      LibC.close(program);
    }
  }

  /** Detaches. */
  @Override
  public void close() {
    LibC.close(link);
  }

  private static int checked(int result, String attempt) {
    if (result < 0) {
      throw new IllegalStateException(attempt + ": errno " + -result);
    }
    return result;
  }

  private static final class LibBpf {
    static {
      Native.register(LibBpf.class, "libbpf.so.1");
    }

    static native int bpf_prog_load(
        int type, String name, String license, Pointer instructions, long count, Pointer options);

    static native int bpf_link_create(int program, int target, int attachType, Pointer options);
  }
}
