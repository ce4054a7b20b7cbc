// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.core.model.Ip;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * A router that this node announces addresses to. It is reached at an address; or on an interface
 * without one (unnumbered), where any router with a link-local IPv6 address may connect to the
 * node.
 *
 * @param name as its object is named in Kubernetes
 * @param address where it is; link-local only together with an interface
 * @param interfaceName for link-local addresses, or alone
 * @param peerAsn its AS number: 1 to 4294967294
 * @param localAsn ours: the same one makes it iBGP
 * @param port where it listens: 1 to 65535
 * @param holdTime after which it is given up when nothing is heard of it: 3 s to 65535 s; the
 *     smaller one of both sides' is used
 * @param keepalive how often something is sent at the latest: 1 s, and less than the hold time
 * @param connectRetry how long after a failed attempt to connect the next one comes at the latest:
 *     1 s to 65535 s
 * @param bfd how fast a lost path to it is noticed, by BFD; without, only by the hold time
 * @param gracefulRestart how long it is asked to keep our routes when BIRD restarts (RFC 4724): 1 s
 *     to 4095 s; without, not at all
 * @param password for TCP MD5 signatures (RFC 2385): 1 to 80 printable ASCII characters, no double
 *     quote
 * @param sourceAddress ours, to connect from, of the family of {@code address}; without, the
 *     kernel's choice. BFD over several hops needs it
 * @param multihop if it is not on a network of the node: over so many hops at most, 2 to 255
 */
