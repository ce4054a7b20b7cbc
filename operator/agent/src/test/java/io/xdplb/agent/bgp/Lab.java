// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.testing.bgp.Router;
import io.xdplb.testing.kernel.Netns;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.awaitility.core.ThrowingRunnable;

/**
 * Machines on one network, 198.51.100.0/24 and 2001:db8:0:1::/64, joined by a switch: each a
 * network namespace with a device {@code eth0}, and nothing runs in it yet.
 */
final class Lab implements AutoCloseable {

  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final Path folder;
  private final Netns netSwitch;

  Lab() {
    try {
      folder = Files.createTempDirectory("xl-bgp");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    open.push(this::removeFolder);
    netSwitch = opened(Netns.create("switch"));
    netSwitch.ip("link add br0 type bridge mcast_snooping 0", "link set br0 up");
  }

  /** A machine of the network; its link-local address is {@code fe80::HOST}. */
  record Machine(String name, int host, Netns netns) {

    String ipv4() {
      return "198.51.100." + host;
    }

    String ipv6() {
      return "2001:db8:0:1::" + host;
    }

    String linkLocal() {
      return "fe80::" + host;
    }
  }

  /** Adds a machine. */
  Machine machine(String name, int host) {
    Machine machine = new Machine(name, host, opened(Netns.create(name)));
    // So that its addresses are those below and no others.
    machine.netns.sysctl("net.ipv6.conf.default.addr_gen_mode", "1");
    machine.netns.sysctl("net.ipv4.ip_forward", "1");
    machine.netns.sysctl("net.ipv6.conf.all.forwarding", "1");
    Netns.veth(machine.netns, "eth0", netSwitch, name);
    netSwitch.ip("link set %s master br0".formatted(name));
    machine.netns.ip(
        "addr add %s/24 dev eth0".formatted(machine.ipv4()),
        "addr add %s/64 dev eth0 nodad".formatted(machine.ipv6()),
        "addr add %s/64 dev eth0 nodad".formatted(machine.linkLocal()));
    return machine;
  }

  /** Starts a router on a machine. */
  Router router(Machine machine, String... sessions) {
    return opened(Router.start(machine.netns(), machine.ipv4(), folder(machine.name()), sessions));
  }

  /** A BGP protocol of a router: to a machine's IPv4 address, eBGP. */
  static String session(Machine node, String more) {
    return Router.session(node.name(), "neighbor %s as 64500".formatted(node.ipv4()), 64501, more);
  }

  /** Takes a machine away from the switch: nobody's carrier changes. */
  void cut(Machine machine) {
    netSwitch.ip("link set %s nomaster".formatted(machine.name));
  }

  void mend(Machine machine) {
    netSwitch.ip("link set %s master br0".formatted(machine.name));
  }

  /** A new folder. */
  Path folder(String name) {
    try {
      return Files.createDirectory(folder.resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Has it closed with the lab, before what was opened earlier. */
  <T extends AutoCloseable> T opened(T resource) {
    open.push(resource);
    return resource;
  }

  /** Repeats until it holds and BIRD answers, ten seconds at most. */
  static void eventually(ThrowingRunnable assertion) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(50))
        .ignoreExceptionsInstanceOf(BirdException.class)
        .untilAsserted(assertion);
  }

  @Override
  public void close() throws Exception {
    while (!open.isEmpty()) {
      open.pop().close();
    }
  }

  private void removeFolder() throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
