// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Memory;
import java.nio.file.Path;

/** A program that the kernel has verified and loaded. */
public final class BpfProgram implements AutoCloseable {
  /** struct bpf_test_run_opts */
  private static final int TEST_RUN_OPTS_SIZE = 80;

  private final Fd fd;
  private final int id;
  private final String name;

  /** Takes ownership of the descriptor. */
  BpfProgram(Fd fd) {
    this.fd = fd;
    try {
      ProgramInfo info = ProgramInfo.read(fd.get());
      id = info.id();
      name = info.name();
    } catch (RuntimeException | Error e) {
      fd.close();
      throw e;
    }
  }

  /**
   * Opens the program pinned at a path.
   *
   * @throws LibbpfException ENOENT if nothing is pinned there; without errno if it is no program
   */
  public static BpfProgram openPinned(Path path) {
    return new BpfProgram(Fd.pinned(path, "prog"));
  }

  /** What the program is, with its counters of this moment. */
  public ProgramInfo info() {
    return ProgramInfo.read(fd.get());
  }

  /** The kernel's id of the program. */
  public int id() {
    return id;
  }

  /** The kernel's name of the program: the first 15 characters of the C function's. */
  public String name() {
    return name;
  }

  /** The descriptor, valid until {@link #close}. */
  public int fd() {
    return fd.get();
  }

  /** Runs the program once on a packet, nothing else: see {@link #testRun(TestRun)}. */
  public TestRun.Result testRun(byte[] packet) {
    return testRun(TestRun.on(packet));
  }

  /**
   * Runs the program on a packet ({@code BPF_PROG_TEST_RUN}; XDP context and large counts since
   * kernel 5.15, live frames 5.18). With repetitions the kernel restores the packet's boundaries
   * before each, but not its bytes.
   */
  public TestRun.Result testRun(TestRun run) {
    byte[] data = run.data();
    byte[] context = run.context();
    int room = run.live() ? 0 : data.length + run.headroom();
    Memory opts = Opts.sized(TEST_RUN_OPTS_SIZE, data.length + context.length + room);
    long in = TEST_RUN_OPTS_SIZE;
    long contextIn = in + data.length;
    long out = contextIn + context.length;
    opts.write(in, data, 0, data.length);
    opts.write(contextIn, context, 0, context.length);
    opts.setPointer(8, opts.share(in));
    opts.setPointer(16, room == 0 ? null : opts.share(out));
    opts.setInt(24, data.length);
    opts.setInt(28, room);
    opts.setPointer(32, context.length == 0 ? null : opts.share(contextIn));
    opts.setInt(48, context.length);
    opts.setInt(60, run.repeat());
    opts.setInt(68, run.flags());
    opts.setInt(76, run.batchSize());
    int result = LibBpf.bpf_prog_test_run_opts(fd.get(), opts);
    if (result < 0) {
      String advice =
          switch (-result) {
            case Errno.EINVAL -> "the packet is too short or too long, or its interface is unknown";
            case Errno.ENOSPC -> "the program's packet has more than " + room + " bytes";
            default -> LibbpfException.advice(-result);
          };
      throw new LibbpfException(
          "run on a packet of " + data.length + " bytes", toString(), -result, advice);
    }
    byte[] dataOut = room == 0 ? new byte[0] : opts.getByteArray(out, opts.getInt(28));
    return new TestRun.Result(opts.getInt(56), dataOut, Integer.toUnsignedLong(opts.getInt(64)));
  }

  /** Keeps the program alive under a path on a BPF file system; removing the file unpins it. */
  public void pin(Path path) {
    fd.pin(path);
  }

  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return "program " + name + " (id " + id + ")";
  }
}
