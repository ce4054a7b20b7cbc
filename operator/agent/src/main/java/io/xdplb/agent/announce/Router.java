// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.agent.bgp.BgpPeer;
import io.xdplb.agent.bgp.BgpPeer.Bfd;
import io.xdplb.api.v1alpha1.BGPPeerSpec;
import io.xdplb.core.compile.Durations;
import io.xdplb.core.ipam.Selectors;
import io.xdplb.core.model.Ip;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A BGPPeer with its password.
 *
 * @param name of the object
 * @param password what its Secret says; empty if it names none
 * @param problem why the password is not known though it names a Secret; empty if it is
 */
public record Router(
    String name, BGPPeerSpec spec, Optional<String> password, Optional<String> problem) {

  private static final int DEFAULT_PORT = 179;

  /** To see whether the rest is valid, where it does not matter which node it is. */
  private static final List<Ip> SOME_NODE = List.of(Ip.parse("192.0.2.1"), Ip.parse("2001:db8::1"));

  private static final Duration DEFAULT_HOLD = Duration.ofSeconds(90);
  private static final Duration DEFAULT_RETRY = Duration.ofSeconds(5);
  private static final Duration DEFAULT_RESTART = Duration.ofSeconds(120);
  private static final Duration DEFAULT_BFD = Duration.ofMillis(200);
  private static final int DEFAULT_MULTIPLIER = 3;

  /** A spec that says nothing, and so is not valid. */
  public static final BGPPeerSpec NOTHING =
      new BGPPeerSpec(
          null, null, null, null, null, null, null, null, null, null, null, null, null, null);

  /** What is wrong with it; empty if nothing is. */
  public Optional<String> invalid() {
    try {
      peer(SOME_NODE);
      return Optional.empty();
    } catch (IllegalArgumentException e) {
      return Optional.of(e.getMessage());
    }
  }

  /** Whether nodes with these labels have a session with it. */
  boolean selectsNode(Map<String, String> labels) {
    return spec.nodeSelector() == null || Selectors.matches(spec.nodeSelector(), labels);
  }

  /**
   * As the BGP daemon is told.
   *
   * @param own addresses of this node, the preferred ones first: BFD over several hops needs one
   * @throws IllegalArgumentException with what is wrong with it
   */
  BgpPeer peer(Collection<Ip> own) {
    if (problem.isPresent()) {
      throw new IllegalArgumentException(problem.get());
    }
    Duration hold = duration(spec.holdTime(), DEFAULT_HOLD);
    return new BgpPeer(
        name,
        Optional.ofNullable(spec.address()).map(Ip::parse),
        Optional.ofNullable(spec.interfaceName()),
        number("asn", spec.asn()),
        number("localASN", spec.localAsn()),
        spec.port() == null ? DEFAULT_PORT : spec.port(),
        hold,
        duration(spec.keepaliveTime(), Duration.ofSeconds(Math.max(1, hold.toSeconds() / 3))),
        duration(spec.connectRetryTime(), DEFAULT_RETRY),
        bfd(),
        gracefulRestart(),
        password,
        source(own),
        spec.multihop() == null ? OptionalInt.empty() : OptionalInt.of(spec.multihop()));
  }

  private Optional<Ip> source(Collection<Ip> own) {
    if (spec.sourceAddress() != null || spec.multihop() == null || bfd().isEmpty()) {
      return Optional.ofNullable(spec.sourceAddress()).map(Ip::parse);
    }
    boolean isIpv4 = Ip.parse(spec.address()).isIpv4();
    return own.stream().filter(ip -> ip.isIpv4() == isIpv4).findFirst();
  }

  private static long number(String field, Long value) {
    if (value == null) {
      throw new IllegalArgumentException("spec." + field + " is missing");
    }
    return value;
  }

  private Optional<Bfd> bfd() {
    BGPPeerSpec.Bfd bfd = spec.bfd() == null ? new BGPPeerSpec.Bfd(null, null, null) : spec.bfd();
    Duration interval = duration(bfd.interval(), DEFAULT_BFD);
    int multiplier = bfd.multiplier() == null ? DEFAULT_MULTIPLIER : bfd.multiplier();
    return Boolean.FALSE.equals(bfd.enabled())
        ? Optional.empty()
        : Optional.of(new Bfd(interval, interval, multiplier));
  }

  private Optional<Duration> gracefulRestart() {
    BGPPeerSpec.GracefulRestart restart =
        spec.gracefulRestart() == null
            ? new BGPPeerSpec.GracefulRestart(null, null)
            : spec.gracefulRestart();
    boolean isOn = restart.enabled() == null ? bfd().isEmpty() : restart.enabled();
    return isOn ? Optional.of(duration(restart.restartTime(), DEFAULT_RESTART)) : Optional.empty();
  }

  private static Duration duration(String text, Duration absent) {
    return text == null ? absent : Durations.of(text);
  }

  /** Without the password. */
  @Override
  public String toString() {
    return "BGPPeer " + name;
  }
}
