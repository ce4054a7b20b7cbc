// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.testing.kernel.RunningProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The other side: a BIRD that puts what it learns into its machine's kernel, with ECMP. */
final class Router implements AutoCloseable {

  private static final Pattern VIA = Pattern.compile("via (?:inet6 )?(\\S+)");

  private final Lab.Machine machine;
  private final Path folder;
  private final BirdControl control;
  private RunningProcess process;

  private Router(Lab.Machine machine, Path folder) {
    this.machine = machine;
    this.folder = folder;
    this.control = new BirdControl(folder.resolve("bird.ctl"));
  }

  /**
   * Starts it.
   *
   * @param sessions its BGP protocols
   */
  static Router start(Lab lab, Lab.Machine machine, String... sessions) {
    Router router = new Router(machine, lab.folder(machine.name()));
    router.configure(sessions);
    router.start();
    return lab.opened(router);
  }

  /** A BGP protocol of a router: to a machine's IPv4 address, eBGP. */
  static String session(Lab.Machine node, String more) {
    return session(node.name(), "neighbor %s as 64500".formatted(node.ipv4()), 64501, more);
  }

  static String session(String name, String neighbor, long asn, String more) {
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

  void configure(String... sessions) {
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
              .formatted(machine.ipv4(), String.join("", sessions)));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  void start() {
    process =
        machine
            .netns()
            .start(
                "bird",
                "-f",
                "-R",
                "-c",
                folder.resolve("bird.conf").toString(),
                "-s",
                folder.resolve("bird.ctl").toString());
    Lab.eventually(
        () -> {
          process.mustBeAlive();
          control.run("show status");
        });
  }

  /** SIGKILL. */
  void kill() {
    process.kill();
    process.close();
  }

  void reload() throws BirdException {
    control.run("configure");
  }

  Lab.Machine machine() {
    return machine;
  }

  String log() {
    return process.output();
  }

  /** What its BIRD knows of an address, all attributes; empty if nothing. */
  String route(String vip) throws BirdException {
    return control.ask("show route all for " + vip).text();
  }

  /**
   * In which tenth of a second its session with a machine came up, or ended; it may be off by one.
   */
  long since(String session) throws BirdException {
    String[] row =
        control.run("show protocols '%s'".formatted(session)).lines().stream()
            .map(line -> line.text().split("\\s+"))
            .filter(columns -> columns[0].equals(session))
            .findFirst()
            .orElseThrow();
    return Math.round(Double.parseDouble(row[4]) * 10);
  }

  /** The next hops of an address in the kernel's routing table. */
  Set<String> paths(String vip) {
    String family = vip.contains(":") ? "-6" : "-4";
    String table = machine.netns().run("ip", family, "route", "show", vip);
    Set<String> hops = new TreeSet<>();
    Matcher via = VIA.matcher(table);
    while (via.find()) {
      hops.add(via.group(1));
    }
    return hops;
  }

  /** How many routes BIRD has in the kernel, of a family: 4 or 6. */
  long kernelRoutes(int family) {
    return machine
        .netns()
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
