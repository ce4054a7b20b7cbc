// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Ip;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;

/**
 * The ends of tunnels: this machine's own addresses, where encapsulated packets come to, and those
 * of the other nodes, from where they are accepted.
 */
final class Nodes {
  private static final int PEER_HANDLE = 1;

  private final KeyTable keys;
  private final AddressFilter filter;
  private final Set<Ip> own = new HashSet<>();
  private final Set<Ip> peers = new HashSet<>();

  Nodes(KeyTable keys, AddressFilter filter) {
    this.keys = keys;
    this.filter = filter;
  }

  static boolean isPeerHandle(int handle) {
    return handle == PEER_HANDLE;
  }

  /** Takes over the peers that a former agent knew, until it is said who they are. */
  void adopt() {
    for (Key key : keys.keys(Layouts.Key.OF_PEER)) {
      peers.add(key.address());
      filter.add(AddressFilter.Role.PEER, key.address());
    }
  }

  /** Follows a change of this machine's addresses. */
  void setOwn(Set<Ip> addresses) {
    difference(addresses, own).forEach(address -> filter.add(AddressFilter.Role.TUNNEL, address));
    difference(own, addresses)
        .forEach(address -> filter.remove(AddressFilter.Role.TUNNEL, address));
    own.clear();
    own.addAll(addresses);
  }

  /**
   * From these addresses, and no others, encapsulated packets are accepted.
   *
   * @throws DatapathException if there is no room for all; those before it are in force
   */
  void setPeers(Collection<Ip> addresses) {
    long now = System.nanoTime();
    Set<Ip> wanted = Set.copyOf(addresses);
    for (Ip address : difference(peers, wanted)) {
      filter.remove(AddressFilter.Role.PEER, address);
      keys.remove(Key.ofPeer(address), now);
      peers.remove(address);
    }
    for (Ip address : wanted) {
      keys.put(Key.ofPeer(address), PEER_HANDLE, now);
      if (peers.add(address)) {
        filter.add(AddressFilter.Role.PEER, address);
      }
    }
  }

  private static Set<Ip> difference(Set<Ip> from, Set<Ip> without) {
    Set<Ip> rest = new HashSet<>(from);
    rest.removeAll(without);
    return rest;
  }
}
