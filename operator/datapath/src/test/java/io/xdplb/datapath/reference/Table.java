// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the agent has programmed, as objects that refer to each other. A handle is only what the
 * kernel's maps call an object: the model tells owners apart by identity, as handles are meant to.
 */
final class Table {
  static final int TUNNEL_PORT = 6080;

  /** This machine's addresses: tunnels end there, and translations begin. */
  final Set<Ip> own = new HashSet<>();

  /** From there encapsulated packets are accepted. */
  final Set<Ip> peers = new HashSet<>();

  final Map<Ip, Address> addresses = new HashMap<>();
  int natFirst;
  int natCount;
  int mssIpv4;
  int mssIpv6;

  /** An address that has VIPs. */
  static final class Address {
    final Ip ip;
    final int handle;
    final List<Listener> listeners = new ArrayList<>();

    /** What no listener wants is answered with RST or unreachable. */
    boolean reject;

    /** It is this machine's too, and has what no listener wants. */
    boolean own;

    Address(Ip ip, int handle) {
      this.ip = ip;
      this.handle = handle;
    }

    /** Row 43: the most specific one; null if there is none. */
    Listener listener(int protocol, int port) {
      Listener found = null;
      for (Listener listener : listeners) {
        if (listener.protocol == protocol
            && listener.has(port)
            && (found == null || listener.width() < found.width())) {
          found = listener;
        }
      }
      return found;
    }
  }

  /** A VIP: one address, protocol and port or range of ports. */
  static final class Listener {
    final Address address;
    final int protocol;
    final int port;
    final int endPort;
    final int handle;
    boolean alive = true;
    boolean reject;

    /** Clients stay with a backend. */
    boolean affinity;

    /** Who may come; empty: everybody. */
    Optional<List<Cidr>> sources = Optional.empty();

    final List<Backend> backends = new ArrayList<>();

    /** Some backend is or was reached by NAT. */
    boolean translated;

    Slot[] ring = {};

    /** A backend on this machine that gets what has no tag; null: none. */
    Backend hosted;

    Listener(Address address, int protocol, int port, int endPort, int handle) {
      this.address = address;
      this.protocol = protocol;
      this.port = port;
      this.endPort = endPort;
      this.handle = handle;
    }

    boolean has(int number) {
      return number >= port && number <= endPort;
    }

    int width() {
      return endPort - port;
    }

    boolean allows(Ip source) {
      return sources.isEmpty() || sources.get().stream().anyMatch(range -> range.contains(source));
    }

    /** The slot of a client's packet; null without a ring. */
    Slot slot(Ip client, int clientPort, int port) {
      if (ring.length == 0) {
        return null;
      }
      long hash =
          affinity
              ? Hashes.flow(client, 0, address.ip, 0, protocol)
              : Hashes.flow(client, clientPort, address.ip, port, protocol);
      return ring[Hashes.scale(hash, ring.length)];
    }

    @Override
    public String toString() {
      return "%s %s:%d-%d%s%s%s"
          .formatted(
              protocol == IpPacket.TCP ? "TCP" : "UDP",
              address.ip,
              port,
              endPort,
              alive ? "" : " removed",
              affinity ? " affine" : "",
              sources.map(ranges -> " from " + ranges).orElse(""));
    }
  }

  /**
   * A slot of a ring.
   *
   * @param current whose it is; may have failed. Null: nobody takes new flows
   * @param history null while it has had one owner only
   */
  record Slot(Backend current, History history) {
    /** Owner number {@code step}, the present one being 0; null if there is none. */
    Backend owner(int step) {
      if (step == 0) {
        return current;
      }
      return history != null && step <= history.owners().size()
          ? history.owners().get(step - 1)
          : null;
    }
  }

  /**
   * Whose flows may be in a slot that has moved.
   *
   * @param owners former ones, newest first; at most 12
   * @param settled it moved long ago
   */
  record History(List<Backend> owners, boolean settled) {
    static final int MOST = 12;
  }

  enum Encapsulation {
    NONE,
    GUE,
    IPIP
  }

  /** One endpoint of one VIP. */
  static final class Backend {
    final Listener listener;
    final Ip address;

    /** 0: the packet's own. */
    final int port;

    final int handle;

    /** In the packet: 7 bytes. */
    final long tag;

    boolean alive = true;
    boolean takesNewFlows = true;
    boolean nat;
    boolean agent;
    boolean hosted;
    Encapsulation encapsulation = Encapsulation.NONE;
    Ip outerSource;
    Ip outerDestination;
    Ip natAddress;

    /** The largest packet that can go there, before encapsulation; 0: any. */
    int mtu;

    final Counters counters = new Counters();

    Backend(Listener listener, Ip address, int port, int handle, long tag) {
      this.listener = listener;
      this.address = address;
      this.port = port;
      this.handle = handle;
      this.tag = tag;
    }

    /** Its place in the order in which owners are asked: the last four bytes of its tag. */
    long order() {
      return order(tag);
    }

    static long order(long tag) {
      return tag & 0xffff_ffffL;
    }

    int mark() {
      return (int) tag & Tunnels.MARK;
    }

    int portFor(int packetPort) {
      return port == 0 ? packetPort : port;
    }

    @Override
    public String toString() {
      return "%s:%d%s%s%s%s%s %s of %s"
          .formatted(
              address,
              port,
              alive ? "" : " failed",
              takesNewFlows ? "" : " draining",
              nat ? " NAT" : "",
              agent ? " agent" : "",
              hosted ? " here" : "",
              encapsulation,
              listener);
    }
  }

  /** What the datapath counts of a backend. */
  static final class Counters {
    long packetsToBackend;
    long bytesToBackend;
    long packetsToClient;
    long bytesToClient;
    long flows;

    void toBackend(int bytes) {
      packetsToBackend++;
      bytesToBackend += bytes;
    }

    void toClient(int bytes) {
      packetsToClient++;
      bytesToClient += bytes;
    }

    @Override
    public String toString() {
      return "%d packets and %d bytes to it, %d and %d to clients, %d flows"
          .formatted(packetsToBackend, bytesToBackend, packetsToClient, bytesToClient, flows);
    }
  }

  /** The backend on this machine that a tag is of; null if there is none. */
  Backend endpoint(long tag) {
    for (Address address : addresses.values()) {
      for (Listener listener : address.listeners) {
        for (Backend backend : listener.backends) {
          if (backend.alive && backend.hosted && backend.tag == tag) {
            return backend;
          }
        }
      }
    }
    return null;
  }

  /**
   * Whether tunnels to an address end here. That is told by the address' byte of the filter alone,
   * so a few addresses of other machines are taken for this one's: the next one to IPv6 addresses
   * in which only the sixth group differs.
   */
  boolean isTunnelEnd(Ip ip) {
    long of = Hashes.address(ip) & 0xffff;
    return own.stream().anyMatch(mine -> (Hashes.address(mine) & 0xffff) == of);
  }

  boolean isNatPort(int port) {
    return port >= natFirst && port < natFirst + natCount;
  }
}
