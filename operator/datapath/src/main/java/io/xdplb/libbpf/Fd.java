// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Native;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A file descriptor with one owner. After it was closed its number may belong to something else, so
 * it cannot be read any more. A close that overlaps a call on another thread is a race the owner
 * must avoid.
 */
final class Fd implements AutoCloseable {
  private static final int CLOSED = -1;

  private final AtomicInteger number;
  private final String what;

  /** Takes ownership of an open descriptor. */
  Fd(int number, String what) {
    this.number = new AtomicInteger(number);
    this.what = what;
  }

  /** A second descriptor for what {@code number} refers to, owned by the result. */
  static Fd duplicate(int number, String what) {
    int copy = LibC.fcntl(number, LibC.F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
      throw new LibbpfException("duplicate the descriptor of", what, Native.getLastError(), "");
    }
    return new Fd(copy, what);
  }

  /**
   * Opens what is pinned at a path.
   *
   * @param kind what must be there: "map", "prog" or "link"
   */
  static Fd pinned(Path path, String kind) {
    int fd = LibBpf.bpf_obj_get(path.toString());
    if (fd < 0) {
      String advice =
          switch (-fd) {
            case Errno.ENOENT -> "nothing is pinned there";
            case Errno.EACCES -> "not a BPF file system, or no permission";
            default -> LibbpfException.advice(-fd);
          };
      throw new LibbpfException("open the pinned " + kind, path.toString(), -fd, advice);
    }
    Fd pinned = new Fd(fd, "the pinned " + kind + " " + path);
    String found = pinned.kind();
    if (!found.endsWith(kind)) {
      pinned.close();
      throw new LibbpfException(
          "open the pinned " + kind, path.toString(), 0, "what is pinned there is a " + found);
    }
    return pinned;
  }

  /** What the kernel calls it: "bpf-map", "bpf-prog", "bpf_link". */
  private String kind() {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/" + get()))
          .toString()
          .replaceFirst("anon_inode:\\[?([^]]*)]?", "$1");
    } catch (IOException e) {
      close();
      throw new UncheckedIOException("cannot tell what " + what + " is", e);
    }
  }

  int get() {
    int fd = number.get();
    if (fd == CLOSED) {
      throw new IllegalStateException(what + " is closed");
    }
    return fd;
  }

  void pin(Path path) {
    int result = LibBpf.bpf_obj_pin(get(), path.toString());
    if (result < 0) {
      String advice =
          switch (-result) {
            case Errno.EEXIST -> "something is pinned there already";
            case Errno.ENOENT -> "its folder does not exist";
            case Errno.EPERM, Errno.EINVAL ->
                "the path must be on a BPF file system (mount -t bpf)";
            default -> LibbpfException.advice(-result);
          };
      throw new LibbpfException("pin " + what + " at", path.toString(), -result, advice);
    }
  }

  @Override
  public void close() {
    int fd = number.getAndSet(CLOSED);
    if (fd != CLOSED) {
      LibC.close(fd);
    }
  }

  @Override
  public String toString() {
    return what;
  }
}
