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
 * @param emitted what the datapath made of it, for the one thing that is its own choice; empty if
 *     it was dropped
 * @param trace what the model thought
 */
record Arrival(
    Plain frame, IpPacket packet, int tags, int ifindex, byte[] emitted, List<Object> trace) {

  static Arrival of(Plain frame, int tags, int ifindex, byte[] emitted) {
    return new Arrival(
        frame,
        IpPacket.read(frame.bytes(), frame.ipv6()),
        tags,
        ifindex,
        emitted,
        new ArrayList<>());
  }

  /** The packet that was in it, or was made of it. */
  Arrival with(Plain other) {
    return new Arrival(
        other, IpPacket.read(other.bytes(), other.ipv6()), tags, ifindex, emitted, trace);
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
    if (emitted.length < Plain.MACS + tags + 2) {
      return false;
    }
    Plain out = Plain.of(emitted, tags);
    IpPacket sent = IpPacket.read(out.bytes(), out.ipv6());
    return sent != null
        && sent.destination().equals(destination)
        && !packet.destination().equals(destination);
  }

  /** The source port in what the datapath emitted, so many bytes behind its IP header; 0: none. */
  int emittedPort(int offset) {
    int at = Plain.MACS + tags + 2 + offset;
    return at + 2 <= emitted.length ? IpPacket.word(emitted, at) : 0;
  }
}
