// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.bgp;

import io.xdplb.testing.kernel.Command;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RunningProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;

/**
 * A router that nodes announce addresses to: a BIRD that puts what it learns into its machine's
 * kernel, with ECMP.
 */
public final class Router implements AutoCloseable {

  private static final Pattern VIA = Pattern.compile("via (?:inet6 )?(\\S+)");
  private static final Duration DEADLINE = Duration.ofSeconds(10);

  private final Netns netns;
  private final String id;
  private final Path folder;
  private RunningProcess process;

  private Router(Netns netns, String id, Path folder) {
    this.netns = netns;
    this.id = id;
    this.folder = folder;
  }

  /**
   * Starts it; its BIRD answers when this returns.
   *
   * @param id its IPv4 address
   * @param folder of its own; it is left to the caller
   * @param sessions its BGP protocols
   */
  public static Router start(Netns netns, String id, Path folder, String... sessions) {
    Router router = new Router(netns, id, folder);
    router.configure(sessions);
    router.start();
    return router;
  }

  /**
   * A BGP protocol of a router.
   *
   * @param name of the protocol
   * @param neighbor what BIRD is to be told of it: {@code neighbor 192.0.2.11 as 64500}
   * @param asn the router's
   * @param more of the protocol; may be empty
   */
  public static String session(String name, String neighbor, long asn, String more) {
    return """
        protocol bgp '%s' {
          local as %d; %s;
          connect delay time 1; connect retry time 1; error wait time 1, 2;
          ipv4 { import all; export where false; extended next hop; };
          ipv6 { import all; export where false; };
          %s
        }
        """
        .formatted(name, asn, neighbor, more);
  }

  /** Writes the configuration; see {@link #reload}. */
  public void configure(String... sessions) {
    try {
      Files.writeString(
          folder.resolve("bird.conf"),
          """
          log stderr all;
          debug protocols { states };
          timeformat protocol "%%s.%%f";
          router id %s;
          graceful restart wait 3;
          protocol device {}
          protocol bfd { interface "*" { min tx interval 100 ms; min rx interval 100 ms; }; }
          protocol direct { ipv4; ipv6; }
          protocol kernel {
            ipv4 { import none; export where source = RTS_BGP; };
            merge paths on; graceful restart;
          }
          protocol kernel {
            ipv6 { import none; export where source = RTS_BGP; };
            merge paths on; graceful restart;
          }
          %s
          """
              .formatted(id, String.join("", sessions)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Starts its BIRD again, which lets the routes in the kernel be until it knows better. */
  public void start() {
    process =
        netns.start(
            "bird", "-f", "-R", "-c", folder.resolve("bird.conf").toString(), "-s", socket());
    Awaitility.await("a router's BIRD")
        .atMost(DEADLINE)
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> {
              process.mustBeAlive();
              return answers();
            });
  }

  private boolean answers() {
    try {
      run("show status");
      return true;
    } catch (IllegalStateException notYet) {
      return false;
    }
  }

  private String socket() {
    return folder.resolve("bird.ctl").toString();
  }

  /**
   * A command to its BIRD.
   *
   * @throws IllegalStateException if there is none, or it refuses
   */
  public String run(String command) {
    return Command.run(List.of("birdcl", "-s", socket(), command));
  }

  /** SIGKILL; the routes stay in the kernel. */
  public void kill() {
    process.kill();
    process.close();
  }

  /** Has it load the configuration. */
  public void reload() {
    run("configure");
  }

  /** The machine that it is on. */
  public Netns netns() {
    return netns;
  }

  /** What its BIRD has logged since its start. */
  public String log() {
    return process.output();
  }

  /** What its BIRD knows of an address, all attributes. */
  public String route(String vip) {
    try {
      return run("show route all for " + vip);
    } catch (IllegalStateException e) {
      return e.getMessage(); // that there is none is an error to it
    }
  }

  /**
   * In which tenth of a second its session with a machine came up, or ended; it may be off by one.
   */
  public long since(String session) {
    String[] row =
        run("show protocols '%s'".formatted(session))
            .lines()
            .map(line -> line.split("\\s+"))
            .filter(columns -> columns[0].equals(session))
            .findFirst()
            .orElseThrow();
    return Math.round(Double.parseDouble(row[4]) * 10);
  }

  /** The next hops of an address in the kernel's routing table. */
  public Set<String> paths(String vip) {
    String family = vip.contains(":") ? "-6" : "-4";
    String table = netns.run("ip", family, "route", "show", vip);
    Set<String> hops = new TreeSet<>();
    Matcher via = VIA.matcher(table);
    while (via.find()) {
      hops.add(via.group(1));
    }
    return hops;
  }

  /** How many next hops BIRD has in the kernel, of all routes of a family: 4 or 6. */
  public long kernelPaths(int family) {
    String routes = netns.run("ip", "-" + family, "route", "show", "proto", "bird");
    return VIA.matcher(routes).results().count();
  }

  /** How many routes BIRD has in the kernel, of a family: 4 or 6. */
  public long kernelRoutes(int family) {
    return netns
        .run("ip", "-" + family, "route", "show", "proto", "bird")
        .lines()
        .filter(line -> !line.startsWith("\t"))
        .count();
  }

  @Override
  public void close() {
    process.close();
  }
}
