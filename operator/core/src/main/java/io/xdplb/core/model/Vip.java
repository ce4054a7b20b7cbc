// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * A VIP as it should be.
 *
 * @param key identity
 * @param ringSize slots of the Maglev ring, a prime from 1009 to 65537; 0 where no backend takes
 *     new flows
 * @param affinitySeconds how long a client address without traffic keeps its backend, at most
 *     86400; 0 for no affinity
 * @param access who may use it; source ranges of its own family only
 * @param backends ordered by key, each key once; of a range of ports all have port 0
 */
public record Vip(
    VipKey key, int ringSize, int affinitySeconds, Access access, List<Backend> backends) {
  public Vip {
    Objects.requireNonNull(key, "key");
    access = access.ofFamily(key.address().isIpv4());
    backends = List.copyOf(backends);
  }

  /** One without affinity, open to everybody. */
  public Vip(VipKey key, int ringSize, List<Backend> backends) {
    this(key, ringSize, 0, Access.OPEN, backends);
  }

  /** Whether nodes differ in what they do. */
  public boolean hasParts() {
    return backends.stream().anyMatch(backend -> !backend.parts().isEmpty());
  }

  /** The places in which some backend has a weight of its own. */
  public SortedSet<Place> places() {
    SortedSet<Place> places = new TreeSet<>();
    backends.forEach(backend -> places.addAll(backend.parts().keySet()));
    return places;
  }

  /**
   * What one node programs: all backends, each with the weight that it has there. A node goes by
   * its own name if some backend names it, else by its zone, else it is none of the places and
   * {@link Backend#weight} holds; a backend that does not name the place takes no new flows. It
   * stays all the same: its flows end when they end, and where it runs it takes what other nodes
   * send.
   *
   * <p>Where only other nodes have a backend that takes new flows, this one drops them, so that a
   * client tries again and may come to another node; a refusal would be an answer for the whole.
   *
   * @param node its name; {@code null} where there are no nodes
   * @param zone of the node; {@code null} if it has none
   */
  public Vip partOf(String node, String zone) {
    if (!hasParts()) {
      return this;
    }
    SortedSet<Place> places = places();
    Optional<Place> place =
        Stream.concat(
                Stream.ofNullable(node).map(Place::node), Stream.ofNullable(zone).map(Place::zone))
            .filter(places::contains)
            .findFirst();
    List<Backend> own =
        backends.stream()
            .map(
                b ->
                    new Backend(
                        b.key(),
                        place.map(p -> b.parts().getOrDefault(p, 0)).orElse(b.weight()),
                        b.drainSeconds(),
                        b.delivery().amongDifferentRings()))
            .toList();
    boolean takes = own.stream().anyMatch(backend -> backend.weight() > 0);
    boolean othersTake = !takes && ringSize > 0;
    return new Vip(
        key,
        takes ? ringSize : 0,
        affinitySeconds,
        othersTake ? new Access(access.sourceRanges(), UnavailablePolicy.DROP) : access,
        own);
  }
}
