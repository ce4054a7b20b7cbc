// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Clients, a router and a network of nodes with pods, each in a network namespace. The router
 * spreads VIPs over the edge nodes, flow by flow; pods are on workers; a node may be both.
 *
 * <pre>
 * clients ─ 198.51.100.0/26 ──┬───────┐              ┌ edge1 …   192.0.2.11 …
 *           2001:db8:0:1::/64 │ [hop] │ router ─ switch ─ node1 …
 *                             └───────┘    192.0.2.1 ├ worker1 …
 *                                                    └ server1 … 192.0.2.101 …
 * </pre>
 *
 * The nodes' network is 192.0.2.0/24 and 2001:db8:0:3::/64; each node has 16 addresses of {@link
 * #PODS_IPV4} and a /64 of {@link #PODS_IPV6} for its pods. All have strict reverse path filters.
 * The far end of each node's and server's {@code eth0} runs XDP (see {@link PassStub}), so that
 * native XDP can be attached to it. Transmit checksum offload is off on all cables but those of
 * pods: the checksums of what comes off such a cable are computed, also if a pod left that, and the
 * cutting into segments, to the node. Until then the node sees an answer as one large packet.
 */
public final class NodeCluster implements AutoCloseable {

  /** Where VIPs are: routed to the edge nodes, on nobody's interface. */
  public static final String VIPS_IPV4 = Topology.VIPS_IPV4;

  /** As {@link #VIPS_IPV4}. */
  public static final String VIPS_IPV6 = Topology.VIPS_IPV6;

  /** Where all nodes' pods are. */
  public static final String PODS_IPV4 = "198.51.100.128/25";

  /** As {@link #PODS_IPV4}. */
  public static final String PODS_IPV6 = "2001:db8:0:100::/60";

  private static final Network CLIENTS = new Network("198.51.100.0", 26, "2001:db8:0:1::");
  private static final Network UPLINK = new Network("198.51.100.64", 30, "2001:db8:0:4::");
  private static final Network OVERLAY = new Network("198.51.100.96", 27, "2001:db8:0:5::");
  private static final Network LAN = new Network("192.0.2.0", 24, "2001:db8:0:3::");
  private static final int ROUTER = 1;
  private static final int SECOND_ROUTER = 2;
  private static final int HOP = 2;
  private static final int FIRST_CLIENT = 10;
  private static final int FIRST_NODE = 11;
  private static final int FIRST_SERVER = 101;

  /** The routers' interface to the clients. */
  private static final String CLIENT_DEVICE = "clients";

  /** The router's next hops: the ids of the nodes', and of the groups of them that VIPs go to. */
  private static final int NODES_IPV4 = 100;

  private static final int NODES_IPV6 = 200;
  private static final int GROUP_IPV4 = 1;
  private static final int GROUP_IPV6 = 2;

  /**
   * One of the ways to VIPs.
   *
   * @param weight its share: 1 to 256
   */
  public record NextHop(ClusterNode node, int weight) {}

  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final ClusterPlan plan;
  private final List<Host> clients = new ArrayList<>();
  private final List<Host> servers = new ArrayList<>();
  private final List<ClusterNode> edges = new ArrayList<>();
  private final List<ClusterNode> workers = new ArrayList<>();
  private final List<ClusterNode> nodes = new ArrayList<>();
  private Segment lan;
  private Segment clientSegment;
  private Host router;
  private Host secondRouter;
  private Netns hop;

  private NodeCluster(ClusterPlan plan) {
    this.plan = plan;
  }

  /** Makes all of it, without pods. VIPs are spread evenly over the edge nodes. */
  public static NodeCluster create(ClusterPlan plan) {
    NodeCluster cluster = new NodeCluster(plan);
    try {
      cluster.build();
      return cluster;
    } catch (RuntimeException e) {
      try {
        cluster.close();
      } catch (RuntimeException alsoFailed) {
        e.addSuppressed(alsoFailed);
      }
      throw e;
    }
  }

  /** The first client. */
  public Host client() {
    return clients.get(0);
  }

