// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.Listener;

/** A flow that is remembered. */
final class Flow {
  /** What is remembered it for. */
  enum Kind {
    /** Translated here. */
    NAT,
    /** Delivered to an endpoint here. */
    HOSTED,
    /** To a server that nobody can ask, in a slot that has moved. */
    REMEMBERED,
    /** A client that stays with its backend. */
    AFFINITY
  }

  final Kind kind;
  final Listener listener;
  final Ip client;
  final int clientPort;

  /** The port that the client speaks to. */
  final int vipPort;

  final Backend backend;
  final int backendPort;

  /** Ours towards the backend; 0 until it is known which one was chosen. */
  int natPort;

  /** Where the client's packets came from. */
  byte[] clientMac;

  int clientLink;

  /** The backend has said something. */
  boolean answered;

  private boolean finOfClient;
  private boolean finOfBackend;
  private boolean reset;

  Flow(Kind kind, Backend backend, Ip client, int clientPort, int vipPort) {
    this.kind = kind;
    this.listener = backend.listener;
    this.client = client;
    this.clientPort = clientPort;
    this.vipPort = vipPort;
    this.backend = backend;
    this.backendPort = backend.portFor(vipPort);
  }

  boolean tcp() {
    return listener.protocol == IpPacket.TCP;
  }

  /** It can carry packets: neither its VIP nor its backend is gone. */
  boolean alive() {
    return listener.alive && backend.alive;
  }

  /** A connection that both have ended or one has cut: a SYN on it begins another. */
  boolean closed() {
    return reset || finOfClient && finOfBackend;
  }

  void clientSays(int flags) {
    finOfClient |= (flags & IpPacket.FIN) != 0;
    reset |= (flags & IpPacket.RST) != 0;
  }

  void backendSays(int flags) {
    finOfBackend |= (flags & IpPacket.FIN) != 0;
    reset |= (flags & IpPacket.RST) != 0;
  }

  /** Who has ended it and how. */
  String ends() {
    return "%s%s%s"
        .formatted(
            finOfClient ? " FIN of the client" : "",
            finOfBackend ? " FIN of the backend" : "",
            reset ? " RST" : "");
  }

  /** The next connection of the same client, by the same ports. */
  void reopen() {
    finOfClient = false;
    finOfBackend = false;
    reset = false;
  }

  @Override
  public String toString() {
    return "%s flow %s:%d > :%d, port %d of ours, to port %d%s of %s"
        .formatted(
            kind,
            client,
            clientPort,
            vipPort,
            natPort,
            backendPort,
            closed() ? ", closed," : "",
            backend);
  }
}
