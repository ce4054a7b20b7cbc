// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Place;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** From the ForwardingTables of the API to the model, whatever is in them. */
public final class Tables {

  /** The longest drain: a day. */
  public static final int MAX_DRAIN_SECONDS = Limits.DRAIN_SECONDS;

  private static final int MAX_PORT = 65_535;

  private final List<String> problems = new ArrayList<>();
  private final Set<VipKey> seen = new LinkedHashSet<>();

  private Tables() {}

  /**
   * The VIPs of a table, ordered by key. The hash is not looked at: it is compared to what is
   * programmed.
   *
   * @param table from the API; anything in it may be missing or wrong
   * @throws InvalidTableException if it cannot be programmed, with every reason and its place
   */
  public static List<Vip> toVips(ForwardingTableSpec table) {
    Tables reader = new Tables();
    List<Vip> vips = reader.vips(table);
    if (!reader.problems.isEmpty()) {
      throw new InvalidTableException(reader.problems);
    }
    return vips;
  }

  /**
   * The key of one VIP of a table.
   *
   * @throws IllegalArgumentException if the VIP is not valid
   */
  public static VipKey key(ForwardingTableSpec.Vip vip) {
    return new VipKey(
        Ip.parse(vip.address()),
        vip.protocol(),
        vip.port(),
        vip.endPort() == null ? vip.port() : vip.endPort());
  }

  /** The keys of those VIPs of a table that can be read, whatever is in it. */
  public static Set<VipKey> keys(ForwardingTableSpec table) {
    Tables reader = new Tables();
    if (table.vips() != null) {
      table.vips().stream()
          .filter(Objects::nonNull)
          .forEach(vip -> reader.vip("", vip.with(null), Access.OPEN));
    }
    return reader.seen;
  }

  private List<Vip> vips(ForwardingTableSpec table) {
    if (table == null || table.vips() == null) {
      problem(table == null ? "spec" : "spec.vips", "missing");
      return List.of();
    }
    Access access = access(table);
    List<Vip> vips = new ArrayList<>();
    for (int i = 0; i < table.vips().size(); i++) {
      String where = "spec.vips[" + i + "]";
      ForwardingTableSpec.Vip vip = table.vips().get(i);
      if (vip == null) {
        problem(where, "missing");
      } else {
        vip(where, vip, access).ifPresent(vips::add);
      }
    }
    vips.sort(Comparator.comparing(Vip::key));
    return vips;
  }

  private Optional<Vip> vip(String where, ForwardingTableSpec.Vip vip, Access access) {
    Ip address = BackendReader.address(where + ".address", vip.address(), this::problem);
    boolean portsOk = bounds(where + ".port", vip.port(), 1, MAX_PORT);
    int endPort = vip.endPort() == null ? vip.port() : vip.endPort();
    if (portsOk && vip.endPort() != null) {
      portsOk = bounds(where + ".endPort", endPort, vip.port(), MAX_PORT);
    }
    if (vip.protocol() == null) {
      problem(where + ".protocol", "missing; it is TCP or UDP");
    }
    int affinity = vip.affinitySeconds() == null ? 0 : vip.affinitySeconds();
    bounds(where + ".affinitySeconds", affinity, 0, Limits.AFFINITY_SECONDS);
    List<Backend> backends =
        new BackendReader(address, endPort != vip.port(), this::problem)
            .backends(where + ".backends", vip.backends());
    ringSize(where, vip.ringSize(), backends);
    if (address == null || !portsOk || vip.protocol() == null) {
      return Optional.empty();
    }
    VipKey key = new VipKey(address, vip.protocol(), vip.port(), endPort);
    compare(where, key);
    return Optional.of(new Vip(key, vip.ringSize(), affinity, access, backends));
  }

  /** With those that came before: the narrowest that has a port must be one. */
  private void compare(String where, VipKey key) {
    if (!seen.add(key)) {
      problem(where, key + " occurs twice");
      return;
    }
    if (!key.isRange()) {
      return;
    }
    List<VipKey> ranges =
        seen.stream()
            .filter(VipKey::isRange)
            .filter(r -> r.address().equals(key.address()))
            .toList();
    ranges.stream()
        .filter(key::crosses)
        .forEach(other -> problem(where, key + " overlaps " + other + " in part"));
    if (ranges.size() == Limits.PORT_RANGES + 1) {
      problem(where, key.address() + " has more than " + Limits.PORT_RANGES + " ranges of ports");
    }
  }

  /** Fail closed: a block that cannot be read makes the table none. */
  private Access access(ForwardingTableSpec table) {
    UnavailablePolicy unavailable =
        table.unavailablePolicy() == io.xdplb.api.v1alpha1.UnavailablePolicy.Drop
            ? UnavailablePolicy.DROP
            : UnavailablePolicy.REJECT;
    if (table.sourceRanges() == null) {
      return new Access(Optional.empty(), unavailable);
    }
    if (table.sourceRanges().size() > Limits.SOURCE_RANGES) {
      problem("spec.sourceRanges", "more than " + Limits.SOURCE_RANGES + " blocks");
    }
    List<Cidr> ranges = new ArrayList<>();
    for (int i = 0; i < table.sourceRanges().size(); i++) {
      try {
        String text = table.sourceRanges().get(i);
        ranges.add(Cidr.parse(text == null ? "" : text));
      } catch (IllegalArgumentException e) {
        problem("spec.sourceRanges[" + i + "]", e.getMessage());
      }
    }
    return Access.from(ranges, unavailable);
  }

  private void ringSize(String where, int ringSize, List<Backend> backends) {
    long takers = mostTakers(backends);
    boolean fits = takers == 0 ? ringSize == 0 : Maglev.isRingSize(ringSize) && takers <= ringSize;
    if (!fits) {
      problem(
          where + ".ringSize",
          ringSize
              + (takers == 0
                  ? " without a backend of weight > 0; it is then 0"
                  : " for "
                      + takers
                      + " backends of weight > 0; it is then a prime from "
                      + Maglev.MIN_SIZE
                      + " to "
                      + Maglev.MAX_SIZE
                      + ", and no less than the backends"));
    }
  }

  /** How many backends take new flows on the node where most do. */
  private static long mostTakers(List<Backend> backends) {
    Map<Place, Long> inPlaces = new HashMap<>();
    for (Backend backend : backends) {
      backend
          .parts()
          .forEach((place, weight) -> inPlaces.merge(place, weight > 0 ? 1L : 0L, Long::sum));
    }
    return Math.max(
        backends.stream().filter(backend -> backend.weight() > 0).count(),
        inPlaces.values().stream().mapToLong(Long::longValue).max().orElse(0));
  }

  private boolean bounds(String where, int value, int min, int max) {
    boolean ok = value >= min && value <= max;
    if (!ok) {
      problem(where, value + " is not " + min + " to " + max);
    }
    return ok;
  }

  private void problem(String where, String what) {
    problems.add(where + ": " + what);
  }
}
