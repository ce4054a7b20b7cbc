// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.agent.bgp.BgpPeer;
import io.xdplb.agent.bgp.BgpRoute;
import io.xdplb.agent.bgp.BgpSettings;
import io.xdplb.agent.bgp.Bird;
import io.xdplb.agent.bgp.BirdException;
import io.xdplb.agent.bgp.BirdProcess;
import io.xdplb.agent.bgp.SessionState;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.Bgp;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.NodeStateStatus.Session;
import io.xdplb.core.model.Ip;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has BIRD announce routes to routers, and reads back what it did. Stopping it changes nothing:
 * BIRD goes on.
 */
public final class BgpAnnouncer implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(BgpAnnouncer.class);

  /** How often BIRD is asked what it does, and told again what it should. */
  private static final long INTERVAL_MS = 1000;

  /**
   * What there is to announce, to whom and as whom; as one, because peers and routes go together.
   */
  private record Wanted(List<Ip> own, List<Router> routers, Map<Ip, List<Bgp>> routes) {}

  private record Attributes(Set<String> communities, OptionalLong localPreference) {}

  private final Bird bird;
  private final Optional<BirdProcess> process;
  private final Thread thread;
  private Consumer<BgpReport> listener;

  // Guarded by this:
  private Wanted wanted = new Wanted(List.of(), List.of(), Map.of());
  private boolean isNew;
  private boolean isStopped;

  // Of the thread.
  private Optional<Ip> routerId = Optional.empty();
  private String failed = "";
  private BgpReport reported = BgpReport.NOTHING;

  private BgpAnnouncer(Bird bird, Optional<BirdProcess> process) {
    this.bird = bird;
    this.process = process;
    thread = new Thread(this::run, "bgp");
    thread.setDaemon(true);
  }

  /**
   * With a BIRD that somebody else starts: in Kubernetes a container of its own.
   *
   * @param folder that it has its configuration and its socket in
   */
  public static BgpAnnouncer beside(Path folder) {
    return new BgpAnnouncer(new Bird(folder, Optional.empty()), Optional.empty());
  }

  /**
   * With a BIRD that is started when there is the first peer, and outlives this process.
   *
   * @param folder that it has its configuration and its socket in
   */
  public static BgpAnnouncer starting(Path folder) {
    BirdProcess process = new BirdProcess(List.of(BirdProcess.PROGRAM), folder);
    return new BgpAnnouncer(new Bird(folder, Optional.of(process.log())), Optional.of(process));
  }

  /**
   * Begins.
   *
   * @param listener hears of each change, on the thread
   */
  void start(Consumer<BgpReport> listener) {
    this.listener = listener;
    thread.start();
  }

  /**
   * Says what there is to announce.
   *
   * @param own addresses of this node, the preferred one first: an IPv4 address among them is what
   *     it is known by
   * @param routers that this node speaks with
   */
  synchronized void want(Collection<Ip> own, List<Router> routers, Map<Ip, List<Bgp>> routes) {
    Wanted now = new Wanted(List.copyOf(own), List.copyOf(routers), Map.copyOf(routes));
    isNew |= !now.equals(wanted);
    wanted = now;
    notifyAll();
  }

  private synchronized Optional<Wanted> next() {
    try {
      if (!isNew && !isStopped) {
        wait(INTERVAL_MS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
    isNew = false;
    return isStopped ? Optional.empty() : Optional.of(wanted);
  }

  private void run() {
    for (Optional<Wanted> now = next(); now.isPresent(); now = next()) {
      try {
        tell(report(now.get()));
      } catch (RuntimeException e) {
        log.error("cannot speak with BIRD; going on", e);
      }
    }
  }

  private BgpReport report(Wanted now) {
    if (now.routers().isEmpty() && !bird.isConfigured()) {
      return BgpReport.NOTHING; // nobody wants BGP, and there may be no BIRD
    }
    SortedMap<String, Session> sessions = new TreeMap<>();
    List<BgpPeer> peers = new ArrayList<>();
    for (Router router : now.routers()) {
      try {
        peers.add(router.peer(now.own()));
      } catch (IllegalArgumentException e) {
        sessions.put(router.name(), new Session(router.name(), "Invalid", cut(e.getMessage())));
      }
    }
    SortedSet<Ip> routes = new TreeSet<>();
    String failure = apply(now, peers, sessions, routes);
    for (BgpPeer peer : peers) {
      sessions.computeIfAbsent(
          peer.name(), name -> new Session(name, SessionState.ABSENT, cut(failure)));
    }
    return new BgpReport(routes, sessions.values().stream().map(this::steady).toList());
  }

  /** Answers what failed; empty if nothing did. */
  private String apply(
      Wanted now, List<BgpPeer> peers, Map<String, Session> sessions, Set<Ip> routes) {
    String failure = "";
    try {
      // Another one would reset all sessions.
      routerId =
          routerId
              .filter(now.own()::contains)
              .or(() -> now.own().stream().filter(Ip::isIpv4).findFirst());
      Ip id =
          routerId.orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "this node has no IPv4 address that it could be known by"));
      if (process.isPresent() && process.get().ensureRunning()) {
        log.info("BIRD started");
      }
      BgpSettings settings = new BgpSettings(id, BgpSettings.DEFAULT_LISTEN_PORT, peers);
      bird.apply(settings, routes(now));
    } catch (BirdException | IllegalArgumentException e) {
      failure = e.getMessage();
    }
    if (!failure.equals(failed)) {
      failed = failure;
      if (failure.isEmpty()) {
        log.info("BIRD has its configuration");
      } else {
        log.warn("BGP: {}; will try again", failure);
      }
    }
    try {
      for (SessionState session : bird.sessions()) {
        sessions.merge(session.peer(), session(session), BgpAnnouncer::better);
        routes.addAll(session.exported());
      }
    } catch (BirdException e) {
      failure = failure.isEmpty() ? e.getMessage() : failure;
    }
    return failure;
  }

  private static Session session(SessionState state) {
    return new Session(
        state.peer(), state.state(), cut(state.problem().filter(p -> !p.isEmpty()).orElse(null)));
  }

  /** The next attempt that fails as the one before did is no news, whatever state it is in. */
  private Session steady(Session now) {
    return reported.sessions().stream()
        .filter(before -> before.peer().equals(now.peer()))
        .filter(before -> now.message() != null && now.message().equals(before.message()))
        .filter(before -> !isEstablished(before) && !isEstablished(now))
        .findFirst()
        .orElse(now);
  }

  private static boolean isEstablished(Session session) {
    return session.state().equals(SessionState.ESTABLISHED);
  }

  /** Of several sessions on an interface, one that is established. */
  private static Session better(Session one, Session other) {
    return isEstablished(one) ? one : other;
  }

  private static String cut(String message) {
    return message == null || message.isEmpty()
        ? null
        : message.substring(0, Math.min(message.length(), Limits.MESSAGE_LENGTH));
  }

  /** What policies say together: all communities, the highest preference. */
  private static List<BgpRoute> routes(Wanted now) {
    List<BgpRoute> routes = new ArrayList<>();
    now.routes()
        .forEach(
            (address, ways) -> {
              Map<Attributes, Set<String>> peers = new HashMap<>();
              for (Router router : now.routers()) {
                List<Bgp> its =
                    ways.stream()
                        .filter(way -> way.peers() == null || way.peers().contains(router.name()))
                        .toList();
                if (!its.isEmpty()) {
                  peers.computeIfAbsent(together(its), any -> new HashSet<>()).add(router.name());
                }
              }
              peers.forEach(
                  (attributes, names) ->
                      routes.add(
                          new BgpRoute(
                              address,
                              names,
                              attributes.communities(),
                              attributes.localPreference())));
            });
    routes.sort(Comparator.comparing(BgpRoute::address).thenComparing(r -> r.peers().toString()));
    return routes;
  }

  private static Attributes together(List<Bgp> ways) {
    Set<String> communities = new TreeSet<>();
    for (Bgp way : ways) {
      communities.addAll(way.communities() == null ? List.of() : way.communities());
      communities.addAll(way.largeCommunities() == null ? List.of() : way.largeCommunities());
    }
    return new Attributes(
        communities,
        ways.stream()
            .filter(way -> way.localPreference() != null)
            .mapToLong(Bgp::localPreference)
            .max());
  }

  private void tell(BgpReport report) {
    if (!report.equals(reported)) {
      for (Session session : report.sessions()) {
        if (!reported.sessions().contains(session)) {
          log.info(
              "BGP peer {}: {}{}",
              session.peer(),
              session.state(),
              session.message() == null ? "" : ": " + session.message());
        }
      }
      reported = report;
      listener.accept(report);
    }
  }

  /** Ends the thread; BIRD goes on. */
  @Override
  public void close() {
    synchronized (this) {
      isStopped = true;
      notifyAll();
    }
    try {
      thread.join(INTERVAL_MS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