  /** Named {@code client1} and so on. */
  public List<Host> clients() {
    return List.copyOf(clients);
  }

  /** The router, by its interface to the nodes: {@code eth0}. */
  public Host router() {
    return router;
  }

  /** All nodes: those that are edges only, those that are both, those that are workers only. */
  public List<ClusterNode> nodes() {
    return List.copyOf(nodes);
  }

  /** The nodes that VIPs can be sent to. */
  public List<ClusterNode> edges() {
    return List.copyOf(edges);
  }

  /** The nodes that are meant for pods. */
  public List<ClusterNode> workers() {
    return List.copyOf(workers);
  }

  /** Adds a server outside the cluster on the nodes' network, named {@code server1} and so on. */
  public Host addServer() {
    int number = servers.size() + 1;
    Host server = joinLan("server" + number, FIRST_SERVER - 1 + number);
    servers.add(server);
    return server;
  }

  /** Sends VIPs to these nodes from now on, evenly. */
  public void sendVipsTo(ClusterNode... nextHops) {
    sendVipsTo(Arrays.stream(nextHops).map(node -> new NextHop(node, 1)).toList());
  }

  /**
   * Sends VIPs to these nodes from now on. Which flow goes where depends on the addresses and ports
   * of the flow, on the weights and on the order: after any change some flows go elsewhere.
   *
   * @param nextHops none means that VIPs are unreachable
   */
  public void sendVipsTo(List<NextHop> nextHops) {
    if (nextHops.isEmpty()) {
      router
          .netns()
          .ip("route replace unreachable " + VIPS_IPV4, "route replace unreachable " + VIPS_IPV6);
      return;
    }
    // A group is replaced in one step: no packet finds half of it, or none.
    router
        .netns()
        .ip(
            "nexthop replace id %d group %s".formatted(GROUP_IPV4, group(nextHops, NODES_IPV4)),
            "nexthop replace id %d group %s".formatted(GROUP_IPV6, group(nextHops, NODES_IPV6)),
            "route replace %s nhid %d".formatted(VIPS_IPV4, GROUP_IPV4),
            "route replace %s nhid %d".formatted(VIPS_IPV6, GROUP_IPV6));
  }

  /**
   * The switch sends frames to a machine that it does not know to no node from now on: each of them
   * would balance them.
   */
  public void floodNothingToNodes() {
    for (ClusterNode node : nodes) {
      lan.netns().run("bridge", "link", "set", "dev", node.name(), "flood", "off");
    }
  }

  /** The router asks on the nodes' network who has a VIP from now on, by ARP and NDP. */
  public void resolveVipsOnLan() {
    router
        .netns()
        .ip(
            "route replace %s dev %s".formatted(VIPS_IPV4, router.device()),
            "route replace %s dev %s".formatted(VIPS_IPV6, router.device()));
  }

  /**
   * Adds a router beside the first one, {@code router2}: its {@code eth0} is on the nodes' network.
   * It knows no VIPs, and nobody sends to it before {@link #failOver}.
   */
  public Host addSecondRouter() {
    Netns netns = router("router2");
    secondRouter = lan.join(netns, "router2", "eth0", SECOND_ROUTER);
    lanMtu(secondRouter);
    clientSegment.join(netns, "router2", CLIENT_DEVICE, SECOND_ROUTER);
    return secondRouter;
  }

  /**
   * The first router is cut off from the nodes' network, and clients, nodes and servers use the
   * second one, as if it had taken over the first one's addresses.
   */
  public void failOver() {
    router.netns().ip("link set eth0 down");
    clients.forEach(client -> defaultRoute(client.netns(), CLIENTS, SECOND_ROUTER));
    servers.forEach(server -> defaultRoute(server.netns(), LAN, SECOND_ROUTER));
    nodes.forEach(node -> defaultRoute(node.netns(), LAN, SECOND_ROUTER));
  }

