// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.reference.Flow.Kind;
import io.xdplb.datapath.reference.IpPacket.Ports;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.History;
import io.xdplb.datapath.reference.Table.Listener;
import io.xdplb.datapath.reference.Table.Slot;
import java.util.List;
import java.util.Set;

/** From a listener to the backend of a packet: rows 30 to 34, 37, 39, 40, 42, 55 to 57. */
final class Balancing {
  private final Machine machine;
  private final Translation translation;
  private final Forwarding forwarding;
  private final Delivery delivery;
  private final Answers answers;

  Balancing(
      Machine machine,
      Translation translation,
      Forwarding forwarding,
      Delivery delivery,
      Answers answers) {
    this.machine = machine;
    this.translation = translation;
    this.forwarding = forwarding;
    this.delivery = delivery;
    this.answers = answers;
  }

  /**
   * A whole packet with ports.
   *
   * @param balanced it came by a tunnel: only a backend here may have it
   */
  Outcome balance(Arrival arrival, Listener listener, boolean balanced) {
    arrival.note("for", listener);
    IpPacket packet = arrival.packet();
    Set<DropReason> objections = Machine.objections(packet, listener);
    if (balanced && listener.hosted == null) {
      objections.add(DropReason.NOT_HOSTED);
    }
    if (!objections.isEmpty()) {
      return Outcome.drop(objections);
    }
    if (listener.hosted != null) {
      return delivery.deliver(arrival, listener.hosted, Tunnels.FINAL);
    }
    Ports ports = packet.ports();
    Ip client = packet.source();
    Flow flow = translation.find(listener, client, ports.source(), ports.destination());
    boolean orphaned = false;
    if (flow != null) {
      boolean another = packet.tcp() && packet.has(IpPacket.SYN) && flow.closed();
      if (flow.backend.alive && (!another || flow.backend.takesNewFlows)) {
        if (another) {
          flow.reopen();
        }
        return translation.toBackend(arrival, flow);
      }
      arrival.note("over:", flow);
      machine.flows().remove(flow);
      orphaned = true;
    }
    Slot slot = listener.slot(client, ports.source(), ports.destination());
    Backend backend = slot == null ? null : slot.current();
    if (listener.affinity) {
      backend = affine(arrival, listener, backend, orphaned);
    }
    if (backend == null && !(packet.tcp() && packet.begins())) {
      backend = newestOwner(slot);
    }
    if (backend == null || !backend.alive) {
      return answers.refuse(arrival, DropReason.NO_BACKEND, true, listener.reject);
    }
    if (translates(backend, client)) {
      // of a backend that has failed: another one resets it, so that the client can go on (row 33)
      return packet.begins() || orphaned
          ? translation.toBackend(arrival, translation.begin(arrival, backend))
          : Outcome.drop(DropReason.NO_FLOW);
    }
    if (backend.hosted) {
      return delivery.deliver(arrival, backend, 0);
    }
    return to(backend.agent ? backend : remembered(arrival, listener, slot, backend), arrival);
  }

  private Outcome to(Backend backend, Arrival arrival) {
    return backend.hosted
        ? delivery.deliver(arrival, backend, 0)
        : forwarding.forward(arrival, backend, 0);
  }

  /**
   * Whether the source is translated. A node's address is what its pods have behind masquerading:
   * the node of the endpoint must not meet its own as a source from outside.
   */
  private boolean translates(Backend backend, Ip client) {
    if (backend.nat || !machine.table().peers.contains(client)) {
      return backend.nat;
    }
    return backend.hosted ? machine.table().own.contains(client) : backend.agent;
  }

  /** Row 39: with whom the client has stayed, or now begins to stay: the ring's. */
  private Backend affine(Arrival arrival, Listener listener, Backend current, boolean orphaned) {
    Ip client = arrival.packet().source();
    Flow stays = machine.flows().affinity(listener, client);
    if (stays != null) {
      // one that takes no new flows any more is only for the flows that it has
      if (stays.backend.alive && (stays.backend.takesNewFlows || !arrival.packet().begins())) {
        arrival.note("stays:", stays);
        return stays.backend;
      }
      arrival.note("stays no longer:", stays);
      machine.flows().remove(stays);
    }
    if (current != null && current.alive && !orphaned) { // an orphan is only to be reset
      machine.flows().add(new Flow(Kind.AFFINITY, current, client, 0, 0));
    }
    return current;
  }

