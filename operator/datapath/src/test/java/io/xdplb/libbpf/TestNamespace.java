// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Native;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** A network namespace of its own for a test, and a way to run Java code inside. */
public final class TestNamespace implements AutoCloseable {
  private static final int CLONE_NEWNET = 0x40000000;

  private final String name;

  static {
    Native.register(TestNamespace.class, "c");
  }

  private static native int open(String path, int flags);

  private static native int close(int fd);

  private static native int setns(int fd, int type);

  /** Makes a namespace whose loopback interface is up. */
  public TestNamespace() {
    name = "xl-" + UUID.randomUUID().toString().substring(0, 8);
    Shell.run("ip netns add " + name);
    try {
      // No duplicate address detection: IPv6 addresses can be used at once.
      shell("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; ip link set lo up");
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  public String name() {
    return name;
  }

  /** Runs a shell command inside; the mounts, and so pins, are those outside. */
  public String shell(String command) {
    return Shell.run("nsenter --net=/run/netns/" + name + " sh -ec '" + command + "'");
  }

  /** Runs code on a new thread inside, and waits for it. */
  public <T> T call(Callable<T> code) throws Exception {
    FutureTask<T> task =
        new FutureTask<>(
            () -> {
              enter();
              return code.call();
            });
    Thread thread = new Thread(task, "in-" + name);
    thread.setDaemon(true);
    thread.start();
    try {
      return task.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw (Error) e.getCause();
    }
  }

  private void enter() {
    int fd = open("/run/netns/" + name, 0);
    int result = setns(fd, CLONE_NEWNET);
    int errno = Native.getLastError();
    close(fd);
    if (fd < 0 || result != 0) {
      throw new KernelException("enter", "network namespace " + name, errno, "");
    }
  }

  @Override
  public void close() {
    Shell.run("ip netns del " + name);
  }
}
