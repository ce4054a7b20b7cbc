// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.agent.bgp.BirdControl.Line;
import io.xdplb.agent.bgp.BirdControl.Reply;
import io.xdplb.core.model.Ip;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What {@code show protocols all} says of a BGP protocol. Two that are equal have exported the
 * same.
 *
 * @param name of the protocol
 * @param state of BGP
 * @param since when it is up, or not
 * @param neighbor address, with the interface if it is link-local
 * @param lastError empty if there was none, or it is forgotten
 * @param counters lines about exported routes: how many, and of changes of them
 * @param withoutNextHop families ({@code ipv4}, {@code ipv6}) whose routes BIRD counts as exported
 *     but does not send, because the node has no address for them
 */
record ProtocolState(
    String name,
    String state,
    Optional<Instant> since,
    Optional<String> neighbor,
    Optional<String> lastError,
    List<String> counters,
    Set<String> withoutNextHop) {

  /**
   * BIRD tells times by a clock that only goes forward, and makes the wall clock's time of it anew
   * each time, so the same one differs a little. A session does not come back within a second.
   */
  private static final Duration SAME_TIME = Duration.ofMillis(500);

  private static final int ROW = 1002;
  private static final int COLUMNS = 6;
  private static final Pattern EPOCH = Pattern.compile("(\\d+)\\.(\\d{6})");
  private static final Pattern CHANNEL = Pattern.compile("\\s+Channel (\\S+)");
  private static final Pattern NOTHING_EXPORTED = Pattern.compile(".*\\b0 exported.*");

  /** An IPv6 link-local address would follow. */
  private static final Set<String> NO_NEXT_HOP = Set.of("::", "0.0.0.0");

  private static final Pattern DETAIL = Pattern.compile("\\s+([A-Z][A-Za-z ]+):\\s*(.*)");

  /** All of an answer's; none if it says that there are none. */
  static List<ProtocolState> parse(Reply reply) {
    List<ProtocolState> states = new ArrayList<>();
    for (int i = 0; i < reply.lines().size(); i++) {
      if (reply.lines().get(i).code() == ROW) {
        int end = i + 1;
        while (end < reply.lines().size() && reply.lines().get(end).code() != ROW) {
          end++;
        }
        states.add(parse(reply.lines().get(i).text(), reply.lines().subList(i + 1, end)));
      }
    }
    return states;
  }

  private static ProtocolState parse(String row, List<Line> details) {
    String[] columns = row.strip().split("\\s+", COLUMNS); // name type table state since info
    String state = "Down";
    Optional<String> neighbor = Optional.empty();
    Optional<String> lastError = Optional.empty();
    List<String> counters = new ArrayList<>();
    Set<String> withoutNextHop = new HashSet<>();
    String channel = "";
    String routes = "";
    for (Line line : details) {
      Matcher begins = CHANNEL.matcher(line.text());
      if (begins.matches()) {
        channel = begins.group(1);
      }
      Matcher detail = DETAIL.matcher(line.text());
      if (!detail.matches()) {
        continue;
      }
      String value = detail.group(2).strip();
      switch (detail.group(1)) {
        case "BGP state" -> state = value;
        case "Neighbor address" -> neighbor = Optional.of(value);
        case "Last error" -> lastError = Optional.of(value);
        case "Routes" -> {
          routes = value;
          counters.add(value);
        }
        case "Export updates", "Export withdraws" -> counters.add(value);
        case "BGP Next hop" -> {
          if (NO_NEXT_HOP.contains(value) && !NOTHING_EXPORTED.matcher(routes).matches()) {
            withoutNextHop.add(channel);
          }
        }
        default -> {} // nothing that we use
      }
    }
    return new ProtocolState(
        columns[0],
        state,
        instant(columns[4]),
        neighbor,
        lastError,
        List.copyOf(counters),
        Set.copyOf(withoutNextHop));
  }

  /** Whether nothing has happened between the two but changes of routes. */
  boolean isSameSession(ProtocolState other) {
    return state.equals(other.state)
        && since.isPresent()
        && other.since.isPresent()
        && Duration.between(since.get(), other.since.get()).abs().compareTo(SAME_TIME) < 0;
  }

  /** With another time. */
  ProtocolState since(Optional<Instant> time) {
    return new ProtocolState(name, state, time, neighbor, lastError, counters, withoutNextHop);
  }

  /** Whether the peer is sent what is exported to it of an address' family. */
  boolean sends(Ip address) {
    return !withoutNextHop.contains(address.isIpv4() ? "ipv4" : "ipv6");
  }

  /** Of a peer that BIRD does not know. */
  static SessionState absent(BgpPeer peer) {
    return new SessionState(
        peer.name(),
        SessionState.ABSENT,
        Optional.empty(),
        peer.address().map(Ip::toString),
        Optional.of("BIRD does not run a configuration with this peer"),
        Optional.empty(),
        Set.of());
  }

  /** The same for the agent. */
  SessionState session(BgpPeer peer, List<BfdSession> bfd, Set<Ip> exported) {
    return new SessionState(
        peer.name(),
        state,
        since,
        neighbor,
        state.equals(SessionState.ESTABLISHED) ? missing() : problem(peer),
        neighbor.flatMap(address -> BfdSession.find(bfd, address)).map(BfdSession::state),
        exported);
  }

  private Optional<String> missing() {
    return withoutNextHop.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "the node has no %s address on the way to it, so such routes are not announced"
                .formatted(
                    withoutNextHop.stream()
                        .map(family -> family.equals("ipv4") ? "IPv4" : "IPv6")
                        .sorted()
                        .collect(Collectors.joining(" and no "))));
  }

  private Optional<String> problem(BgpPeer peer) {
    return lastError.or(
        () ->
            switch (state) {
              case "Idle" ->
                  Optional.of(
                      peer.multihop().isPresent()
                          ? "not tried yet"
                          : peer.end() + " is in no network of an interface that is up");
              case "Connect", "Active" ->
                  Optional.of(
                      "no answer from %s port %d%s"
                          .formatted(
                              peer.end(),
                              peer.port(),
                              peer.password().isPresent()
                                  ? ": not reachable, or its password is another one"
                                  : ": not reachable, or it wants a password"));
              case "Passive" -> Optional.of("nobody has connected on the interface yet");
              default -> Optional.empty();
            });
  }

  private static Optional<Instant> instant(String text) {
    Matcher epoch = EPOCH.matcher(text);
    return epoch.matches()
        ? Optional.of(
            Instant.ofEpochSecond(
                Long.parseLong(epoch.group(1)), Long.parseLong(epoch.group(2)) * 1000))
        : Optional.empty();
  }
}