  /**
   * In a slot that has moved, and with a server that nobody can ask: a packet that begins no flow
   * was there before the slot moved, unless it is remembered. A datagram may have been there,
   * unless it is known where its client stays.
   */
  private Backend remembered(Arrival arrival, Listener listener, Slot slot, Backend backend) {
    if (slot == null || slot.history() == null) {
      return backend;
    }
    IpPacket packet = arrival.packet();
    Ports ports = packet.ports();
    Flow known =
        machine
            .flows()
            .find(Kind.REMEMBERED, listener, packet.source(), ports.source(), ports.destination());
    if (known != null) {
      boolean another = packet.tcp() && packet.has(IpPacket.SYN) && known.closed();
      if (known.backend.alive && !known.backend.nat && !another) {
        arrival.note("remembered:", known);
        known.clientSays(ports.flags());
        return known.backend;
      }
      arrival.note("over:", known);
      machine.flows().remove(known);
    }
    boolean stays =
        listener.affinity && machine.flows().affinity(listener, packet.source()) != null;
    boolean mayBeOld = packet.udp() ? !stays : !packet.begins();
    Backend former = mayBeOld ? formerOwner(slot.history(), packet.udp()) : null;
    Backend owner = former == null ? backend : former;
    arrival.note("to be remembered:", owner);
    owner.counters.flows++;
    machine
        .flows()
        .add(
            new Flow(Kind.REMEMBERED, owner, packet.source(), ports.source(), ports.destination()));
    return owner;
  }

  /** All are draining, and the flows that there are go on; null: there are none. */
  private static Backend newestOwner(Slot slot) {
    return slot == null || slot.history() == null
        ? null
        : slot.history().owners().stream()
            .filter(owner -> owner.alive && !owner.nat)
            .findFirst()
            .orElse(null);
  }

  /**
   * The oldest one that there still is, and that gets packets as they are; null if there is none.
   */
  private static Backend formerOwner(History history, boolean udp) {
    if (udp && history.settled()) {
      return null; // a datagram does not say whether it begins a flow
    }
    List<Backend> owners = history.owners();
    for (int i = owners.size() - 1; i >= 0; i--) {
      if (owners.get(i).alive && !owners.get(i).nat) {
        return owners.get(i);
      }
    }
    return null;
  }

  /**
   * An ICMP error about a flow of a listener's: to the backend that has the flow. Rows 14 to 16.
   */
  Outcome errorToBackend(Arrival arrival, IcmpError error, Listener listener) {
    arrival.note("error for", listener);
    if (listener.hosted != null) {
      return delivery.deliverError(arrival, error, listener.hosted, Tunnels.FINAL);
    }
    Ip client = error.destination();
    Flow flow = translation.find(listener, client, error.destinationPort(), error.sourcePort());
    if (flow != null) {
      return translation.errorToBackend(arrival, error, flow);
    }
    Slot slot = listener.slot(client, error.destinationPort(), error.sourcePort());
    Backend backend = slot == null ? null : slot.current();
    Flow stays = listener.affinity ? machine.flows().affinity(listener, client) : null;
    if (stays != null && stays.backend.alive) {
      backend = stays.backend;
    }
    if (backend == null) {
      backend = newestOwner(slot);
    }
    if (backend == null || !backend.alive || backend.nat) {
      return Outcome.drop(DropReason.ICMP);
    }
    if (!backend.hosted && !backend.agent && slot != null && slot.history() != null) {
      Flow known =
          machine
              .flows()
              .find(Kind.REMEMBERED, listener, client, error.destinationPort(), error.sourcePort());
      Backend former = formerOwner(slot.history(), false);
      if (known != null && known.backend.alive && !known.backend.nat) {
        backend = known.backend;
      } else if (former != null) {
        backend = former;
      }
    }
    return backend.hosted
        ? delivery.deliverError(arrival, error, backend, 0)
        : forwarding.forward(arrival, backend, 0);
  }
}
