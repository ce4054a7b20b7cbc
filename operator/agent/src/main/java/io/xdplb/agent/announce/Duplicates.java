// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Whether somebody else on a LAN has an address that is to be ours: it is asked for before it is
 * announced for the first time, as RFC 5227 and RFC 4862 do but quicker, and listened for after
 * that. Times are in milliseconds.
 */
final class Duplicates {

  private static final int PROBES = 3;
  private static final long APART = 100;

  /** After how long an address that somebody else has is asked for again. */
  private static final long AGAIN = 10_000;

  /** For how long somebody is remembered who spoke up for an address that we have. */
  private static final long REMEMBER = 30_000;

  /**
   * Somebody else who has an address.
   *
   * @param ifindex where
   * @param mac who, as 02:00:00:00:00:01
   */
  record Other(int ifindex, String mac) {}

  private static final class Address {
    boolean isFree;
    int asked;
    long askAt;
    Other other;
    long heardAt;
  }

  private final Map<Ip, Address> addresses = new HashMap<>();

  /**
   * Begins with an address; nothing happens if that was done before.
   *
   * @param isOurs whether a node of ours has it already
   */
  void add(Ip ip, boolean isOurs, long now) {
    addresses.computeIfAbsent(
        ip,
        any -> {
          Address address = new Address();
          address.isFree = isOurs;
          address.askAt = now;
          return address;
        });
  }

  /** It is not to be announced any more. */
  void keepOnly(Predicate<Ip> wanted) {
    addresses.keySet().removeIf(wanted.negate());
  }

  /** Whether nobody else has it, as far as was found out. */
  boolean isFree(Ip ip) {
    return addresses.containsKey(ip) && addresses.get(ip).isFree;
  }

  /** Who else has it, or has lately spoken up for it. */
  Optional<Other> other(Ip ip) {
    return Optional.ofNullable(addresses.get(ip)).map(address -> address.other);
  }

  /** Somebody that is not this node says that it has an address. */
  void heard(Ip ip, Other other, long now) {
    Address address = addresses.get(ip);
    if (address != null) {
      address.other = other;
      address.heardAt = now;
    }
  }

  /**
   * Time has passed.
   *
   * @param isOurs whether another node of ours has an address: then it was that one that was heard
   * @param ask is told the addresses to ask for now
   * @return addresses of which something has changed
   */
  List<Ip> tick(long now, Predicate<Ip> isOurs, Consumer<Ip> ask) {
    List<Ip> changed = new ArrayList<>();
    addresses.forEach(
        (ip, address) -> {
          Other before = address.other;
          boolean wasFree = address.isFree;
          tick(ip, address, now, isOurs, ask);
          if (address.isFree != wasFree || !Objects.equals(before, address.other)) {
            changed.add(ip);
          }
        });
    return changed;
  }

  private static void tick(
      Ip ip, Address address, long now, Predicate<Ip> isOurs, Consumer<Ip> ask) {
    if (address.isFree) {
      if (address.other != null && (now - address.heardAt > REMEMBER || isOurs.test(ip))) {
        address.other = null;
      }
      return;
    }
    if (isOurs.test(ip)) {
      address.isFree = true;
      address.other = null;
    } else if (now >= address.askAt && address.asked < PROBES) {
      if (address.asked == 0) {
        address.heardAt = Long.MIN_VALUE / 2;
      }
      address.asked++;
      address.askAt = now + APART;
      ask.accept(ip);
    } else if (now >= address.askAt) {
      boolean isTaken = now - address.heardAt <= (PROBES + 1) * APART;
      address.isFree = !isTaken;
      address.other = isTaken ? address.other : null;
      address.asked = 0;
      address.askAt = now + AGAIN;
    }
  }

  /** When there is something to do; {@link Long#MAX_VALUE} if never. */
  long nextDue() {
    return addresses.values().stream()
        .filter(address -> !address.isFree)
        .mapToLong(address -> address.askAt)
        .min()
        .orElse(Long.MAX_VALUE);
  }
}
