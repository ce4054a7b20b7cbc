// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.datapath.reference.Flow.Kind;
import io.xdplb.datapath.reference.IpPacket.Ports;

/**
 * What leaves this machine: the answers of endpoints here leave as the VIP's (rows 48, 51, 57), all
 * else as it is. The kernel's own checks have been made: what comes here is well-formed.
 */
final class ReferenceEgress {
  private final Machine machine;
  private final Translation translation;

  /**
   * What leaves.
   *
   * @param toSelf its frame is addressed to this machine
   * @param redirected it is led elsewhere than the kernel had meant to
   * @param orAsItWas it may be left alone as well: its backend has failed, and nobody waits for it
   */
  record Left(byte[] packet, boolean toSelf, boolean redirected, boolean orAsItWas) {}

  ReferenceEgress(Machine machine, Translation translation) {
    this.machine = machine;
    this.translation = translation;
  }

  /** Null for what is left alone. */
  Left leave(Arrival arrival) {
    IpPacket packet = arrival.packet();
    if (packet == null || packet.extensions() > 0 || !packet.faults().isEmpty()) {
      return null;
    }
    if (packet.isIcmp()) {
      return error(arrival, IcmpError.read(packet));
    }
    if (packet.ports() == null) {
      return null;
    }
    Left translated = translated(arrival);
    return translated == null ? answer(arrival) : translated;
  }

  /** The answer of a backend here to a translated flow, of which it saw the VIP as the source. */
  private Left translated(Arrival arrival) {
    IpPacket packet = arrival.packet();
    Ports ports = packet.ports();
    Flow flow =
        translation.find(
            arrival, packet.protocol(), packet.source(), ports.source(), ports.destination());
    if (flow == null
        || !flow.alive()
        || !flow.backend.hosted
        || !packet.destination().equals(flow.listener.address.ip)) {
      return null;
    }
    arrival.note("answer of", flow);
    flow.backendSays(ports.flags());
    flow.backend.counters.toClient(packet.length());
    byte[] out =
        new Rewrite(packet)
            .source(flow.listener.address.ip)
            .sourcePort(flow.vipPort)
            .destination(flow.client)
            .destinationPort(flow.clientPort)
            .bytes();
    return new Left(out, machine.table().isTunnelEnd(flow.client), true, false);
  }

  private Left answer(Arrival arrival) {
    IpPacket packet = arrival.packet();
    Ports ports = packet.ports();
    Flow flow =
        machine
            .flows()
            .answered(
                packet.protocol(),
                packet.source(),
                ports.source(),
                packet.destination(),
                ports.destination());
    if (flow == null || !flow.listener.alive) {
      return null;
    }
    arrival.note("answer of", flow);
    flow.backendSays(ports.flags());
    flow.backend.counters.toClient(packet.length());
    Rewrite rewrite = new Rewrite(packet).source(flow.listener.address.ip).sourcePort(flow.vipPort);
    if (packet.has(IpPacket.SYN) && packet.has(IpPacket.ACK)) {
      Table table = machine.table();
      rewrite.mssAtMost(packet.ipv6() ? table.mssIpv6 : table.mssIpv4);
    }
    return new Left(rewrite.bytes(), false, false, !flow.backend.alive);
  }

  /** An error of the endpoint's, or of this machine's, about what a client sent to it. */
  private Left error(Arrival arrival, IcmpError error) {
    Flow flow =
        error == null
            ? null
            : machine
                .flows()
                .answered(
                    error.protocol(),
                    error.destination(),
                    error.destinationPort(),
                    error.source(),
                    error.sourcePort());
    if (flow == null || !flow.listener.alive || flow.kind != Kind.HOSTED) {
      return null;
    }
    arrival.note("error about", flow);
    IcmpError.Ends ends =
        new IcmpError.Ends(
            flow.client,
            flow.clientPort,
            flow.listener.address.ip,
            flow.vipPort,
            flow.listener.address.ip,
            flow.client);
    return new Left(error.between(ends, 0), false, false, false);
  }
}
