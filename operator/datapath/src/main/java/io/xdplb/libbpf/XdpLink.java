// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Memory;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A program attached to an interface through a BPF link (kernel 5.9). The attachment lasts as long
 * as the link: until the last descriptor is closed and the last pin removed. Nobody else can
 * replace the program meanwhile.
 */
public final class XdpLink implements AutoCloseable {
  private static final int BPF_XDP = 37;
  private static final int BPF_F_REPLACE = 1 << 2;
  private static final int LINK_TYPE_XDP = 6;
  private static final int CREATE_OPTS_SIZE = 64;
  private static final int UPDATE_OPTS_SIZE = 16;
  private static final int INFO_SIZE = 48;

  private final Fd fd;

  /**
   * What a link connects.
   *
   * @param id the kernel's id of the link
   * @param programId the id of the attached program
   * @param ifindex the interface; 0 if it has gone or the link was detached
   */
  public record Info(int id, int programId, int ifindex) {}

  private XdpLink(Fd fd) {
    this.fd = fd;
  }

  /**
   * Attaches a program to an interface of the calling thread's network namespace.
   *
   * @throws LibbpfException EBUSY if another program is there, EOPNOTSUPP if the driver has no
   *     native mode, ENODEV or EINVAL if there is no such interface
   */
  public static XdpLink attach(BpfProgram program, int ifindex, XdpMode mode) {
    Memory opts = Opts.sized(CREATE_OPTS_SIZE);
    opts.setInt(8, mode.flag());
    LibbpfLog.clear();
    int result = LibBpf.bpf_link_create(program.fd(), ifindex, BPF_XDP, opts);
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
    Fd fd = Fd.pinned(path, "link");
    try {
      int type = readInfo(fd).getInt(0);
      if (type != LINK_TYPE_XDP) {
        throw new LibbpfException(
            "open the pinned link", path.toString(), 0, "it is a link of type " + type);
      }
      return new XdpLink(fd);
    } catch (RuntimeException | Error e) {
      fd.close();
      throw e;
    }
  }

  /**
   * Replaces the program: each packet is handled by the old or the new one.
   *
   * @param expected what must be attached now
   * @throws LibbpfException EPERM if another program than {@code expected} is attached; EINVAL if
   *     the link was detached
   */
  public void update(BpfProgram program, BpfProgram expected) {
    Memory opts = Opts.sized(UPDATE_OPTS_SIZE);
    opts.setInt(8, BPF_F_REPLACE);
    opts.setInt(12, expected.fd());
    update(program, opts, Optional.of(expected));
  }

  /** Replaces the program, whichever it is now: see {@link #update(BpfProgram, BpfProgram)}. */
  public void update(BpfProgram program) {
    update(program, Opts.sized(UPDATE_OPTS_SIZE), Optional.empty());
  }

  private void update(BpfProgram program, Memory opts, Optional<BpfProgram> expected) {
    int result = LibBpf.bpf_link_update(fd.get(), program.fd(), opts);
    if (result < 0) {
      Info now = info();
      String advice;
      if (now.ifindex() == 0) {
        advice = "the link is detached, or its interface has gone";
      } else if (expected.isPresent() && expected.get().id() != now.programId()) {
        advice = "program id " + now.programId() + " is attached, expected was " + expected.get();
      } else {
        advice = LibbpfException.advice(-result);
      }
      throw new LibbpfException("set " + program + " on", "link " + now.id(), -result, advice);
    }
  }

  /** What it connects at this moment. */
  public Info info() {
    Memory info = readInfo(fd);
    return new Info(info.getInt(4), info.getInt(8), info.getInt(16));
  }

  private static Memory readInfo(Fd fd) {
    Memory info = Opts.zeroed(INFO_SIZE);
    int result = LibBpf.bpf_obj_get_info_by_fd(fd.get(), info, new int[] {INFO_SIZE});
    if (result < 0) {
      throw LibbpfException.of("describe", fd.toString(), result);
    }
    return info;
  }

  /** The mode it is attached in; empty if detached, or if in another network namespace. */
  public Optional<XdpMode> mode() {
    Info now = info();
    List<Xdp.Attachment> there = now.ifindex() == 0 ? List.of() : Xdp.query(now.ifindex());
    return there.stream()
        .filter(attachment -> attachment.programId() == now.programId())
        .map(Xdp.Attachment::mode)
        .findFirst();
  }

  /**
   * Keeps the link, and so the attachment, alive under a path on a BPF file system. After removing
   * the last pin and descriptor the kernel detaches the program a moment later; {@link #detach}
   * does it at once.
   */
  public void pin(Path path) {
    fd.pin(path);
  }

  /** Takes the program off the interface at once, even if the link is pinned. */
  public void detach() {
    int result = LibBpf.bpf_link_detach(fd.get());
    if (result < 0) {
      throw LibbpfException.of("detach", fd.toString(), result);
    }
  }

  /** Gives up this descriptor. The program stays attached if the link is pinned. */
  @Override
  public void close() {
    fd.close();
  }
}
