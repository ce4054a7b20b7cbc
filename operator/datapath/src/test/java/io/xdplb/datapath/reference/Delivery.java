// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.reference.Flow.Kind;
import io.xdplb.datapath.reference.Table.Address;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.Listener;
import io.xdplb.datapath.reference.Table.Slot;
import java.util.Set;

/**
 * To a backend on this machine, whether it came by a tunnel or was balanced here: rows 22, 48 to
 * 50, 58, 61. Whose flow it is the machines find out among each other: what is not known here, and
 * is not surely new, is passed on to the slot's former owners one after the other.
 */
final class Delivery {
  /** How many former owners are asked about what may begin a flow. */
  private static final int ASKED_ABOUT_BEGINNINGS = 3;

  /** How often a packet is passed on as to the last one, where that one is not known. */
  private static final int STRAYS = 3;

  private final Machine machine;
  private final Forwarding forwarding;
  private final Answers answers;

  Delivery(Machine machine, Forwarding forwarding, Answers answers) {
    this.machine = machine;
    this.forwarding = forwarding;
    this.answers = answers;
  }

  /** Who is asked next, and how. */
  private record Ask(Backend owner, int control) {}

  Outcome deliver(Arrival arrival, Backend backend, int control) {
    arrival.note("here", backend, "control", control);
    IpPacket packet = arrival.packet();
    Listener listener = backend.listener;
    if (!backend.alive) {
      return Outcome.drop(DropReason.NOT_HOSTED);
    }
    if (!packet.faults().isEmpty()) {
      return Outcome.drop(packet.faults());
    }
    if ((control & Tunnels.NAT) != 0) {
      return forEndpointItself(arrival, backend);
    }
    if (packet.ports() == null) {
      return packet.isIcmp() && packet.extensions() == 0
          ? deliverError(arrival, IcmpError.read(packet), backend, control)
          : Outcome.drop(DropReason.NOT_HOSTED, DropReason.ICMP, DropReason.EXTENSION_HEADERS);
    }
    if (!packet.destination().equals(listener.address.ip)
        || packet.protocol() != listener.protocol
        || !listener.has(packet.ports().destination())) {
      return Outcome.drop(DropReason.NOT_HOSTED);
    }
    Set<DropReason> unfit = Machine.unfit(packet);
    if (!unfit.isEmpty()) {
      return Outcome.drop(unfit);
    }
    boolean told = listener.allows(packet.source());
    Flow flow = find(listener, packet);
    if (flow != null) {
      boolean another = flow.tcp() && packet.has(IpPacket.SYN) && flow.closed();
      if (!flow.backend.alive || another) {
        arrival.note("over:", flow);
        machine.flows().remove(flow);
        flow = null;
      }
    }
    if (flow == null) {
      Slot slot =
          listener.slot(packet.source(), packet.ports().source(), packet.ports().destination());
      // with affinity the edge knows where the client stays, and the slot's owners do not
      boolean chosen = listener.affinity && packet.begins();
      // where nobody takes a new flow it can only be an old one's
      boolean begins = chosen || packet.begins() && slot != null && slot.current() != null;
      Ask ask = chosen ? null : ask(slot, backend, backend.order(), control, begins, packet.tcp());
      if (ask != null && !ask.owner().hosted) {
        return forwarding.forward(arrival, ask.owner(), ask.control());
      }
      if (!begins) {
        return answers.refuse(arrival, DropReason.NO_OWNER, false, told);
      }
      flow = begin(arrival, ask == null ? backend : ask.owner());
      if (flow == null) {
        return answers.refuse(arrival, DropReason.TUPLE_IN_USE, false, told);
      }
    }
    return toEndpoint(arrival, flow);
  }

