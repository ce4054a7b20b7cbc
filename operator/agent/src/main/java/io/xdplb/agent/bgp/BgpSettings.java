// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.core.model.Ip;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What this node's BGP speaker is, and with whom it speaks.
 *
 * @param routerId its identifier: an IPv4 address, usually the node's, that no other speaker has. A
 *     change resets all sessions
 * @param listenPort the TCP port at which peers can reach it, 1 to 65535; it connects to them
 *     itself, so nobody needs to, but for peers that are known by an interface only. A change
 *     resets all sessions
 * @param peers with distinct names, addresses and interfaces
 */
public record BgpSettings(Ip routerId, int listenPort, List<BgpPeer> peers) {

  /**
   * Not 179: a node's CNI may have a BGP daemon of its own there, and a daemon that cannot listen
   * speaks with nobody. Neither a port of Kubernetes nor one that is used for outgoing connections.
   */
  public static final int DEFAULT_LISTEN_PORT = 10179;

  /**
   * Checks that all of it fits together.
   *
   * @throws IllegalArgumentException if not, with what and why
   */
  public BgpSettings {
    if (!routerId.isIpv4() || routerId.low() == 0) {
      throw new IllegalArgumentException(
          "the router ID " + routerId + " is no IPv4 address other than 0.0.0.0");
    }
    Check.range("the listen port", listenPort, 1, 65535);
    peers = List.copyOf(peers);
    Set<String> names = new HashSet<>();
    Map<String, String> ends = new HashMap<>();
    for (BgpPeer peer : peers) {
      if (!names.add(peer.name())) {
        throw new IllegalArgumentException("two BGP peers are named " + peer.name());
      }
      String other = ends.put(peer.end(), peer.name());
      if (other != null) {
        throw new IllegalArgumentException(
            "the BGP peers %s and %s are both %s: one session is possible with it"
                .formatted(other, peer.name(), peer.end()));
      }
    }
  }
}
