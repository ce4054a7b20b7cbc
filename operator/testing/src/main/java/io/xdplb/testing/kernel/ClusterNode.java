// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A machine that looks like a Kubernetes node: pods behind the bridge {@code cni0}, their addresses
 * masqueraded when they go out, connections tracked and what belongs to none dropped, sources
 * accepted only from where the answer would go.
 *
 * <pre>
 * pod eth0 ─ veth1 ┐
 * pod eth0 ─ veth2 ┴ cni0 (.1) ─ routing, nftables ─┬ eth0
 *                                                   └ vx0: overlay to the other nodes, or not
 * </pre>
 */
public final class ClusterNode {

  static final String OVERLAY_DEVICE = "vx0";

  /** What VXLAN over IPv4 adds. */
  static final int OVERLAY_HEADERS = 50;

  private static final int GATEWAY = 1;
  private static final int FIRST_POD = 2;

  /** What bridges hand to iptables and nftables, as kubeadm demands. */
  private static final List<String> BRIDGED =
      List.of("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables");

  private final Host host;
  private final Segment pods;
  private final int podMtu;
  private final boolean podOffloads;
  private final NodeCluster cluster;
  private final List<Host> all = new ArrayList<>();

  ClusterNode(NodeCluster cluster, Host host, Network podNetwork, int podMtu, boolean podOffloads) {
    this.cluster = cluster;
    this.host = host;
    this.podMtu = podMtu;
    this.podOffloads = podOffloads;
    Netns netns = host.netns();
    for (String key : BRIDGED) {
      if (Files.exists(Path.of("/proc/sys", key.replace('.', '/')))) {
        netns.sysctl(key, "1");
      }
    }
    pods = new Segment(netns, "cni0", podNetwork);
    pods.address(GATEWAY);
    netns.runWithInput(
        """
        table inet node {
          chain reverse-path {
            type filter hook prerouting priority raw;
            meta nfproto ipv6 fib saddr . iif oif missing counter drop
          }
          chain forward {
            type filter hook forward priority filter;
            ct state invalid counter drop
          }
          chain postrouting {
            type nat hook postrouting priority srcnat;
            ip saddr %1$s ip daddr != %1$s counter masquerade
            ip6 saddr %2$s ip6 daddr != %2$s counter masquerade
          }
        }
        """
            .formatted(NodeCluster.PODS_IPV4, NodeCluster.PODS_IPV6),
        "nft",
        "-f",
        "-");
  }

  /** Its interface to the other nodes: {@code eth0}. Its name is the node's. */
  public Host host() {
    return host;
  }

  /** {@code edge1}, {@code node1}, {@code worker1} and so on. */
  public String name() {
    return host.name();
  }

  public Netns netns() {
    return host.netns();
  }

  /** Where its pods are, a prefix. */
  public String podRangeIpv4() {
    return pods.network().ipv4Prefix();
  }

  /** As {@link #podRangeIpv4}. */
  public String podRangeIpv6() {
    return pods.network().ipv6Prefix();
  }

  /** In the order in which they were added. */
  public List<Host> pods() {
    return List.copyOf(all);
  }

  /**
   * Starts a pod: a namespace with {@code eth0}, named {@code <node>-pod<number>}. Up to 13 a node.
   */
  public Host addPod() {
    int number = all.size() + 1;
    String name = host.name() + "-pod" + number;
    Netns netns = cluster.netns(name);
    String port = "veth" + number;
    Host pod = pods.join(netns, name, port, "eth0", FIRST_POD - 1 + number);
    // A pod may be its own endpoint: what it sends to the bridge may come back to it.
    host.netns().ip("link set %s mtu %d".formatted(port, podMtu));
    host.netns().run("bridge", "link", "set", "dev", port, "hairpin", "on");
    netns.ip(
        "link set eth0 mtu " + podMtu,
        "route add default via " + pods.network().ipv4(GATEWAY),
        "route add default via " + pods.network().ipv6(GATEWAY));
    if (podOffloads) {
      netns.run("ethtool", "-K", "eth0", "tx", "on");
      host.netns().run("ethtool", "-K", port, "tx", "on");
    }
    all.add(pod);
    return pod;
  }

  /** Routes to another node's pods over the network that the nodes are on. */
  void routeDirectly(ClusterNode other) {
    netns()
        .ip(
            "route add %s via %s".formatted(other.podRangeIpv4(), other.host.ipv4()),
            "route add %s via %s".formatted(other.podRangeIpv6(), other.host.ipv6()));
  }

  /** Makes the overlay's device. */
  void addOverlay(Network overlay, int number) {
    netns()
        .ip(
            "link add %s address %s mtu %d type vxlan id 1 dstport 8472 local %s nolearning"
                .formatted(OVERLAY_DEVICE, overlayMac(number), podMtu, host.ipv4()),
            "link set %s up".formatted(OVERLAY_DEVICE));
    netns().ip(overlay.addresses(OVERLAY_DEVICE, number));
  }

  /** Routes to another node's pods over the overlay. */
  void routeByOverlay(ClusterNode other, Network overlay, int otherNumber) {
    String mac = overlayMac(otherNumber);
    String ipv4 = overlay.ipv4(otherNumber);
    String ipv6 = overlay.ipv6(otherNumber);
    netns()
        .ip(
            "neigh add %s lladdr %s dev %s".formatted(ipv4, mac, OVERLAY_DEVICE),
            "neigh add %s lladdr %s dev %s".formatted(ipv6, mac, OVERLAY_DEVICE),
            "route add %s via %s".formatted(other.podRangeIpv4(), ipv4),
            "route add %s via %s".formatted(other.podRangeIpv6(), ipv6));
    netns().run("bridge", "fdb", "append", mac, "dev", OVERLAY_DEVICE, "dst", other.host.ipv4());
  }

  private static String overlayMac(int number) {
    return "02:00:00:00:01:%02x".formatted(number);
  }
}
