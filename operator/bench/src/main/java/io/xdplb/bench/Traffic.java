// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Frames for the tool: copies of one that differ in the addresses and ports of one IP header. The
 * checksums over those are kept right.
 *
 * @param frame complete
 * @param ip where the header begins that varies, in bytes from the frame's beginning
 * @param variation what varies
 * @param flows frames cycle through so many flows, from 1 to {@link #MOST_FLOWS}; 0: each frame is
 *     a new flow, also of those that are varied in turns with it
 * @param skip with {@code flows} 0: the number of the first one
 * @param vips to so many VIPs in turns, their addresses in a row
 */
record Traffic(byte[] frame, int ip, Variation variation, int flows, int skip, int vips) {

  /** 64 clients with 64,512 ports each; see traffic.h. */
  static final int MOST_FLOWS = 64 * 64512;

  private static final int ETHERNET = 14;

  enum Variation {
    SAME,
    /** The client's address and port. */
    FLOWS,
    /** All addresses and ports: those that answer what the last pass of {@link #FLOWS} became. */
    ANSWERS
  }

  /** All frames are the same. */
  static Traffic same(byte[] frame) {
    return new Traffic(frame, ETHERNET, Variation.SAME, 1, 0, 1);
  }

  /** Frames of so many flows to one VIP; the frame is the first client's. */
  static Traffic flows(byte[] frame, int flows) {
    return new Traffic(frame, ETHERNET, Variation.FLOWS, flows, 0, 1);
  }

  /** Each frame is a flow of its own. */
  static Traffic newFlows(byte[] frame) {
    return flows(frame, 0);
  }

  /** Answers to so many flows. */
  static Traffic answers(byte[] frame, int flows) {
    return new Traffic(frame, ETHERNET, Variation.ANSWERS, flows, 0, 1);
  }

  /** The same, spread over so many VIPs; the frame goes to the first. */
  Traffic over(int count) {
    return new Traffic(frame, ip, variation, flows, skip, count);
  }

  /** The same, varied in the IP header that another one carries. */
  Traffic inner(int offset) {
    return new Traffic(frame, offset, variation, flows, skip, vips);
  }

  Traffic from(int flow) {
    return new Traffic(frame, ip, variation, flows, flow, vips);
  }

  /** As the tool reads it. */
  String words() {
    String varied =
        switch (variation) {
          case SAME -> "";
          case FLOWS -> "vary=flows";
          case ANSWERS -> "vary=answers";
        };
    return Stream.concat(
            Stream.of("frame=" + HexFormat.of().formatHex(frame), "ip=" + ip, varied),
            List.of("flows=" + flows, "skip=" + skip, "vips=" + vips).stream())
        .filter(word -> !word.isEmpty())
        .collect(Collectors.joining(" "));
  }
}
