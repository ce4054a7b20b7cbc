// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;

/**
 * A packet on its way through the model.
 *
 * @param frame without tags
 * @param tags how many bytes of tags there were
 * @param ifindex where it came in
 * @param vlan on which LAN, see {@link Announcing#vlan}
 * @param emitted what the datapath made of it, for the one thing that is its own choice; empty if
 *     it was dropped
 * @param trace what the model thought
 */
record Arrival(
    Plain frame,
    IpPacket packet,
    int tags,
    int ifindex,
    int vlan,
    byte[] emitted,
    List<Object> trace) {

  static Arrival of(Plain frame, int tags, int ifindex, int vlan, byte[] emitted) {
    return new Arrival(
        frame,
        IpPacket.read(frame.bytes(), frame.ipv6()),
        tags,
        ifindex,
        vlan,
        emitted,
        new ArrayList<>());
  }

  /** The packet that was in it, or was made of it. */
  Arrival with(Plain other) {
    return new Arrival(
        other, IpPacket.read(other.bytes(), other.ipv6()), tags, ifindex, vlan, emitted, trace);
  }

  /** A step of the model; put together to a text only when somebody asks. */
  void note(Object... said) {
    trace.add(said);
  }

  String thoughts() {
    StringJoiner text = new StringJoiner("\n");
    for (Object line : trace) {
      StringJoiner words = new StringJoiner(" ");
      for (Object word : (Object[]) line) {
        words.add(String.valueOf(word));
      }
      text.add("  " + words);
    }
    return text.toString();
  }

  /** Whether the datapath made a packet to this address of it. */
  boolean emittedTo(Ip destination) {
    return destination.equals(emittedTo()) && !packet.destination().equals(destination);
  }

  /**
   * Whether it made one to this address and port of it, where the IP header is as long as it was.
   */
  boolean emittedTo(Ip destination, int port) {
    return destination.equals(emittedTo())
        && emittedPort(packet.layer4() + 2) == port
        && (packet.ports().destination() != port || !packet.destination().equals(destination));
  }

  private Ip emittedTo() {
    if (emitted.length < Plain.MACS + tags + 2) {
      return null;
    }
    Plain out = Plain.of(emitted, tags);
    IpPacket sent = IpPacket.read(out.bytes(), out.ipv6());
    return sent == null ? null : sent.destination();
  }

  /** A port in what the datapath emitted, so many bytes from its IP header on; 0: none. */
  int emittedPort(int offset) {
    int at = Plain.MACS + tags + 2 + offset;
    return at + 2 <= emitted.length ? IpPacket.word(emitted, at) : 0;
  }
}
