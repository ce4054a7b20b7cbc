// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.agent.bgp.BirdControl.Line;
import io.xdplb.agent.bgp.BirdControl.Reply;
import io.xdplb.core.model.Ip;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A BIRD that announces addresses for this node. It is a process of its own, which goes on when the
 * agent does not, and may be restarted at any time: all calls can be made again, every second for
 * instance, and cost little when nothing has changed.
 */
public final class Bird {

  private static final int RECONFIGURED = 3;
  private static final int RECONFIGURING = 4;
  private static final int QUEUED = 5;
  private static final int EVALUATED = 23;
  private static final Pattern POSITION = Pattern.compile(":(\\d+):\\d+ ");
  private static final Pattern ROUTE = Pattern.compile("(\\S+)/(?:32|128)\\s.*");

  private final BirdFiles files;
  private final BirdControl control;
  private final Optional<Path> log;
  private Map<String, Seen> seen = Map.of();
  private BgpSettings settings;
  private List<BgpRoute> routes = List.of();
  private BirdConfig wanted;
  private Optional<String> onDisk;
  private String refused = "";

  /**
   * Nothing is done yet.
   *
   * @param folder that BIRD and agent share and see at the same path, readable by none but them:
   *     {@code bird.conf} and {@code bird.ctl}. It should last as long as the node is up and no
   *     longer: below {@code /run}
   * @param log the file that BIRD logs to; if empty its standard error
   */
  public Bird(Path folder, Optional<Path> log) {
    this.files = new BirdFiles(folder);
    this.control = new BirdControl(files.socket());
    this.log = log;
  }

  /** Whether something was written for BIRD, by this agent or one before. */
  public boolean isConfigured() {
    return Files.exists(files.config());
  }

  /**
   * Has BIRD speak with these peers, and announce these routes and no others. Sessions whose
   * settings are as before go on. Does nothing if BIRD runs just that.
   *
   * @throws BirdException if it does not, with why: it is not there (it will begin with what was
   *     written for it), it refuses the configuration (what it did before goes on), or a file
   *     cannot be written
   * @throws IllegalArgumentException if one peer were to get one address twice
   */
  public synchronized void apply(BgpSettings settings, Collection<BgpRoute> routes)
      throws BirdException {
    if (wanted == null || !settings.equals(this.settings) || !this.routes.equals(routes)) {
      wanted = BirdConfig.of(settings, routes, log);
      this.settings = settings;
      this.routes = List.copyOf(routes);
    }
    if (onDisk == null) {
      onDisk = files.readConfig();
    }
    String running;
    try {
      running = running();
    } catch (BirdException e) {
      if (!refused.equals(wanted.id())) {
        write();
      }
      throw e;
    }
    if (running.equals(wanted.id())) {
      write();
    } else {
      load();
    }
  }

  /**
   * The sessions with the peers of the last {@link #apply}, each peer at least once, in the order
   * of their names.
   *
   * @throws BirdException if BIRD is not there
   */
  public synchronized List<SessionState> sessions() throws BirdException {
    if (settings == null || settings.peers().isEmpty()) {
      return List.of();
    }
    List<ProtocolState> protocols =
        ProtocolState.parse(
            control.ask("show protocols all \"%s\"".formatted(BirdConfig.allProtocols())));
    boolean anyBfd = settings.peers().stream().anyMatch(peer -> peer.bfd().isPresent());
    List<BfdSession> bfd = anyBfd ? BfdSession.parse(control.ask("show bfd sessions")) : List.of();
    Map<String, Seen> now = new HashMap<>();
    for (ProtocolState protocol : protocols) {
      now.put(protocol.name(), see(protocol));
    }
    seen = now;
    List<SessionState> sessions = new ArrayList<>();
    for (BgpPeer peer :
        settings.peers().stream().sorted(Comparator.comparing(BgpPeer::name)).toList()) {
      List<ProtocolState> ofPeer =
          protocols.stream()
              .filter(protocol -> protocol.name().startsWith(BirdConfig.children(peer.name())))
              .toList();
      if (ofPeer.isEmpty()) {
        ofPeer =
            protocols.stream()
                .filter(protocol -> protocol.name().equals(BirdConfig.protocol(peer.name())))
                .toList();
      }
      if (ofPeer.isEmpty()) {
        sessions.add(ProtocolState.absent(peer));
      }
      for (ProtocolState protocol : ofPeer) {
        Seen known = now.get(protocol.name());
        sessions.add(known.protocol.session(peer, bfd, known.exported));
      }
    }
    return sessions;
  }

  /** The identity of the configuration that BIRD runs; empty if it is none of ours. */
  private String running() throws BirdException {
    Reply reply = control.ask("eval " + BirdConfig.ID);
    return reply.code() == EVALUATED ? reply.last() : "";
  }

  private void load() throws BirdException {
    files.writeCandidate(wanted.text());
    Reply reply = control.ask("configure \"%s\"".formatted(files.candidate()));
    if (reply.code() != RECONFIGURED && reply.code() != RECONFIGURING && reply.code() != QUEUED) {
      refused = wanted.id();
      throw new BirdException("BIRD refuses its configuration: " + explain(reply.last()));
    }
    files.acceptCandidate();
    onDisk = Optional.of(wanted.text());
  }

  private void write() throws BirdException {
    if (!onDisk.equals(Optional.of(wanted.text()))) {
      files.writeCandidate(wanted.text());
      files.acceptCandidate();
      onDisk = Optional.of(wanted.text());
    }
  }

  /** Adds the line that BIRD complains about, unless it has a password. */
  private String explain(String complaint) {
    Matcher position = POSITION.matcher(complaint);
    if (!position.find()) {
      return complaint;
    }
    return wanted
        .text()
        .lines()
        .skip(Integer.parseInt(position.group(1)) - 1L)
        .findFirst()
        .filter(line -> !line.contains("password"))
        .map(line -> complaint + " in \"" + line.strip() + "\"")
        .orElse(complaint);
  }

  /**
   * What is known of a session from an earlier look, else from this one.
   *
   * @param protocol as it was when {@code exported} was read
   */
  private record Seen(ProtocolState protocol, Set<Ip> exported) {}

  /** Exported routes are read again only when BIRD's counters say so: there may be thousands. */
  private Seen see(ProtocolState protocol) throws BirdException {
    Seen before = seen.get(protocol.name());
    if (before != null && before.protocol.isSameSession(protocol)) {
      if (before.protocol.counters().equals(protocol.counters())) {
        return new Seen(protocol.since(before.protocol.since()), before.exported);
      }
      protocol = protocol.since(before.protocol.since());
    }
    Set<Ip> exported =
        protocol.state().equals(SessionState.ESTABLISHED) ? readExported(protocol) : Set.of();
    return new Seen(protocol, exported);
  }

  private Set<Ip> readExported(ProtocolState protocol) throws BirdException {
    Reply reply = control.ask("show route exported '%s'".formatted(protocol.name()));
    if (reply.isError()) {
      return Set.of(); // a channel that is not up yet has no table
    }
    return reply.lines().stream()
        .map(Line::text)
        .map(ROUTE::matcher)
        .filter(Matcher::matches)
        .map(route -> Ip.parse(route.group(1)))
        .filter(protocol::sends)
        .collect(Collectors.toUnmodifiableSet());
  }
}
