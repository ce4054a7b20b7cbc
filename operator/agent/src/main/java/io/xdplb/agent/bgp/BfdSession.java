// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.agent.bgp.BirdControl.Reply;
import java.util.List;
import java.util.Optional;

/**
 * A row of {@code show bfd sessions}.
 *
 * @param address the peer's
 * @param device the interface; {@code ---} for several hops
 * @param state {@code Up}, {@code Init}, {@code Down}, {@code AdminDown}
 */
record BfdSession(String address, String device, String state) {

  private static final int COLUMNS = 6;

  /** All of an answer's; none if it is an error, as it is without BFD. */
  static List<BfdSession> parse(Reply reply) {
    return reply.lines().stream()
        .map(line -> line.text().strip().split("\\s+"))
        .filter(columns -> columns.length == COLUMNS)
        .map(columns -> new BfdSession(columns[0], columns[1], columns[2]))
        .toList();
  }

  /** That of a neighbor, which has its interface after a {@code %} if it is link-local. */
  static Optional<BfdSession> find(List<BfdSession> sessions, String neighbor) {
    String[] parts = neighbor.split("%", 2);
    return sessions.stream()
        .filter(session -> session.address.equals(parts[0]))
        .filter(session -> parts.length == 1 || session.device.equals(parts[1]))
        .findFirst();
  }
}
