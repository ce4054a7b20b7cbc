// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Memory;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A program attached to an interface through a BPF link. The attachment lasts as long as the link:
 * until the last descriptor is closed and the last pin removed. Nobody else can replace the program
 * meanwhile.
 */
public abstract sealed class BpfLink implements AutoCloseable permits XdpLink, TcxLink {
  private static final int BPF_F_REPLACE = 1 << 2;
  private static final int CREATE_OPTS_SIZE = 64;
  private static final int UPDATE_OPTS_SIZE = 16;
  private static final int INFO_SIZE = 48;
  private static final int INFO_ATTACH_TYPE = 20; // of tcx; that of XDP has none

  private final Fd fd;

  /**
   * What a link connects.
   *
   * @param id the kernel's id of the link
   * @param programId the id of the attached program
   * @param ifindex the interface, in its own network namespace; 0 if it has gone or the link was
   *     detached
   */
  public record Info(int id, int programId, int ifindex) {}

  BpfLink(Fd fd) {
    this.fd = fd;
  }

  /** Answers a descriptor, or {@code -errno}. */
  static int create(BpfProgram program, int ifindex, int attachType, int flags) {
    Memory opts = Opts.sized(CREATE_OPTS_SIZE);
    opts.setInt(8, flags);
    LibbpfLog.clear();
    return LibBpf.bpf_link_create(program.fd(), ifindex, attachType, opts);
  }

  /**
   * Opens what is pinned at a path.
   *
   * @param type the link's type, {@code enum bpf_link_type}
   * @param attachType that of a tcx link; 0 for others
   * @throws LibbpfException ENOENT if nothing is pinned there; without errno if it is something
   *     else
   */
  static Fd opened(Path path, int type, int attachType) {
    Fd fd = Fd.pinned(path, "link");
    try {
      Memory info = readInfo(fd);
      int found = info.getInt(0);
      if (found != type || attachType != 0 && info.getInt(INFO_ATTACH_TYPE) != attachType) {
        throw new LibbpfException(
            "open the pinned link",
            path.toString(),
            0,
            found == type
                ? "its attach type is " + info.getInt(INFO_ATTACH_TYPE)
                : "it is a link of type " + found);
      }
      return fd;
    } catch (RuntimeException | Error e) {
      fd.close();
      throw e;
    }
  }

  /**
   * Replaces the program: each packet is handled by the old or the new one.
   *
   * @param expected what must be attached now
   * @throws LibbpfException EPERM if another program than {@code expected} is attached; EINVAL or
   *     ENOLINK if the link was detached
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
