// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.core.model.Ip;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;

/** A peer's settings for a test: eBGP over one hop with BFD, if nothing else is said. */
final class PeerBuilder {

  private final String name;
  private final Optional<Ip> address;
  private Optional<String> interfaceName = Optional.empty();
  private long peerAsn = 64501;
  private long localAsn = 64500;
  private Duration holdTime = Duration.ofSeconds(90);
  private Duration keepalive = Duration.ofSeconds(30);
  private Optional<BgpPeer.Bfd> bfd =
      Optional.of(new BgpPeer.Bfd(Duration.ofMillis(100), Duration.ofMillis(100), 3));
  private Optional<Duration> gracefulRestart = Optional.empty();
  private Optional<String> password = Optional.empty();
  private Optional<Ip> sourceAddress = Optional.empty();
  private OptionalInt multihop = OptionalInt.empty();

  private PeerBuilder(String name, Optional<Ip> address) {
    this.name = name;
    this.address = address;
  }

  static PeerBuilder peer(String name, String address) {
    return new PeerBuilder(name, Optional.of(Ip.parse(address)));
  }

  static PeerBuilder peerOn(String name, String interfaceName) {
    return new PeerBuilder(name, Optional.empty()).on(interfaceName);
  }

  PeerBuilder on(String device) {
    this.interfaceName = Optional.of(device);
    return this;
  }

  PeerBuilder asns(long peer, long local) {
    this.peerAsn = peer;
    this.localAsn = local;
    return this;
  }

  PeerBuilder holdTime(int seconds) {
    this.holdTime = Duration.ofSeconds(seconds);
    this.keepalive = Duration.ofSeconds(Math.max(1, seconds / 3));
    return this;
  }

  PeerBuilder withoutBfd() {
    this.bfd = Optional.empty();
    return this;
  }

  PeerBuilder gracefulRestart(int seconds) {
    this.gracefulRestart = Optional.of(Duration.ofSeconds(seconds));
    return this;
  }

  PeerBuilder password(String text) {
    this.password = Optional.of(text);
    return this;
  }

  PeerBuilder source(String address) {
    this.sourceAddress = Optional.of(Ip.parse(address));
    return this;
  }

  PeerBuilder multihop(int hops) {
    this.multihop = OptionalInt.of(hops);
    return this;
  }

  BgpPeer build() {
    return new BgpPeer(
        name,
        address,
        interfaceName,
        peerAsn,
        localAsn,
        179,
        holdTime,
        keepalive,
        Duration.ofSeconds(2),
        bfd,
        gracefulRestart,
        password,
        sourceAddress,
        multihop);
  }
}
