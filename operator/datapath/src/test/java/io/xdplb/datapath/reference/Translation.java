// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.reference.Flow.Kind;
import io.xdplb.datapath.reference.Routes.Here;
import io.xdplb.datapath.reference.Routes.Hop;
import io.xdplb.datapath.reference.Routes.Nowhere;
import io.xdplb.datapath.reference.Routes.Way;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.Encapsulation;
import io.xdplb.datapath.reference.Table.Listener;

/** NAT, both ways: rows 19, 44 to 46, 56, 57, 62. */
final class Translation {
  private final Machine machine;
  private final Forwarding forwarding;
  private final Answers answers;

  Translation(Machine machine, Forwarding forwarding, Answers answers) {
    this.machine = machine;
    this.forwarding = forwarding;
    this.answers = answers;
  }

  Flow begin(Arrival arrival, Backend backend) {
    IpPacket packet = arrival.packet();
    Flow flow =
        new Flow(
            Kind.NAT,
            backend,
            packet.source(),
            packet.ports().source(),
            packet.ports().destination());
    backend.counters.flows++;
    return machine.flows().add(flow);
  }

  Outcome toBackend(Arrival arrival, Flow flow) {
    arrival.note("translated:", flow);
    IpPacket packet = arrival.packet();
    Backend backend = flow.backend;
    boolean tunnel = backend.encapsulation != Encapsulation.NONE;
    if (!backend.hosted) {
      Outcome tooBig = forwarding.tooBig(arrival, backend);
      if (tooBig != null) {
        return tooBig;
      }
      if (!tunnel && !(forwarding.way(backend) instanceof Hop)) {
        return Outcome.drop(Forwarding.reason(forwarding.way(backend)));
      }
    }
    if (!flow.answered) { // from then on it is only looked at now and then
      flow.clientMac = arrival.frame().sourceMac();
      flow.clientLink = arrival.ifindex();
    }
    flow.clientSays(packet.ports().flags());
    // a backend here sees the VIP, so that its answer goes out again and can be translated
    Ip source = backend.hosted ? packet.destination() : backend.natAddress;
    byte[] translated =
        new Rewrite(packet)
            .source(source)
            .sourcePort(natPort(arrival, flow, overhead(backend) + packet.layer4()))
            .destination(backend.address)
            .destinationPort(flow.backendPort)
            .ttl(packet.ttl() - 1)
            .bytes();
    Arrival onwards = arrival.with(arrival.frame().with(packet.ipv6(), translated));
    if (backend.hosted) {
      backend.counters.toBackend(packet.length());
      return Outcome.pass(onwards.frame());
    }
    return forwarding.forward(onwards, backend, Tunnels.NAT);
  }

  private static int overhead(Backend backend) {
    return backend.hosted ? 0 : Tunnels.overhead(backend);
  }

  /**
   * The datapath's own choice: any port of the range that no other flow has, and then for good.
   *
   * @param offset where it is in what the datapath emitted, behind the first IP header
   */
  private int natPort(Arrival arrival, Flow flow, int offset) {
    if (flow.natPort == 0) {
      int port = arrival.emittedPort(offset);
      boolean may = machine.table().isNatPort(port) && machine.flows().isFree(flow, port);
      arrival.note("the datapath chose port", port, may ? "" : "which it may not have");
      if (may) {
        machine.flows().setNatPort(flow, port);
      }
    }
    return flow.natPort;
  }

  /**
   * The flow that has a port of ours towards a backend. Of one whose port is not known yet the
   * datapath tells it now, by what it has made of the packet.
   */
  Flow find(Arrival arrival, int protocol, Ip backend, int backendPort, int natPort) {
    Flow known = machine.flows().translated(protocol, backend, backendPort, natPort);
    if (known != null || !machine.table().isNatPort(natPort)) {
      return known;
    }
    IpPacket packet = arrival.packet();
    for (Flow flow : machine.flows().unseen(protocol, backend, backendPort)) {
      boolean is =
          packet.ports() == null // an error
              ? arrival.emittedTo(flow.client)
              : arrival.emittedTo(flow.client, flow.clientPort);
      if (flow.alive() && is) {
        arrival.note("the datapath has chosen port", natPort, "for", flow);
        machine.flows().setNatPort(flow, natPort);
        return flow;
      }
    }
    return null;
  }

