// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Clients, a load balancer and backends, each in a network namespace, joined by bridges that play
 * the switch.
 *
 * <pre>
 * one-armed   clients ──┐
 *             balancer ─┼─ 198.51.100.0/24, 2001:db8:0:1::/64
 *             backends ─┘
 * two-armed   clients ─ 198.51.100.0/24, 2001:db8:0:1::/64 ─ eth0 balancer eth1 ─
 *                       192.0.2.0/24, 2001:db8:0:3::/64 ─ backends
 * </pre>
 *
 * The balancer is {@code .1} of each network, clients are {@code .10} and up, backends {@code .101}
 * and up; IPv6 host parts have the same digits. Clients route {@link #VIPS_IPV4} and {@link
 * #VIPS_IPV6} to the balancer, which forwards both families. A MAC address is {@code 02:00} and
 * then the IPv4 address.
 */
public final class Topology implements AutoCloseable {

  /** Where VIPs are: routed by clients to the balancer, on nobody's interface. */
  public static final String VIPS_IPV4 = "203.0.113.0/24";

  /** As {@link #VIPS_IPV4}. */
  public static final String VIPS_IPV6 = "2001:db8:0:2::/64";

  private static final Network CLIENT_SIDE = new Network("198.51.100.0", 24, "2001:db8:0:1::");
  private static final Network BACKEND_SIDE = new Network("192.0.2.0", 24, "2001:db8:0:3::");
  private static final int BALANCER = 1;
  private static final int FIRST_CLIENT = 10;
  private static final int FIRST_BACKEND = 101;

  /** Whether the far ends of the balancer's veths run XDP, so that {@code XDP_TX} arrives there. */
  public enum PeerXdp {
    /** An {@code XDP_PASS} program: what native XDP on the balancer needs. */
    STUB,
    /** None: enough for generic XDP, and for anything that is not XDP. */
    NONE
  }

  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final boolean twoArmed;
  private final PeerXdp peerXdp;
  private final List<Host> clients = new ArrayList<>();
  private final List<Host> backends = new ArrayList<>();
  private Segment clientSegment;
  private Segment backendSegment;
  private Host balancer;
  private Host balancerToBackends;

  private Topology(boolean twoArmed, PeerXdp peerXdp) {
    this.twoArmed = twoArmed;
    this.peerXdp = peerXdp;
  }

  /** All on one network; the balancer has one interface. */
  public static Topology oneArmed(int clients, int backends, PeerXdp peerXdp) {
    return new Topology(false, peerXdp).build(clients, backends);
  }

  /** The balancer has one interface to the clients and one to the backends. */
  public static Topology twoArmed(int clients, int backends, PeerXdp peerXdp) {
    return new Topology(true, peerXdp).build(clients, backends);
  }

  /** The first client. */
  public Host client() {
    return clients.get(0);
  }

  /** Named {@code client1} and so on. */
  public List<Host> clients() {
    return List.copyOf(clients);
  }

  /** Named {@code http1} and so on. */
  public List<Host> backends() {
    return List.copyOf(backends);
  }

  /** The balancer, by its interface to the clients: {@code eth0}. */
  public Host balancer() {
    return balancer;
  }

  /** The same machine, by its interface to the backends: {@code eth1}, one-armed {@code eth0}. */
  public Host balancerToBackends() {
    return balancerToBackends;
  }

  /** Adds one more backend to the running network. */
  public Host addBackend() {
    int number = backends.size() + 1;
    Host host =
        backendSegment.join(
            netns("http" + number), "http" + number, "eth0", FIRST_BACKEND - 1 + number);
    backends.add(host);
    if (twoArmed) {
      host.netns()
          .ip(
              "route add default via " + balancerToBackends.ipv4(),
              "route add default via " + balancerToBackends.ipv6());
    }
    return host;
  }

  /**
   * Gives the far ends of the balancer's veths their stub later than at the start.
   *
   * @return takes it away again
   */
  public AutoCloseable stubPeers() {
    List<AutoCloseable> stubs = new ArrayList<>();
    for (Segment segment :
        twoArmed ? List.of(clientSegment, backendSegment) : List.of(clientSegment)) {
      stubs.add(PassStub.attach(segment.netns(), "lb"));
    }
    return () -> Cleanup.closeEach(stubs);
  }

  /** Removes all namespaces. Servers and processes in them must have been closed before. */
  @Override
  public void close() {
    List<AutoCloseable> latestFirst = List.copyOf(open);
    open.clear();
    Cleanup.closeEach(latestFirst);
  }

  private Topology build(int clientCount, int backendCount) {
    try {
      clientSegment = new Segment(netns("switch"), "br0", CLIENT_SIDE);
      Netns machine = netns("lb");
      machine.sysctl("net.ipv4.ip_forward", "1");
      machine.sysctl("net.ipv6.conf.all.forwarding", "1");
      balancer = clientSegment.join(machine, "lb", "eth0", BALANCER);
      if (twoArmed) {
        backendSegment = new Segment(netns("switch2"), "br0", BACKEND_SIDE);
        balancerToBackends = backendSegment.join(machine, "lb", "eth1", BALANCER);
      } else {
        backendSegment = clientSegment;
        balancerToBackends = balancer;
      }
      if (peerXdp == PeerXdp.STUB) {
        open.push(stubPeers());
      }
      for (int i = 0; i < clientCount; i++) {
        addClient(clientSegment, i);
      }
      for (int i = 0; i < backendCount; i++) {
        addBackend();
      }
      return this;
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private void addClient(Segment segment, int i) {
    String name = "client" + (i + 1);
    Host host = segment.join(netns(name), name, "eth0", FIRST_CLIENT + i);
    clients.add(host);
    host.netns()
        .ip(
            "route add " + VIPS_IPV4 + " via " + balancer.ipv4(),
            "route add " + VIPS_IPV6 + " via " + balancer.ipv6());
    if (twoArmed) {
      host.netns()
          .ip(
              "route add " + BACKEND_SIDE.ipv4Prefix() + " via " + balancer.ipv4(),
              "route add " + BACKEND_SIDE.ipv6Prefix() + " via " + balancer.ipv6());
    }
  }

  private Netns netns(String label) {
    Netns netns = Netns.create(label);
    open.push(netns);
    return netns;
  }
}
