// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Memory;
import java.util.ArrayList;
import java.util.List;

/** What is attached where. */
public final class Xdp {
  private Xdp() {}

  /** A program on an interface, attached by whomever, through a link or not. */
  public record Attachment(XdpMode mode, int programId) {}

  /**
   * The XDP programs on an interface of the calling thread's network namespace; usually none or
   * one.
   *
   * @throws LibbpfException ENODEV or EINVAL if there is no such interface
   */
  public static List<Attachment> query(int ifindex) {
    Memory opts = Opts.sized(32); // struct bpf_xdp_query_opts
    int result = LibBpf.bpf_xdp_query(ifindex, 0, opts);
    if (result < 0) {
      throw LibbpfException.of("ask for XDP programs on", Interfaces.describe(ifindex), result);
    }
    List<Attachment> attachments = new ArrayList<>();
    add(attachments, XdpMode.NATIVE, opts.getInt(12));
    add(attachments, XdpMode.OFFLOADED, opts.getInt(16));
    add(attachments, XdpMode.GENERIC, opts.getInt(20));
    return List.copyOf(attachments);
  }

  private static void add(List<Attachment> to, XdpMode mode, int program) {
    if (program != 0) {
      to.add(new Attachment(mode, program));
    }
  }
}
