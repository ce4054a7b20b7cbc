// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.Nginx;
import io.xdplb.testing.kernel.RunningProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** The contenders, and what is measured beside them as a reference. */
final class Contenders {

  /** An {@link Contender}'s set-up; what it notes in {@code undo} is taken back at the end. */
  private interface SetUp {
    void run(Scene scene, Undo undo) throws Exception;
  }

  private record Simple(String id, String title, boolean seesAnswers, SetUp setUp)
      implements Contender {

    Simple(String id, String title, SetUp setUp) {
      this(id, title, true, setUp);
    }

    @Override
    public AutoCloseable start(Scene scene) throws Exception {
      Undo undo = new Undo();
      try {
        setUp.run(scene, undo);
        return undo;
      } catch (Exception e) {
        undo.close();
        throw e;
      }
    }
  }

  /** The ports that the client and proxies connect from; a rule cannot name port 65535. */
  static final int FIRST_PORT = 1024;

  static final int LAST_PORT = 65534;

  private static final int FIRST_TABLE = 100;

  private final Tool tool;

  Contenders(Tool tool) {
    this.tool = tool;
  }

  /** Those that carry whole HTTP connections; the first one is the reference. */
  List<Contender> forHttp() {
    return List.of(
        new Simple(Names.DIRECT, "direct", Contenders::direct),
        new Simple(Names.FORWARDING, "kernel forwarding, no NAT", Contenders::forwarding),
        new Simple("nginx-stream", "nginx stream", Contenders::nginxStream),
        new Simple("haproxy", "HAProxy tcp", Contenders::haProxy),
        new Simple(Names.NFTABLES, "nftables DNAT + masquerade", Contenders::nftables),
        rewrite("rewrite", "XDP rewrite (the tutorial's)", "native"),
        rewrite("rewrite-generic", "XDP rewrite, generic mode", "generic"),
        nat(Names.NAT, "xdplb NAT", "NATIVE"),
        nat("xdplb-generic", "xdplb NAT, generic mode", "GENERIC"));
  }

  /**
   * Those that handle single packets. A proxy ends connections itself: frames without a client and
   * a server behind them say nothing about it.
   */
  List<Contender> forPackets() {
    return List.of(
        new Simple(
            Names.BARE,
            "bare XDP_TX",
            (scene, undo) -> attach(scene, undo, "floor", "reflect", "native")),
        new Simple(Names.FORWARDING, "kernel forwarding, no NAT", Contenders::oneNextHop),
        new Simple(Names.NFTABLES, "nftables DNAT + masquerade", Contenders::nftables),
        rewrite("rewrite", "XDP rewrite (the tutorial's)", "native"),
        rewrite("rewrite-generic", "XDP rewrite, generic mode", "generic"),
        dsr(Names.DSR, "xdplb DSR", "NATIVE"),
        dsr("xdplb-dsr-generic", "xdplb DSR, generic mode", "GENERIC"),
        nat(Names.NAT, "xdplb NAT", "NATIVE"),
        nat("xdplb-generic", "xdplb NAT, generic mode", "GENERIC"));
  }

  private Contender rewrite(String id, String title, String mode) {
    return new Simple(
        id,
        title,
        (scene, undo) -> {
          if (mode.equals("native")) {
            undo.later(scene.peerXdp().call());
          }
          attach(scene, undo, "rewrite", "rewrite", mode);
        });
  }

  private static Contender nat(String id, String title, String mode) {
    return new Simple(id, title, xdplb(mode, Optional.empty()));
  }

  /** Only for packets: for HTTP, servers would have to open what is encapsulated. */
  private static Contender dsr(String id, String title, String mode) {
    return new Simple(id, title, false, xdplb(mode, EdgeScenarios.ENCAPSULATION));
  }

  /** The product as it ships, told by a manifest. */
  private static SetUp xdplb(String mode, Optional<String> encapsulation) {
    return (scene, undo) -> {
      if (mode.equals("NATIVE")) {
        undo.later(scene.peerXdp().call());
      }
      Path folder = undo.laterDelete(Files.createTempDirectory("xl-bench"));
      Files.writeString(
          folder.resolve("vip.yaml"),
          Manifest.loadBalancer(
              "vip",
              scene.vip(),
              List.of("TCP"),
              scene.port(),
              scene.backends().stream().map(Host::ipv4).toList(),
              scene.port(),
              encapsulation));
      Product product = undo.later(new Product(scene.balancer().netns()));
      RunningProcess process =
          product.start(
              "standalone",
              folder.toString(),
              "--interface",
              scene.balancer().device(),
              "--xdp-mode",
              mode);
      Product.await(process, "programmed", () -> process.output().contains("(programmed)"));
    };
  }

  private void attach(Scene scene, Undo undo, String object, String program, String mode) {
    Netns balancer = scene.balancer().netns();
    String device = scene.balancer().device();
    tool.run(balancer, "attach", tool.object(object), program, device, mode);
    undo.laterRun(balancer, tool.path(), "detach", device);
  }

