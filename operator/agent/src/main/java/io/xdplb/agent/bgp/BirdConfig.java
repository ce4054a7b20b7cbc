// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.core.model.Ip;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A configuration of BIRD 2 (2.0.12 and later): the same settings and routes are the same text.
 *
 * <p>Each peer has a routing table of its own for each family, which holds what it is to get and
 * nothing else; all of it is exported. So a change of one route is one update for those peers that
 * have it, and no filter has to be right. There is no kernel protocol: BIRD neither reads nor
 * writes the node's routes.
 *
 * @param text of the file
 * @param id of the text, which BIRD answers to {@code eval} {@value #ID}
 */
record BirdConfig(String text, String id) {

  /** The constant that says which configuration BIRD has loaded. */
  static final String ID = "xdplb_configuration";

  /** How the names of the BGP protocols begin. */
  private static final String BGP = "bgp.";

  /**
   * How long BIRD, after a start, waits for its peers before it sends them anything, so that it can
   * tell them that nothing was lost (RFC 4724). Until then a withdrawal has to wait, too.
   */
  private static final int RECOVERY_SECONDS = 5;

  private static final long LOG_BYTES = 1 << 20;

  /** BIRD allows 48 characters where it adds a number. */
  private static final int LONGEST_NAME = 42;

  private static final int NAME_BEGINS = 25;
  private static final int HASH_BYTES = 8;

  /** What BIRD starts with before it is told anything: it speaks with nobody. */
  static BirdConfig empty(Optional<Path> log) {
    return finish(header(log, "192.0.2.0"));
  }

  /**
   * Writes it.
   *
   * @param log where BIRD logs to, kept below some 2 MiB; its standard error if empty
   * @throws IllegalArgumentException if two routes to one address are for one peer
   */
  static BirdConfig of(BgpSettings settings, Collection<BgpRoute> routes, Optional<Path> log) {
    StringBuilder text = header(log, settings.routerId().toString());
    text.append("graceful restart wait ").append(RECOVERY_SECONDS).append(";\n");
    List<BgpPeer> peers =
        settings.peers().stream().sorted(Comparator.comparing(BgpPeer::name)).toList();
    if (peers.stream().anyMatch(peer -> peer.bfd().isPresent())) {
      text.append("protocol bfd {}\n");
    }
    for (BgpPeer peer : peers) {
      TreeMap<Ip, BgpRoute> toPeer = new TreeMap<>();
      for (BgpRoute route : routes) {
        if (route.peers().contains(peer.name()) && toPeer.put(route.address(), route) != null) {
          throw new IllegalArgumentException(
              "two BGP routes to %s are for the peer %s: it can have one"
                  .formatted(route.address(), peer.name()));
        }
      }
      routes(text, peer, true, toPeer.values());
      routes(text, peer, false, toPeer.values());
      session(text, settings.listenPort(), peer);
    }
    return finish(text);
  }

  /** The BGP protocol of a peer; of an interface, the one that waits for connections. */
  static String protocol(String peer) {
    return BGP + shortName(peer);
  }

  /** How the protocols begin that BIRD makes for those that connect on an interface. */
  static String children(String peer) {
    return protocol(peer) + ":";
  }

  /** All of {@link #protocol} and {@link #children}, as a pattern of BIRD. */
  static String allProtocols() {
    return BGP + "*";
  }

  private static StringBuilder header(Optional<Path> log, String routerId) {
    StringBuilder text = new StringBuilder("# Written by the agent of xdplb, which replaces it.\n");
    text.append(
        log.map(
                file ->
                    "log \"%s\" %d \"%s.old\" all;\n"
                        .formatted(plain(file), LOG_BYTES, plain(file)))
            .orElse("log stderr all;\n"));
    return text.append("debug protocols { states };\n")
        .append("timeformat protocol \"%s.%f\";\n")
        .append("router id ")
        .append(routerId)
        .append(";\n")
        .append("protocol device {}\n");
  }

  private static BirdConfig finish(StringBuilder text) {
    String id = hash(text.toString());
    text.append("define ").append(ID).append(" = \"").append(id).append("\";\n");
    return new BirdConfig(text.toString(), id);
  }

  private static void routes(
      StringBuilder text, BgpPeer peer, boolean ipv4, Collection<BgpRoute> routes) {
    String family = ipv4 ? "ipv4" : "ipv6";
    String table = table(peer, ipv4);
    text.append("%s table '%s';\n".formatted(family, table));
    text.append(
        "protocol static 'static.%s' {\n  %s { table '%s'; };\n".formatted(table, family, table));
    for (BgpRoute route : routes) {
      if (route.address().isIpv4() == ipv4) {
        route(text, route);
      }
    }
    text.append("}\n");
  }

  private static void route(StringBuilder text, BgpRoute route) {
    text.append("  route ")
        .append(route.address())
        .append(route.address().isIpv4() ? "/32" : "/128")
        .append(" blackhole");
    StringBuilder attributes = new StringBuilder();
    for (String community : route.communitiesInNumbers()) {
      boolean large = community.indexOf(',') != community.lastIndexOf(',');
      attributes
          .append(large ? " bgp_large_community.add(" : " bgp_community.add(")
          .append(community)
          .append(");");
    }
    route
        .localPreference()
        .ifPresent(
            preference -> attributes.append(" bgp_local_pref = ").append(preference).append(';'));
    if (!attributes.isEmpty()) {
      text.append(" {").append(attributes).append(" }");
    }
    text.append(";\n");
  }

  private static void session(StringBuilder text, int listenPort, BgpPeer peer) {
    text.append("protocol bgp '%s' {\n".formatted(protocol(peer.name())));
    text.append(
        "  local %sport %d as %d;\n"
            .formatted(
                peer.sourceAddress().map(source -> source + " ").orElse(""),
                listenPort,
                peer.localAsn()));
    if (peer.address().isPresent()) {
      text.append(
          "  neighbor %s port %d as %d;\n"
              .formatted(peer.address().get(), peer.port(), peer.peerAsn()));
    } else {
      text.append("  neighbor range fe80::/10 as %d;\n".formatted(peer.peerAsn()));
      text.append("  dynamic name \"%s\";\n".formatted(children(peer.name())));
    }
    peer.interfaceName().ifPresent(name -> text.append("  interface \"%s\";\n".formatted(name)));
    text.append(
        peer.multihop().isPresent()
            ? "  multihop %d;\n".formatted(peer.multihop().getAsInt())
            : "  direct;\n");
    peer.password().ifPresent(password -> text.append("  password \"%s\";\n".formatted(password)));
    long retry = peer.connectRetry().toSeconds();
    text.append(
        "  hold time %d; keepalive time %d;\n"
            .formatted(peer.holdTime().toSeconds(), peer.keepalive().toSeconds()));
    text.append(
        "  connect delay time 1; connect retry time %d; error wait time 1, %d;\n"
            .formatted(retry, retry));
    peer.bfd().ifPresent(bfd -> bfd(text, bfd));
    text.append(
        peer.gracefulRestart()
            .map(
                time ->
                    "  graceful restart on; graceful restart time %d;\n"
                        .formatted(time.toSeconds()))
            .orElse("  graceful restart aware;\n"));
    boolean linkLocal = peer.interfaceName().isPresent();
    channel(text, peer, true, linkLocal ? " extended next hop;" : "");
    channel(text, peer, false, "");
    text.append("}\n");
  }

  private static void bfd(StringBuilder text, BgpPeer.Bfd bfd) {
    text.append(
        "  bfd { min tx interval %d ms; min rx interval %d ms; multiplier %d; };\n"
            .formatted(
                bfd.minTransmit().toMillis(), bfd.minReceive().toMillis(), bfd.multiplier()));
  }

  private static void channel(StringBuilder text, BgpPeer peer, boolean ipv4, String more) {
    text.append(
        "  %s { table '%s'; import none; export all;%s };\n"
            .formatted(ipv4 ? "ipv4" : "ipv6", table(peer, ipv4), more));
  }

  private static String table(BgpPeer peer, boolean ipv4) {
    return (ipv4 ? "4." : "6.") + shortName(peer.name());
  }

  /** A long name by its beginning and its hash, with a character that no name has. */
  private static String shortName(String name) {
    return name.length() <= LONGEST_NAME ? name : name.substring(0, NAME_BEGINS) + '_' + hash(name);
  }

  private static String plain(Path file) {
    String path = file.toString();
    if (path.contains("\"") || path.chars().anyMatch(c -> c < ' ')) {
      throw new IllegalArgumentException("BIRD cannot be told the file name " + path);
    }
    return path;
  }

  private static String hash(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, HASH_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has it", e);
    }
  }

  /** Without the text, which has passwords. */
  @Override
  public String toString() {
    return "BIRD configuration " + id;
  }
}