  /** Null if the packet is no answer to a translated flow. */
  Outcome answer(Arrival arrival) {
    IpPacket packet = arrival.packet();
    if (packet.ports() == null || packet.extensions() > 0) {
      return null;
    }
    Flow flow =
        find(
            arrival,
            packet.protocol(),
            packet.source(),
            packet.ports().source(),
            packet.ports().destination());
    if (flow == null || !flow.alive() || !packet.destination().equals(flow.backend.natAddress)) {
      return null;
    }
    arrival.note("answer of", flow);
    if (packet.ttl() <= 1) {
      return Outcome.drop(DropReason.TTL_EXCEEDED);
    }
    flow.answered = true;
    flow.backendSays(packet.ports().flags());
    flow.backend.counters.toClient(packet.length());
    byte[] translated =
        new Rewrite(packet)
            .source(flow.listener.address.ip)
            .sourcePort(flow.vipPort)
            .destination(flow.client)
            .destinationPort(flow.clientPort)
            .ttl(packet.ttl() - 1)
            .bytes();
    return toClient(arrival, flow, translated);
  }

  /**
   * By the kernel's routes; a client that the kernel does not know: to where its packets come from.
   */
  private Outcome toClient(Arrival arrival, Flow flow, byte[] translated) {
    Plain frame = arrival.frame();
    Way way = machine.routes().to(flow.client);
    // whom no route leads to, and who shares this machine's byte of the filter, is taken for it
    boolean noRoute = way instanceof Nowhere nowhere && nowhere.reason() == DropReason.NO_ROUTE;
    if (way instanceof Here || noRoute && machine.table().isTunnelEnd(flow.client)) {
      return Outcome.pass(frame.with(frame.ipv6(), translated));
    }
    int link = way instanceof Hop hop ? hop.ifindex() : flow.clientLink;
    byte[] to = way instanceof Hop hop ? hop.destinationMac() : flow.clientMac;
    byte[] from = link == arrival.ifindex() ? frame.destinationMac() : machine.routes().mac(link);
    return Outcome.send(Plain.between(to, from, frame.ipv6(), translated), link, arrival.ifindex());
  }

  /** Null if it is no error about one of our translations. Row 19. */
  Outcome errorOnTheWay(Arrival arrival, IcmpError error) {
    if (error == null) {
      return null;
    }
    Flow flow =
        find(
            arrival,
            error.protocol(),
            error.destination(),
            error.destinationPort(),
            error.sourcePort());
    if (flow == null || !flow.alive() || !error.source().equals(flow.backend.natAddress)) {
      return null;
    }
    arrival.note("error about", flow);
    if (arrival.packet().ttl() <= 1) {
      return Outcome.drop(DropReason.TTL_EXCEEDED);
    }
    Ip vip = flow.listener.address.ip;
    IcmpError.Ends ends =
        new IcmpError.Ends(flow.client, flow.clientPort, vip, flow.vipPort, vip, flow.client);
    return answers.send(arrival, flow.client, error.between(ends, 1));
  }

  /** An error from the client's side about a translated flow: rows 14 to 16. */
  Outcome errorToBackend(Arrival arrival, IcmpError error, Flow flow) {
    arrival.note("error about", flow);
    Backend backend = flow.backend;
    if (!backend.alive) {
      return Outcome.drop(DropReason.ICMP);
    }
    boolean tunnel = backend.encapsulation != Encapsulation.NONE;
    Way way = forwarding.way(backend);
    if (!backend.hosted && !tunnel && !(way instanceof Hop)) {
      return Outcome.drop(Forwarding.reason(way));
    }
    Ip here = backend.hosted ? flow.listener.address.ip : backend.natAddress;
    IcmpError.Ends ends =
        new IcmpError.Ends(
            backend.address,
            flow.backendPort,
            here,
            natPort(arrival, flow, overhead(backend) + error.quotedLayer4() + 2),
            here,
            backend.address);
    boolean ipv6 = arrival.packet().ipv6();
    Arrival onwards = arrival.with(arrival.frame().with(ipv6, error.between(ends, 1)));
    if (backend.hosted) {
      return Outcome.pass(onwards.frame());
    }
    if (tunnel) {
      return forwarding.forward(onwards, backend, Tunnels.NAT);
    }
    Outcome tooBig = forwarding.tooBig(arrival, backend);
    return tooBig == null ? forwarding.plain(onwards, (Hop) way) : tooBig;
  }

  /** The translated flow of a client. */
  Flow find(Listener listener, Ip client, int clientPort, int vipPort) {
    return machine.flows().find(Kind.NAT, listener, client, clientPort, vipPort);
  }
}
