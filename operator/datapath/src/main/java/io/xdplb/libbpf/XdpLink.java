// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** An XDP program attached to an interface through a BPF link (kernel 5.9). */
public final class XdpLink extends BpfLink {
  private static final int BPF_XDP = 37;
  private static final int LINK_TYPE_XDP = 6;

  private XdpLink(Fd fd) {
    super(fd);
  }

  /**
   * Attaches a program to an interface of the calling thread's network namespace.
   *
   * @throws LibbpfException EBUSY if another program is there, EOPNOTSUPP if the driver has no
   *     native mode, ENODEV or EINVAL if there is no such interface
   */
  public static XdpLink attach(BpfProgram program, int ifindex, XdpMode mode) {
    int result = create(program, ifindex, BPF_XDP, mode.flag());
    if (result < 0) {
      throw new LibbpfException(
          "attach " + program + " in " + mode.name().toLowerCase(Locale.ROOT) + " mode to",
          Interfaces.describe(ifindex),
          -result,
          attachAdvice(-result, ifindex),
          "",
          LibbpfLog.warnings());
    }
    return new XdpLink(new Fd(result, "XDP link on ifindex " + ifindex));
  }

  private static String attachAdvice(int errno, int ifindex) {
    return switch (errno) {
      case Errno.EBUSY, Errno.EEXIST ->
          "there is "
              + Xdp.query(ifindex).stream()
                  .map(a -> "program id " + a.programId() + " in " + a.mode() + " mode")
                  .collect(Collectors.joining(" and "))
              + " already; see `bpftool net`, and `ip link set dev "
              + Interfaces.name(ifindex).orElse("?")
              + " xdp off` or removing the pin of its link frees the place";
      case Errno.EOPNOTSUPP -> "its driver has no such mode: use generic mode";
      case Errno.EINVAL, Errno.ERANGE ->
          Interfaces.name(ifindex).isEmpty()
              ? "there is no such interface in this network namespace"
              : "its MTU or its offload settings do not allow it (see the kernel log)";
      default -> LibbpfException.advice(errno);
    };
  }

  /**
   * Opens the link pinned at a path.
   *
   * @throws LibbpfException ENOENT if nothing is pinned there; without errno if it is no XDP link
   */
  public static XdpLink openPinned(Path path) {
    return new XdpLink(opened(path, LINK_TYPE_XDP, 0));
  }

  /** The mode it is attached in; empty if detached, or if in another network namespace. */
  public Optional<XdpMode> mode() {
    Info now = info();
    if (Interfaces.name(now.ifindex()).isEmpty()) {
      return Optional.empty(); // detached, or the index is another namespace's
    }
    List<Xdp.Attachment> there;
    try {
      there = Xdp.query(now.ifindex());
    } catch (LibbpfException e) {
      if (Interfaces.name(now.ifindex()).isEmpty()) {
        return Optional.empty(); // it has gone meanwhile
      }
      throw e;
    }
    return there.stream()
        .filter(attachment -> attachment.programId() == now.programId())
        .map(Xdp.Attachment::mode)
        .findFirst();
  }
}