  /**
   * For an endpoint that is not here, to an address of ours: the sender's table is another one. The
   * round goes on without it.
   *
   * @param order its place in the order in which owners are asked
   */
  Outcome stray(Arrival arrival, Address address, long order, int control) {
    arrival.note("for nobody here, at", address, "control", control);
    IpPacket packet = arrival.packet();
    boolean judged = packet.faults().isEmpty() && packet.ports() != null;
    Listener listener =
        judged && (control & Tunnels.NAT) == 0
            ? address.listener(packet.protocol(), packet.ports().destination())
            : null;
    if (listener == null) {
      return answers.refuse(arrival, DropReason.NOT_HOSTED, false, true);
    }
    Flow flow = find(listener, packet);
    if (flow != null && flow.backend.alive) {
      return deliver(arrival, flow.backend, control);
    }
    Slot slot =
        listener.slot(packet.source(), packet.ports().source(), packet.ports().destination());
    Backend current = slot == null ? null : slot.current();
    boolean last = (control & Tunnels.FINAL) != 0;
    if (last || current != null && packet.begins()) {
      int number = last ? (control & Tunnels.MARK) + 1 : 0;
      if (current == null || !current.alive || current.nat || number > STRAYS) {
        return answers.refuse(arrival, DropReason.NOT_HOSTED, false, true);
      }
      return current.hosted
          ? deliver(arrival, current, Tunnels.FINAL | number)
          : forwarding.forward(arrival, current, Tunnels.FINAL | number);
    }
    Ask ask = ask(slot, null, order, control, false, packet.tcp());
    return ask == null
        ? answers.refuse(arrival, DropReason.NOT_HOSTED, false, true)
        : forwarding.forward(arrival, ask.owner(), ask.control());
  }

  /** Translated by the edge, which sees to the answer: row 62; or an error about such a flow. */
  private Outcome forEndpointItself(Arrival arrival, Backend backend) {
    IpPacket packet = arrival.packet();
    boolean about =
        packet.ports() == null
            ? packet.isIcmp()
            : packet.protocol() == backend.listener.protocol
                && (backend.port == 0 || backend.port == packet.ports().destination());
    if (about && packet.destination().equals(backend.address)) {
      return Outcome.pass(arrival.frame());
    }
    return packet.ports() == null
        ? Outcome.drop(DropReason.NOT_HOSTED, DropReason.EXTENSION_HEADERS)
        : Outcome.drop(DropReason.NOT_HOSTED);
  }

  private Flow find(Listener listener, IpPacket packet) {
    return machine
        .flows()
        .find(
            Kind.HOSTED,
            listener,
            packet.source(),
            packet.ports().source(),
            packet.ports().destination());
  }

  /** Null if the endpoint could not tell the flow from another one that it has: row 58. */
  private Flow begin(Arrival arrival, Backend backend) {
    IpPacket packet = arrival.packet();
    Flow flow =
        new Flow(
            Kind.HOSTED,
            backend,
            packet.source(),
            packet.ports().source(),
            packet.ports().destination());
    Flow other =
        machine
            .flows()
            .answered(
                packet.protocol(),
                backend.address,
                flow.backendPort,
                packet.source(),
                packet.ports().source());
    if (other != null) {
      boolean same = other.listener == flow.listener && other.vipPort == flow.vipPort;
      arrival.note("the endpoint has", other);
      if (!same && other.alive() && !other.closed()) {
        return null;
      }
      machine.flows().remove(other);
    }
    backend.counters.flows++;
    return machine.flows().add(flow);
  }

  private Outcome toEndpoint(Arrival arrival, Flow flow) {
    arrival.note("delivered:", flow);
    IpPacket packet = arrival.packet();
    flow.clientSays(packet.ports().flags());
    flow.backend.counters.toBackend(packet.length());
    Rewrite rewrite =
        new Rewrite(packet).destination(flow.backend.address).destinationPort(flow.backendPort);
    if (packet.has(IpPacket.SYN)) {
      Table table = machine.table();
      rewrite.mssAtMost(packet.ipv6() ? table.mssIpv6 : table.mssIpv4);
    }
    return Outcome.pass(arrival.frame().with(packet.ipv6(), rewrite.bytes()));
  }

