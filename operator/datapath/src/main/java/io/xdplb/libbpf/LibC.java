// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Native;
import com.sun.jna.Pointer;

/**
 * The few functions of the C library this package needs. Those that return -1 leave the error
 * number in {@link Native#getLastError()}.
 */
final class LibC {
  static final int F_DUPFD_CLOEXEC = 1030;
  static final int PROT_READ = 1;
  static final int PROT_WRITE = 2;
  static final int MAP_SHARED = 1;

  static {
    NativeLibraries.bind(LibC.class, "c", "libc6");
  }

  private LibC() {}

  static native String strerror(int errno);

  static native int open(String path, int flags);

  static native int flock(int fd, int operation);

  static native int close(int fd);

  static native int fcntl(int fd, int command, int argument);

  static native Pointer mmap(
      Pointer address, long length, int protection, int flags, int fd, long offset);

  static native int munmap(Pointer address, long length);

  static native int mount(String source, String target, String type, long flags, String data);

  static native int statfs(String path, byte[] buffer);

  static native int if_nametoindex(String name);

  static native Pointer if_indextoname(int ifindex, byte[] name);

  /** {@code args} is a va_list: on x86-64 and arm64 the callee receives it as an address. */
  static native int vsnprintf(byte[] buffer, long size, Pointer format, Pointer args);
}
