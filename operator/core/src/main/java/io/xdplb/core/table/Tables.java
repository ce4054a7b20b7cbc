// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** From the ForwardingTables of the API to the model, whatever is in them. */
public final class Tables {

  /** The longest drain: a day. */
  public static final int MAX_DRAIN_SECONDS = 86_400;

  private final List<String> problems = new ArrayList<>();

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

  private List<Vip> vips(ForwardingTableSpec table) {
    if (table == null || table.vips() == null) {
      problem(table == null ? "spec" : "spec.vips", "missing");
      return List.of();
    }
    List<Vip> vips = new ArrayList<>();
    Set<VipKey> seen = new HashSet<>();
    for (int i = 0; i < table.vips().size(); i++) {
      String where = "spec.vips[" + i + "]";
      ForwardingTableSpec.Vip vip = table.vips().get(i);
      if (vip == null) {
        problem(where, "missing");
        continue;
      }
      Ip address = address(where + ".address", vip.address());
      boolean portOk = port(where + ".port", vip.port());
      if (vip.protocol() == null) {
        problem(where + ".protocol", "missing; it is TCP or UDP");
      }
      List<Backend> backends = backends(where, address, vip.backends());
      ringSize(where, vip.ringSize(), backends);
      if (address != null && portOk && vip.protocol() != null) {
        VipKey key = new VipKey(address, vip.protocol(), vip.port());
        if (!seen.add(key)) {
          problem(where, key + " occurs twice");
        }
        vips.add(new Vip(key, vip.ringSize(), backends));
      }
    }
    vips.sort(Comparator.comparing(Vip::key));
    return vips;
  }

  private List<Backend> backends(
      String vipWhere, Ip vipAddress, List<ForwardingTableSpec.Backend> specs) {
    if (specs == null) {
      return List.of();
    }
    if (specs.size() > TableHash.MAX_BACKENDS) {
      problem(
          vipWhere + ".backends",
          specs.size() + " backends are more than " + TableHash.MAX_BACKENDS);
      return List.of();
    }
    List<Backend> backends = new ArrayList<>(specs.size());
    Set<BackendKey> seen = new HashSet<>();
    for (int i = 0; i < specs.size(); i++) {
      String where = vipWhere + ".backends[" + i + "]";
      ForwardingTableSpec.Backend spec = specs.get(i);
      if (spec == null) {
        problem(where, "missing");
        continue;
      }
      Ip address = address(where + ".address", spec.address());
      boolean portOk = port(where + ".port", spec.port());
      if (spec.weight() < 0) {
        problem(where + ".weight", spec.weight() + " is negative");
      }
      if (spec.drainSeconds() < 0 || spec.drainSeconds() > MAX_DRAIN_SECONDS) {
        problem(where + ".drainSeconds", spec.drainSeconds() + " is not 0 to " + MAX_DRAIN_SECONDS);
      }
      if (address == null || !portOk) {
        continue;
      }
      if (vipAddress != null && vipAddress.isIpv4() != address.isIpv4()) {
        problem(where + ".address", address + " is of another family than VIP " + vipAddress);
      }
      BackendKey key = new BackendKey(address, spec.port());
      if (!seen.add(key)) {
        problem(where, key + " occurs twice");
      }
      backends.add(new Backend(key, spec.weight(), spec.drainSeconds()));
    }
    backends.sort(Comparator.comparing(Backend::key));
    return backends;
  }

  private void ringSize(String where, int ringSize, List<Backend> backends) {
    long takers = backends.stream().filter(backend -> backend.weight() > 0).count();
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

  private Ip address(String where, String text) {
    if (text == null) {
      problem(where, "missing");
      return null;
    }
    try {
      return Ip.parse(text);
    } catch (IllegalArgumentException e) {
      problem(where, e.getMessage());
      return null;
    }
  }

  private boolean port(String where, int port) {
    boolean ok = port >= 1 && port <= 0xffff;
    if (!ok) {
      problem(where, port + " is not 1 to 65535");
    }
    return ok;
  }

  private void problem(String where, String what) {
    problems.add(where + ": " + what);
  }
}
