// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A network namespace, made by {@code ip netns}, with {@code lo} up. Its name is {@code
 * xl-<pid>-<count>-<label>}: unique on the machine. {@link #close} removes it with its devices.
 */
public final class Netns implements AutoCloseable {

  private static final AtomicInteger COUNT = new AtomicInteger();

  private final String name;

  private Netns(String name) {
    this.name = name;
  }

  /**
   * Creates a namespace.
   *
   * @param label a short word for people that look at {@code ip netns}
   * @throws IllegalStateException if {@code ip} refuses (not root, for instance)
   */
  public static Netns create(String label) {
    Netns netns = new Netns(Cleanup.PREFIX + COUNT.incrementAndGet() + "-" + label);
    Command.run(List.of("ip", "netns", "add", netns.name));
    Cleanup.opened(netns);
    try {
      // No duplicate address detection: an address can be used as soon as it is set.
      netns.sysctl("net.ipv6.conf.default.accept_dad", "0");
      netns.sysctl("net.ipv6.conf.default.dad_transmits", "0");
      netns.sysctl("net.ipv6.conf.default.accept_ra", "0");
      netns.sysctl("net.ipv6.conf.default.disable_ipv6", "0");
      netns.sysctl("net.ipv4.conf.all.rp_filter", "0");
      netns.sysctl("net.ipv4.conf.default.rp_filter", "0");
      netns.ip("link set lo up");
      return netns;
    } catch (RuntimeException e) {
      netns.close();
      throw e;
    }
  }

  /** A namespace that another process made, and will remove. Not to be closed. */
  public static Netns existing(String name) {
    return new Netns(name);
  }

  /**
   * Makes a pair of connected devices, one in each namespace, both up. Transmit checksum offload is
   * off at both ends: a packet from the local stack would otherwise carry a partial checksum, which
   * native XDP cannot tell from a full one.
   */
  public static void veth(Netns left, String leftDevice, Netns right, String rightDevice) {
    Command.run(
        List.of(
            "ip",
            "link",
            "add",
            leftDevice,
            "netns",
            left.name,
            "type",
            "veth",
            "peer",
            "name",
            rightDevice,
            "netns",
            right.name));
    left.run("ethtool", "-K", leftDevice, "tx", "off");
    right.run("ethtool", "-K", rightDevice, "tx", "off");
    left.ip("link set %s up".formatted(leftDevice));
    right.ip("link set %s up".formatted(rightDevice));
  }

  /** The name, as {@code ip netns} shows it. */
  public String name() {
    return name;
  }

  /** The file that stands for the namespace: for {@code nsenter --net=} and for setns(2). */
  public Path path() {
    return Path.of("/run/netns", name);
  }

  /**
   * Runs {@code ip} in the namespace, each element of {@code lines} one command line after {@code
   * ip}, all by one process.
   *
   * @return what it printed
   * @throws IllegalStateException with the lines and the output, if one line fails
   */
  public String ip(String... lines) {
    return Command.run(List.of("ip", "-n", name, "-batch", "-"), String.join("\n", lines) + "\n");
  }

  /** Runs a command in the namespace to its end; see {@link Command#run(List)}. */
  public String run(String... command) {
    return Command.run(inside(List.of(command)));
  }

  /** As {@link #run}, with {@code input} on standard input. */
  public String runWithInput(String input, String... command) {
    return Command.run(inside(List.of(command)), input);
  }

  /** Starts a command in the namespace and leaves it running until the result is closed. */
  public RunningProcess start(String... command) {
    return new RunningProcess(inside(List.of(command)));
  }

  /**
   * Runs {@code body} on a new thread inside the namespace and waits for it. A socket that it opens
   * belongs to the namespace for ever, whichever thread uses it later.
   *
   * @return what {@code body} returned
   * @throws IllegalStateException if {@code body} threw; the cause is what it threw
   */
  public <T> T call(Callable<T> body) {
    FutureTask<T> task = new FutureTask<>(() -> enterAndCall(body));
    Thread thread = new Thread(task, "in " + name);
    thread.setDaemon(true);
    thread.start();
    try {
      return task.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("in namespace " + name + ": " + e.getCause(), e.getCause());
    } catch (InterruptedException e) {
      thread.interrupt();
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while in namespace " + name, e);
    }
  }

  /** Sets a kernel parameter of the namespace, named with dots. */
  public void sysctl(String key, String value) {
    Path file = Path.of("/proc/sys", key.replace('.', '/'));
    call(() -> Files.writeString(file, value));
  }

  /** Reads a kernel parameter of the namespace, without the line's end. */
  public String sysctl(String key) {
    Path file = Path.of("/proc/sys", key.replace('.', '/'));
    return call(
        () -> {
          try (InputStream in = Files.newInputStream(file)) {
            // In one read: a second one, at another offset than 0, answers nothing, and
            // Files.readString begins with a read of a single byte.
            byte[] buffer = new byte[4096];
            int length = in.read(buffer);
            return new String(buffer, 0, Math.max(length, 0), StandardCharsets.US_ASCII).strip();
          }
        });
  }

  /**
   * The device's number in this namespace.
   *
   * @throws IllegalStateException if there is no such device
   */
  public int index(String device) {
    int index = call(() -> LibC.if_nametoindex(device));
    if (index == 0) {
      throw new IllegalStateException("no device " + device + " in " + name);
    }
    return index;
  }

  /** The device's hardware address as {@code 02:00:…}. */
  public String mac(String device) {
    // One line on the device: 2: eth0@if3: <…> … link/ether 02:00:… brd …
    String line = Command.run(List.of("ip", "-n", name, "-o", "link", "show", "dev", device));
    int start = line.indexOf("link/ether ") + "link/ether ".length();
    return line.substring(start, line.indexOf(' ', start));
  }

  /** Removes the namespace and all devices in it. Processes inside must have been ended before. */
  @Override
  public void close() {
    if (Cleanup.closed(this)) {
      Command.run(List.of("ip", "netns", "del", name));
    }
  }

  @Override
  public String toString() {
    return name;
  }

  // Not `ip netns exec`: that one mounts a fresh /sys, and /sys/fs/bpf is not visible in it.
  private List<String> inside(List<String> command) {
    List<String> all = new ArrayList<>(List.of("nsenter", "--net=" + path(), "--"));
    all.addAll(command);
    return all;
  }

  private <T> T enterAndCall(Callable<T> body) throws Exception {
    int fd = LibC.open(path().toString(), LibC.O_RDONLY_CLOEXEC);
    try {
      LibC.setns(fd, LibC.CLONE_NEWNET);
    } finally {
      LibC.close(fd);
    }
    return body.call();
  }
}