  /**
   * The VIP is the servers' own, and the client sends each of them its share of the source ports. A
   * multipath route would do as well, but for one thing: the client's stack sends a RST for a
   * connection that it no longer has along another path than the connection's, so that a server
   * keeps it and the port cannot be used again for a minute.
   */
  private static void direct(Scene scene, Undo undo) {
    ownVip(scene, undo);
    Netns client = scene.client().netns();
    int servers = scene.backends().size();
    int ports = LAST_PORT - FIRST_PORT + 1;
    for (int i = 0; i < servers; i++) {
      int table = FIRST_TABLE + i;
      int first = FIRST_PORT + ports * i / servers;
      int last = FIRST_PORT + ports * (i + 1) / servers - 1;
      undo.ipAdd(
          client,
          "route",
          "%s/32 via %s table %d".formatted(scene.vip(), scene.backends().get(i).ipv4(), table));
      undo.ipAdd(
          client,
          "rule",
          "to %s/32 ipproto tcp sport %d-%d lookup %d".formatted(scene.vip(), first, last, table));
    }
  }

  /** The VIP is the servers' own; clients send to the balancer and servers answer through it. */
  private static void forwarding(Scene scene, Undo undo) {
    ownVip(scene, undo);
    Netns balancer = scene.balancer().netns();
    balancer.sysctl("net.ipv4.fib_multipath_hash_policy", "1"); // by ports too
    String nextHops =
        scene.backends().stream()
            .map(backend -> " nexthop via " + backend.ipv4())
            .collect(Collectors.joining());
    undo.ipAdd(balancer, "route", scene.vip() + "/32" + nextHops);
    for (Host backend : scene.backends()) {
      undo.ipAdd(
          backend.netns(), "route", scene.client().ipv4() + "/32 via " + scene.balancer().ipv4());
    }
  }

  private static void oneNextHop(Scene scene, Undo undo) {
    undo.ipAdd(
        scene.balancer().netns(),
        "route",
        scene.vip() + "/32 via " + scene.backends().get(0).ipv4());
  }

  private static void ownVip(Scene scene, Undo undo) {
    for (Host backend : scene.backends()) {
      undo.ipAdd(backend.netns(), "addr", scene.vip() + "/32 dev lo");
    }
  }

  private static void nftables(Scene scene, Undo undo) {
    Netns netns = scene.balancer().netns();
    int count = scene.backends().size();
    String servers =
        IntStream.range(0, count)
            .mapToObj(i -> i + " : " + scene.backends().get(i).ipv4())
            .collect(Collectors.joining(", "));
    netns.runWithInput(
        """
        table ip bench {
          chain prerouting {
            type nat hook prerouting priority dstnat;
            ip daddr %s tcp dport %d dnat to numgen inc mod %d map { %s }
          }
          chain postrouting {
            type nat hook postrouting priority srcnat;
            ct status dnat masquerade
          }
        }
        """
            .formatted(scene.vip(), scene.port(), count, servers),
        "nft",
        "-f",
        "-");
    undo.laterRun(netns, "nft", "delete", "table", "ip", "bench");
  }

  private static void nginxStream(Scene scene, Undo undo) {
    proxyAddress(scene, undo);
    undo.later(
        Nginx.start(
            scene.balancer().netns(),
            scene.port(),
            "auto",
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;",
            """
            stream {
              upstream servers {
                %s
              }
              server {
                listen %d backlog=4096;
                proxy_pass servers;
                tcp_nodelay on;
              }
            }
            """
                .formatted(
                    scene.backends().stream()
                        .map(b -> "server %s:%d;".formatted(b.ipv4(), scene.port()))
                        .collect(Collectors.joining(" ")),
                    scene.port())));
  }

  private static void haProxy(Scene scene, Undo undo) throws Exception {
    proxyAddress(scene, undo);
    Path configuration = Files.createTempFile("xl-haproxy", ".cfg");
    undo.later(() -> Files.delete(configuration));
    Files.writeString(
        configuration,
        """
        global
          maxconn 4000
        defaults
          mode tcp
          timeout connect 5s
          timeout client 30s
          timeout server 30s
        listen vip
          bind *:%d backlog 4096
          balance roundrobin
          %s
        """
            .formatted(
                scene.port(),
                scene.backends().stream()
                    .map(b -> "server %s %s:%d".formatted(b.name(), b.ipv4(), scene.port()))
                    .collect(Collectors.joining("\n  "))));
    RunningProcess process =
        scene.balancer().netns().start("/usr/sbin/haproxy", "-db", "-f", configuration.toString());
    undo.later(process);
    Wait.until(
        "HAProxy listens",
        Duration.ofSeconds(10),
        () -> {
          process.mustBeAlive();
          return !scene.balancer().netns().run("ss", "-Hltn", "sport = :" + scene.port()).isBlank();
        });
  }

  /** A proxy takes connections to the VIP itself, and needs many ports towards the servers. */
  private static void proxyAddress(Scene scene, Undo undo) {
    Netns netns = scene.balancer().netns();
    undo.ipAdd(netns, "addr", scene.vip() + "/32 dev lo");
    String ports = netns.sysctl("net.ipv4.ip_local_port_range");
    netns.sysctl("net.ipv4.ip_local_port_range", FIRST_PORT + " " + LAST_PORT);
    undo.later(() -> netns.sysctl("net.ipv4.ip_local_port_range", ports));
  }

  /** Contenders that others are compared with. */
  static final class Names {
    static final String DIRECT = "direct";
    static final String FORWARDING = "forwarding";
    static final String NFTABLES = "nftables";
    static final String BARE = "reflect";
    static final String NAT = "xdplb";
    static final String DSR = "xdplb-dsr";

    private Names() {}
  }
}
