// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * A TC program on an interface's egress, attached through a BPF link (tcx, kernel 6.6). Several
 * programs can be there; they run one after the other, before any filter of a clsact qdisc. {@code
 * TC_ACT_UNSPEC} (-1) hands the packet on to the next; any other verdict is the last word.
 */
public final class TcxLink extends BpfLink {
  private static final int BPF_TCX_EGRESS = 47;
  private static final int LINK_TYPE_TCX = 11;
  private static final int BPF_F_BEFORE = 1 << 3;

  /** {@code BPF_MPROG_MAX} of the kernel. */
  private static final int MOST_PROGRAMS = 64;

  private TcxLink(Fd fd) {
    super(fd);
  }

  /**
   * Attaches a program to the egress of an interface of the calling thread's network namespace, in
   * front of all that are there: no verdict of theirs can keep a packet from it. One that is
   * attached to the front later comes before it.
   *
   * @throws LibbpfException EINVAL on a kernel before 6.6 or if it is no TC program; ENODEV if
   *     there is no such interface; EEXIST if this program is there already; ERANGE if as many as
   *     the kernel takes are (some 60)
   */
  public static TcxLink attachEgress(BpfProgram program, int ifindex) {
    int result = create(program, ifindex, BPF_TCX_EGRESS, BPF_F_BEFORE);
    if (result < 0) {
      String advice =
          switch (-result) {
            case Errno.EINVAL -> "this kernel has no tcx (Linux 6.6 has), or it is no TC program";
            case Errno.EEXIST -> "this very program is there already";
            case Errno.ENODEV -> "there is no such interface in this network namespace";
            case Errno.ERANGE ->
                "there are as many programs as the kernel takes; see `bpftool net`";
            default -> LibbpfException.advice(-result);
          };
      throw new LibbpfException(
          "attach " + program + " by tcx to the egress of",
          Interfaces.describe(ifindex),
          -result,
          advice,
          "",
          LibbpfLog.warnings());
    }
    return new TcxLink(new Fd(result, "tcx link on the egress of ifindex " + ifindex));
  }

  /**
   * Opens the link pinned at a path.
   *
   * @throws LibbpfException ENOENT if nothing is pinned there; without errno if it is no link of
   *     tcx egress
   */
  public static TcxLink openPinned(Path path) {
    return new TcxLink(opened(path, LINK_TYPE_TCX, BPF_TCX_EGRESS));
  }

  /**
   * The ids of the programs that tcx runs on the egress of an interface of the calling thread's
   * network namespace, in their order, whoever attached them.
   *
   * @throws LibbpfException ENODEV if there is no such interface; EINVAL on a kernel before 6.6
   */
  public static List<Integer> egressPrograms(int ifindex) {
    int[] ids = new int[MOST_PROGRAMS];
    int[] count = {ids.length};
    int result = LibBpf.bpf_prog_query(ifindex, BPF_TCX_EGRESS, 0, null, ids, count);
    if (result < 0) {
      throw LibbpfException.of("ask for tcx programs on", Interfaces.describe(ifindex), result);
    }
    return Arrays.stream(ids, 0, count[0]).boxed().toList();
  }

  /**
   * Whether the program is where the link says, on an interface of the calling thread's network
   * namespace: not detached, the interface neither gone nor moved to another namespace.
   */
  public boolean attached() {
    Info now = info();
    if (Interfaces.name(now.ifindex()).isEmpty()) {
      return false;
    }
    try {
      return egressPrograms(now.ifindex()).contains(now.programId());
    } catch (LibbpfException e) {
      if (e.errno() == Errno.ENODEV) {
        return false; // it has gone meanwhile
      }
      throw e;
    }
  }
}
