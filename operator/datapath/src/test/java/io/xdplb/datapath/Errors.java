// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Icmp;
import java.util.ArrayList;
import java.util.List;

/** ICMP errors as routers send them about a packet. */
final class Errors {
  private static final int SOURCE_QUENCH = 4;

  private Errors() {}

  /** A router somewhere between the VIP and its clients. */
  static String router(Kind kind) {
    return kind.client(120);
  }

  /**
   * One of every kind.
   *
   * @param about what the packet was that could not go on, or its beginning
   */
  static List<Frame> about(String from, String to, byte[] about) {
    List<Frame> errors = new ArrayList<>();
    boolean ipv6 = from.contains(":");
    errors.add(Icmp.tooBig(from, to, 1280, about));
    errors.add(Icmp.timeExceeded(from, to, about));
    errors.add(Icmp.portUnreachable(from, to, about));
    errors.add(Icmp.parameterProblem(from, to, 6, about));
    for (int code = 0; code < (ipv6 ? 8 : 16); code++) {
      errors.add(Icmp.error(from, to, ipv6 ? 1 : 3, code, ipv6 ? 0 : 1400, about));
    }
    errors.add(Icmp.error(from, to, ipv6 ? 3 : 11, 1, 0, about)); // in reassembly
    if (!ipv6) {
      errors.add(Icmp.error(from, to, SOURCE_QUENCH, 0, 0, about));
    }
    return errors;
  }

  /** What different routers quote of a packet: the least that RFC 792 asks for, more, all of it. */
  static List<byte[]> quotes(Kind kind, Frame packet) {
    List<byte[]> quotes = new ArrayList<>();
    Frame long_ = packet.payload(new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13});
    for (Frame shape : shapes(kind, long_)) {
      quotes.add(shape.quote(8));
      quotes.add(shape.quote(16)); // all of TCP's header before its checksum
      quotes.add(shape.quote(18));
      quotes.add(shape.quote(20));
      quotes.add(shape.ipPacket());
    }
    quotes.add(packet.quote(8));
    return quotes;
  }

  /** The packet with headers of other lengths. */
  static List<Frame> shapes(Kind kind, Frame packet) {
    List<Frame> shapes = new ArrayList<>(List.of(packet, packet.fragment(0, true)));
    if (kind.ipv6) {
      shapes.add(packet.extension(Frame.DESTINATION_OPTIONS, 24));
      shapes.add(packet.extension(Frame.HOP_BY_HOP).extension(Frame.DESTINATION_OPTIONS));
      shapes.add(packet.extension(Frame.HOP_BY_HOP).fragment(0, true));
    } else {
      shapes.add(packet.ipOptions(new byte[] {1, 1, 1, 1}));
      shapes.add(packet.ipOptions(new byte[40]));
    }
    if (kind == Kind.UDP4) {
      shapes.add(packet.withoutChecksum());
    }
    return shapes;
  }
}
