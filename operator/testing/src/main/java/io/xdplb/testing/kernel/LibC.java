// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import com.sun.jna.LastErrorException;
import com.sun.jna.Native;

/** The calls into libc that Java has no way of its own for. */
final class LibC {

  /** From {@code sched.h}. */
  static final int CLONE_NEWNET = 0x4000_0000;

  /** From {@code fcntl.h}; the same number on every architecture that Debian has. */
  static final int O_RDONLY_CLOEXEC = 0x8_0000;

  static {
    Native.register(LibC.class, "c");
  }

  private LibC() {}

  static native int open(String path, int flags) throws LastErrorException;

  static native int close(int fd) throws LastErrorException;

  /** Moves the calling thread, and no other, into the namespace; setns(2). */
  static native int setns(int fd, int type) throws LastErrorException;

  /** The number of a device in the namespace of the calling thread; 0 if there is none. */
  static native int if_nametoindex(String device);
}