  /** How many frames the switch has sent to a node so far. */
  public long framesTo(ClusterNode node) {
    String statistics = lan.netns().run("ip", "-s", "link", "show", "dev", node.name());
    // TX:  bytes packets …
    //     123456     789 …
    String[] sent =
        statistics.substring(statistics.indexOf("TX:")).split("\n")[1].strip().split("\\s+");
    return Long.parseLong(sent[1]);
  }

  /**
   * Makes the switch's port of a node carry nothing, or carry again. The node does not notice: its
   * carrier stays.
   */
  public void mute(ClusterNode node, boolean muted) {
    lan.netns()
        .run(
            "bridge",
            "link",
            "set",
            "dev",
            node.name(),
            "state",
            muted ? "disabled" : "forwarding");
  }

  /** Sets a node's link up again; the routes that went with it come back. */
  public void linkUp(ClusterNode node) {
    node.netns().ip("link set eth0 up");
    node.netns().ip("route replace default via " + LAN.ipv4(ROUTER));
    node.netns().ip("addr replace %s/64 dev eth0 nodad".formatted(node.host().ipv6()));
    node.netns().ip("route replace default via " + LAN.ipv6(ROUTER));
  }

  /** Lets the switch drop what nodes send each other to a UDP port. */
  public void dropBetweenNodes(int port) {
    partition("udp dport %d drop".formatted(port));
  }

  /** Lets the switch drop what others send to a UDP port of this node, and it to theirs. */
  public void dropBetween(ClusterNode node, int port) {
    partition(
        "udp dport %2$d ip saddr %1$s drop\n    udp dport %2$d ip daddr %1$s drop"
            .formatted(node.host().ipv4(), port));
  }

  private void partition(String rules) {
    lan.netns()
        .runWithInput(
            """
            table bridge partition {
              chain forward {
                type filter hook forward priority 0;
                %s
              }
            }
            """
                .formatted(rules),
            "nft",
            "-f",
            "-");
  }

  /** The switch drops nothing any more. */
  public void dropNothing() {
    lan.netns()
        .runWithInput(
            "table bridge partition {}\ndelete table bridge partition\n", "nft", "-f", "-");
  }

  private String group(List<NextHop> nextHops, int firstId) {
    return nextHops.stream()
        .map(hop -> firstId + nodes.indexOf(hop.node()) + "," + hop.weight())
        .collect(Collectors.joining("/"));
  }

  /**
   * Changes the MTU of the link between clients and router.
   *
   * @throws IllegalStateException if the plan had no such link
   */
  public void clientPathMtu(int bytes) {
    if (hop == null) {
      throw new IllegalStateException("made without a link between clients and router");
    }
    hop.ip("link set uplink mtu " + bytes);
    router.netns().ip("link set downlink mtu " + bytes);
  }

  /** Removes all namespaces. Servers and processes in them must have been closed before. */
  @Override
  public void close() {
    List<AutoCloseable> latestFirst = List.copyOf(open);
    open.clear();
    Cleanup.closeEach(latestFirst);
  }

  /** A namespace that goes with the cluster, and takes a source only from where it would answer. */
  Netns netns(String label) {
    Netns netns = Netns.create(label);
    open.push(netns);
    netns.sysctl("net.ipv4.conf.all.rp_filter", "1");
    netns.sysctl("net.ipv4.conf.default.rp_filter", "1");
    return netns;
  }

  private void build() {
    lan = new Segment(netns("switch"), "br0", LAN);
    router = lan.join(router("router"), "router", "eth0", ROUTER);
    lanMtu(router);
    addClients();
    for (int i = 0; i < plan.edges(); i++) {
      edges.add(addNode("edge" + (i + 1)));
    }
    for (int i = 0; i < plan.both(); i++) {
      ClusterNode node = addNode("node" + (i + 1));
      edges.add(node);
      workers.add(node);
    }
    for (int i = 0; i < plan.workers(); i++) {
      workers.add(addNode("worker" + (i + 1)));
    }
    routePods();
    sendVipsTo(edges.toArray(ClusterNode[]::new));
  }

