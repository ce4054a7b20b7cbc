// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Memory;
import java.util.OptionalInt;

/**
 * The place of a TC program among the filters of an interface's egress, below a clsact qdisc: the
 * way before tcx (kernel 4.5). Filters run in the order of their priorities; {@code TC_ACT_UNSPEC}
 * (-1) hands the packet on to the next, any other verdict is the last word. A filter stays until it
 * is removed, its qdisc is, or the interface goes; anybody may replace it.
 *
 * @param ifindex the interface, in the calling thread's network namespace
 * @param priority 1 to 65535, the smallest first. BPF filters can share one, and the latest made is
 *     the first of them; filters of other kinds cannot
 * @param handle not 0; tells the filters of a priority apart, and so whose they are
 */
public record TcFilter(int ifindex, int priority, int handle) {
  private static final int HOOK_SIZE = 24; // struct bpf_tc_hook
  private static final int OPTS_SIZE = 32; // struct bpf_tc_opts
  private static final int BPF_TC_EGRESS = 2;
  private static final int BPF_TC_F_REPLACE = 1;

  /**
   * Makes the interface's clsact qdisc if its place is empty. It is not ours then: others put their
   * filters there, and the kernel cannot be asked to remove it only if there are none. It costs a
   * packet next to nothing while it is empty.
   *
   * <p>An ingress qdisc has the same place and is left there. The kernel takes filters of the
   * egress on it and runs them on <em>ingress</em>: look for one before.
   *
   * @throws LibbpfException ENODEV if there is no such interface
   */
  public static void ensureQdisc(int ifindex) {
    int result = LibBpf.bpf_tc_hook_create(hook(ifindex));
    if (result < 0 && result != -Errno.EEXIST) {
      throw LibbpfException.of("make a clsact qdisc on", Interfaces.describe(ifindex), result);
    }
  }

  /**
   * Puts a program there. If there is one, it is replaced: each packet is handled by the old or the
   * new one.
   *
   * @throws LibbpfException EINVAL if there is no clsact qdisc, a filter of another kind or
   *     protocol has the priority, or it is no TC program; ENODEV if there is no such interface
   */
  public void put(BpfProgram program) {
    Memory opts = opts();
    opts.setInt(8, program.fd());
    opts.setInt(12, BPF_TC_F_REPLACE);
    LibbpfLog.clear();
    int result = LibBpf.bpf_tc_attach(hook(ifindex), opts);
    if (result < 0) {
      throw failure(
          "attach " + program + " as",
          result,
          "`tc filter show dev "
              + Interfaces.name(ifindex).orElse("?")
              + " egress` tells who has the place");
    }
  }

  /** The id of the program there; empty if there is none, no clsact qdisc or no interface. */
  public OptionalInt programId() {
    Memory opts = opts();
    int result = LibBpf.bpf_tc_query(hook(ifindex), opts);
    if (absent(result)) {
      return OptionalInt.empty();
    }
    if (result < 0) {
      throw failure("ask for", result, LibbpfException.advice(-result));
    }
    return OptionalInt.of(opts.getInt(16));
  }

  /** Removes the program there and nothing else. Does nothing if there is none. */
  public void remove() {
    int result = LibBpf.bpf_tc_detach(hook(ifindex), opts());
    if (result < 0 && !absent(result)) {
      throw failure("remove", result, LibbpfException.advice(-result));
    }
  }

  /** No filter; no qdisc, or another kind of filter in its place; no interface. */
  private static boolean absent(int result) {
    return result == -Errno.ENOENT || result == -Errno.EINVAL || result == -Errno.ENODEV;
  }

  private LibbpfException failure(String attempted, int result, String advice) {
    String filter =
        "filter 0x%x of priority %d on the egress of %s"
            .formatted(handle, priority, Interfaces.describe(ifindex));
    return new LibbpfException(attempted, filter, -result, advice, "", LibbpfLog.warnings());
  }

  private Memory opts() {
    Memory opts = Opts.sized(OPTS_SIZE);
    opts.setInt(20, handle);
    opts.setInt(24, priority);
    return opts;
  }

  private static Memory hook(int ifindex) {
    Memory hook = Opts.sized(HOOK_SIZE);
    hook.setInt(8, ifindex);
    hook.setInt(12, BPF_TC_EGRESS);
    return hook;
  }
}
