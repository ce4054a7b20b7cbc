// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.xdplb.testing.kernel.Host;
import java.util.List;
import java.util.concurrent.Callable;

/**
 * Where a contender is set up. Addresses are those of the testing topologies: balancer .1, first
 * client .10, backends .101 and up, each MAC address 02:00 and then the IPv4 address.
 *
 * @param balancer one interface, forwarding on; proxies and programs run here
 * @param vip routed by the clients to the balancer
 * @param port of the VIP and of the backends; TCP
 * @param client the first client
 * @param backends the servers
 * @param peerXdp makes {@code XDP_TX} from the balancer arrive at the other end of its veth, until
 *     closed
 */
record Scene(
    Host balancer,
    String vip,
    int port,
    Host client,
    List<Host> backends,
    Callable<AutoCloseable> peerXdp) {

  static final String VIP = "203.0.113.1";
  static final int PORT = 80;
}