  private Netns forwarding(String label) {
    Netns netns = netns(label);
    netns.sysctl("net.ipv4.ip_forward", "1");
    netns.sysctl("net.ipv6.conf.all.forwarding", "1");
    return netns;
  }

  /** Spreads flows by addresses and ports. */
  private Netns router(String label) {
    Netns netns = forwarding(label);
    netns.sysctl("net.ipv4.fib_multipath_hash_policy", "1");
    netns.sysctl("net.ipv6.fib_multipath_hash_policy", "1");
    return netns;
  }

  private void addClients() {
    Netns gateway = router.netns();
    if (plan.clientPathMtu() != 0) {
      hop = forwarding("hop");
      gateway = hop;
      Netns.veth(hop, "uplink", router.netns(), "downlink");
      hop.ip(UPLINK.addresses("uplink", HOP));
      router.netns().ip(UPLINK.addresses("downlink", ROUTER));
      clientPathMtu(plan.clientPathMtu());
      defaultRoute(hop, UPLINK, ROUTER);
      router
          .netns()
          .ip(
              "route add %s via %s".formatted(CLIENTS.ipv4Prefix(), UPLINK.ipv4(HOP)),
              "route add %s via %s".formatted(CLIENTS.ipv6Prefix(), UPLINK.ipv6(HOP)));
    }
    clientSegment = new Segment(gateway, CLIENT_DEVICE, CLIENTS);
    clientSegment.address(ROUTER);
    for (int i = 0; i < plan.clients(); i++) {
      String name = "client" + (i + 1);
      Host client = clientSegment.join(netns(name), name, "eth0", FIRST_CLIENT + i);
      defaultRoute(client.netns(), CLIENTS, ROUTER);
      clients.add(client);
    }
  }

  private ClusterNode addNode(String name) {
    int number = nodes.size();
    Host host = joinLan(name, FIRST_NODE + number);
    host.netns().sysctl("net.ipv4.ip_forward", "1");
    host.netns().sysctl("net.ipv6.conf.all.forwarding", "1");
    Network pods =
        new Network("198.51.100." + (128 + 16 * number), 28, "2001:db8:0:10" + number + "::");
    ClusterNode node = new ClusterNode(this, host, pods, plan.podMtu(), plan.podOffloads());
    nodes.add(node);
    router
        .netns()
        .ip(
            "nexthop add id %d via %s dev eth0".formatted(NODES_IPV4 + number, host.ipv4()),
            "nexthop add id %d via %s dev eth0".formatted(NODES_IPV6 + number, host.ipv6()));
    return node;
  }

  private Host joinLan(String name, int hostPart) {
    Host host = lan.join(netns(name), name, "eth0", hostPart);
    lanMtu(host);
    defaultRoute(host.netns(), LAN, ROUTER);
    open.push(PassStub.attach(lan.netns(), name));
    return host;
  }

  private void lanMtu(Host host) {
    lan.netns().ip("link set %s mtu %d".formatted(host.name(), plan.lanMtu()));
    host.netns().ip("link set %s mtu %d".formatted(host.device(), plan.lanMtu()));
  }

  private static void defaultRoute(Netns netns, Network network, int gateway) {
    netns.ip(
        "route replace default via " + network.ipv4(gateway),
        "route replace default via " + network.ipv6(gateway));
  }

  private void routePods() {
    if (plan.overlay()) {
      for (int i = 0; i < nodes.size(); i++) {
        nodes.get(i).addOverlay(OVERLAY, i + 1);
      }
    }
    for (ClusterNode node : nodes) {
      for (int i = 0; i < nodes.size(); i++) {
        ClusterNode other = nodes.get(i);
        if (other == node) {
          continue;
        }
        if (plan.overlay()) {
          node.routeByOverlay(other, OVERLAY, i + 1);
        } else {
          node.routeDirectly(other);
        }
      }
      if (!plan.overlay()) {
        router
            .netns()
            .ip(
                "route add %s via %s".formatted(node.podRangeIpv4(), node.host().ipv4()),
                "route add %s via %s".formatted(node.podRangeIpv6(), node.host().ipv6()));
      }
    }
  }
}