public record BgpPeer(
    String name,
    Optional<Ip> address,
    Optional<String> interfaceName,
    long peerAsn,
    long localAsn,
    int port,
    Duration holdTime,
    Duration keepalive,
    Duration connectRetry,
    Optional<Bfd> bfd,
    Optional<Duration> gracefulRestart,
    Optional<String> password,
    Optional<Ip> sourceAddress,
    OptionalInt multihop) {

  private static final Pattern NAME = Pattern.compile("[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?");
  private static final Pattern INTERFACE = Pattern.compile("[A-Za-z0-9_.:@+-]{1,15}");

  /** Of TCP_MD5SIG in Linux. */
  private static final int LONGEST_PASSWORD = 80;

  private static final long AS_TRANS = 23456;

  /**
   * How a path is watched (RFC 5880). The peer takes it for lost after {@code multiplier}
   * intervals.
   *
   * @param minTransmit how often we send at most: 10 ms to 60 s; the peer may ask for less often
   * @param minReceive how often we are willing to receive: 10 ms to 60 s
   * @param multiplier how many packets in a row have to be lost: 1 to 255
   */
  public record Bfd(Duration minTransmit, Duration minReceive, int multiplier) {

    private static final long LEAST_MS = 10;
    private static final long MOST_MS = 60_000;

    /**
     * Checks the limits.
     *
     * @throws IllegalArgumentException if one is not kept
     */
    public Bfd {
      Check.milliseconds("BFD's interval for sending", minTransmit, LEAST_MS, MOST_MS);
      Check.milliseconds("BFD's interval for receiving", minReceive, LEAST_MS, MOST_MS);
      Check.range("BFD's multiplier", multiplier, 1, 255);
    }
  }

  /**
   * Checks all of it.
   *
   * @throws IllegalArgumentException with the peer's name, what is wrong and why
   */
  public BgpPeer {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "\"" + name + "\" cannot be a BGP peer's name: it must be a name of Kubernetes");
    }
    try {
      checkEnd(address, interfaceName, sourceAddress, multihop);
      checkAsn("the peer's AS number", peerAsn);
      checkAsn("the local AS number", localAsn);
      Check.range("the port", port, 1, 65535);
      Check.seconds("the hold time", holdTime, 3, 65535);
      Check.seconds("the keepalive time", keepalive, 1, holdTime.toSeconds() - 1);
      Check.seconds("the connect retry time", connectRetry, 1, 65535);
      gracefulRestart.ifPresent(time -> Check.seconds("the restart time", time, 1, 4095));
      password.ifPresent(BgpPeer::checkPassword);
      multihop.ifPresent(hops -> Check.range("multihop", hops, 2, 255));
      if (multihop.isPresent() && bfd.isPresent() && sourceAddress.isEmpty()) {
        throw new IllegalArgumentException(
            "with BFD over several hops the source address must be given, or BFD be left out");
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("BGP peer " + name + ": " + e.getMessage());
    }
  }

  /** Whether {@code address} is one of fe80::/10. */
  static boolean isLinkLocal(Ip address) {
    return !address.isIpv4() && address.high() >>> 54 == 0xfe80 >>> 6;
  }

  /** Whom the session is with, for people: the address, or the interface. */
  String end() {
    return address.map(Ip::toString).orElse("any router")
        + interfaceName.map(name -> " on " + name).orElse("");
  }

  private static void checkEnd(
      Optional<Ip> address,
      Optional<String> interfaceName,
      Optional<Ip> sourceAddress,
      OptionalInt multihop) {
    interfaceName.ifPresent(
        device -> {
          if (!INTERFACE.matcher(device).matches()) {
            throw new IllegalArgumentException(
                "\"" + device + "\" is no interface: 1 to 15 letters, digits and _.:@+- are one");
          }
        });
    boolean linkLocal = address.isEmpty() || isLinkLocal(address.get());
    if (address.isEmpty() && interfaceName.isEmpty()) {
      throw new IllegalArgumentException("it has neither an address nor an interface");
    }
    if (linkLocal && interfaceName.isEmpty()) {
      throw new IllegalArgumentException(
          "%s is link-local: it needs an interface, too".formatted(address.get()));
    }
    if (!linkLocal && interfaceName.isPresent()) {
      throw new IllegalArgumentException(
          "%s is not link-local: the interface %s must be left out, the address says which it is"
              .formatted(address.get(), interfaceName.get()));
    }
    address.ifPresent(BgpPeer::checkUnicast);
    if (linkLocal && multihop.isPresent()) {
      throw new IllegalArgumentException("a link-local peer cannot be several hops away");
    }
    sourceAddress.ifPresent(
        source -> {
          checkUnicast(source);
          if (linkLocal) {
            throw new IllegalArgumentException(
                "it is link-local: the source address %s must be left out".formatted(source));
          }
          if (source.isIpv4() != address.get().isIpv4()) {
            throw new IllegalArgumentException(
                "the source address %s is not of the same family as %s"
                    .formatted(source, address.get()));
          }
        });
  }

  private static void checkUnicast(Ip address) {
    boolean multicast =
        address.isIpv4() ? address.low() >>> 28 >= 0xe : address.high() >>> 56 == 0xff;
    if (multicast || (address.high() == 0 && address.low() == 0)) {
      throw new IllegalArgumentException(address + " is no address of a single machine");
    }
  }

  private static void checkAsn(String what, long asn) {
    Check.range(what, asn, 1, 0xffff_fffeL);
    if (asn == AS_TRANS) {
      throw new IllegalArgumentException(what + " is 23456, which is reserved (RFC 6793)");
    }
  }

  private static void checkPassword(String password) {
    if (password.isEmpty() || password.length() > LONGEST_PASSWORD) {
      throw new IllegalArgumentException(
          "the password has %d characters: it must have 1 to %d"
              .formatted(password.length(), LONGEST_PASSWORD));
    }
    if (!password.chars().allMatch(c -> c >= ' ' && c <= '~' && c != '"')) {
      throw new IllegalArgumentException(
          "the password has a character that is not printable ASCII, or a double quote:"
              + " BIRD cannot be told it (does the secret end in a new line?)");
    }
  }

  /** Without the password. */
  @Override
  public String toString() {
    return "BGP peer " + name + " (" + end() + ", AS " + peerAsn + ")";
  }
}