  /**
   * Whom to ask about a flow that is not known here; null: nobody. The round is in the order of
   * tags. A packet that may begin a flow goes round while the slot has only just moved, and comes
   * back to the present owner, who takes it; that one may be here. Where the round began with
   * another present owner it begins anew, once; its last step is a present owner that was left out.
   */
  private static Ask ask(
      Slot slot, Backend asked, long order, int control, boolean begins, boolean tcp) {
    if (slot == null || (control & Tunnels.FINAL) != 0) {
      return null;
    }
    boolean unsettled = slot.history() != null && !slot.history().settled();
    if (begins && !unsettled) {
      return null;
    }
    Backend current = slot.current() != null && slot.current().alive ? slot.current() : null;
    int mark = (int) (control == 0 ? order : control) & Tunnels.MARK;
    int again = control & Tunnels.AGAIN;
    long from = (control & Tunnels.ROUND) == 0 ? 0 : order + 1;
    boolean leftOut = current != null && (control == 0 ? current != asked : current.mark() != mark);
    if (leftOut && again == 0) {
      again = Tunnels.AGAIN;
      mark = current.mark();
      leftOut = false;
      from = 0;
      if (canBeAsked(current) && current != asked) {
        return new Ask(current, again | mark);
      }
    }
    Backend next = null;
    int most = begins ? ASKED_ABOUT_BEGINNINGS : Table.History.MOST;
    for (int number = leftOut ? 0 : 1; number <= most; number++) {
      Backend owner = slot.owner(number);
      // who takes no new connections is not asked about them, and may be asked about datagrams
      boolean skipped = begins && tcp && owner != null && !owner.takesNewFlows;
      if (!skipped && canBeAsked(owner) && owner != asked && owner.order() >= from) {
        next = next == null || owner.order() < next.order() ? owner : next;
      }
    }
    if (next != null) {
      return new Ask(next, Tunnels.ROUND | again | mark);
    }
    if (begins) {
      return current != null && current != asked && !current.nat
          ? new Ask(current, Tunnels.FINAL)
          : null;
    }
    return (leftOut || unsettled) && canBeAsked(current) && current != asked
        ? new Ask(current, Tunnels.FINAL)
        : null;
  }

  /**
   * One on this machine would have its flows in the table that was looked into; NAT's have none.
   */
  private static boolean canBeAsked(Backend owner) {
    return owner != null && owner.alive && !owner.hosted && !owner.nat;
  }

  /** An ICMP error about a flow of an endpoint here, or of whoever knows it. */
  Outcome deliverError(Arrival arrival, IcmpError error, Backend backend, int control) {
    arrival.note("error for here", backend, "control", control);
    Listener listener = backend.listener;
    if (error == null
        || !backend.alive
        || !error.source().equals(listener.address.ip)
        || error.protocol() != listener.protocol
        || !listener.has(error.sourcePort())) {
      return Outcome.drop(DropReason.ICMP);
    }
    Flow flow =
        machine
            .flows()
            .find(
                Kind.HOSTED,
                listener,
                error.destination(),
                error.destinationPort(),
                error.sourcePort());
    if (flow == null) {
      Slot slot = listener.slot(error.destination(), error.destinationPort(), error.sourcePort());
      Ask ask = ask(slot, backend, backend.order(), control, false, false);
      return ask == null
          ? Outcome.drop(DropReason.ICMP)
          : forwarding.forward(arrival, ask.owner(), ask.control());
    }
    arrival.note("about", flow);
    IcmpError.Ends ends =
        new IcmpError.Ends(
            flow.backend.address,
            flow.backendPort,
            null,
            flow.clientPort,
            null,
            flow.backend.address);
    return Outcome.pass(arrival.frame().with(arrival.packet().ipv6(), error.between(ends, 0)));
  }
}
