// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Native;
import com.sun.jna.Platform;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The file system that keeps pinned maps, programs and links. */
public final class BpfFs {
  private static final int BPF_FS_MAGIC = 0xcafe4a11;

  private static final int O_DIRECTORY = Platform.isARM() ? 040000 : 0200000;
  private static final int O_CLOEXEC = 02000000;
  private static final int LOCK_EX = 2;
  private static final int LOCK_NB = 4;

  /** struct statfs is 120 bytes on 64-bit Linux; f_type is its first long. */
  private static final int STATFS_SIZE = 256;

  private BpfFs() {}

  /**
   * Whether a path is, or when created would be, on a BPF file system.
   *
   * @throws KernelException if its file system cannot be asked
   */
  public static boolean contains(Path path) {
    Path existing = path.toAbsolutePath().normalize();
    while (!Files.exists(existing)) {
      existing = existing.getParent();
    }
    byte[] statfs = new byte[STATFS_SIZE];
    if (LibC.statfs(existing.toString(), statfs) != 0) {
      throw new KernelException(
          "ask for the file system of", existing.toString(), Native.getLastError(), "");
    }
    long type = ByteBuffer.wrap(statfs).order(ByteOrder.nativeOrder()).getLong(0);
    return (int) type == BPF_FS_MAGIC;
  }

  /**
   * Mounts a BPF file system at a folder, which is created if absent. Does nothing where there is
   * one already. Two callers at the same time can both mount; the later mount then hides the other.
   *
   * @throws KernelException if the mount is refused
   */
  public static void ensureMounted(Path folder) throws IOException {
    Files.createDirectories(folder);
    if (contains(folder)) {
      return;
    }
    if (LibC.mount("bpf", folder.toString(), "bpf", 0, "mode=0700") != 0) {
      throw new KernelException(
          "mount a BPF file system at",
          folder.toString(),
          Native.getLastError(),
          "needs CAP_SYS_ADMIN; in a container mount the host's /sys/fs/bpf instead");
    }
  }

  /**
   * Locks a folder against others who do the same, in any process or container, until the result is
   * closed or the process ends. Works on a BPF file system, which has no files to lock.
   *
   * @return empty if somebody else has it
   * @throws KernelException if it cannot be opened
   */
  public static Optional<AutoCloseable> tryLock(Path folder) {
    int number = LibC.open(folder.toString(), O_DIRECTORY | O_CLOEXEC);
    if (number < 0) {
      throw new KernelException("open", folder.toString(), Native.getLastError(), "");
    }
    Fd fd = new Fd(number, folder.toString());
    if (LibC.flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
      return Optional.of(fd);
    }
    int errno = Native.getLastError();
    fd.close();
    if (errno == Errno.EAGAIN) {
      return Optional.empty();
    }
    throw new KernelException("lock", folder.toString(), errno, "");
  }
}
