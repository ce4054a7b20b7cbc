// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Encapsulation;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Place;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;

/** Reads the backends of one VIP of a ForwardingTable, whatever is in them. */
final class BackendReader {

  private final Ip vipAddress;
  private final boolean isRange;
  private final BiConsumer<String, String> problem;

  /**
   * @param vipAddress {@code null} if it cannot be read
   * @param isRange whether the VIP has a range of ports
   * @param problem gets the place and what is wrong there
   */
  BackendReader(Ip vipAddress, boolean isRange, BiConsumer<String, String> problem) {
    this.vipAddress = vipAddress;
    this.isRange = isRange;
    this.problem = problem;
  }

  /** The backends that can be read, ordered by key; {@code specs} may be {@code null}: none. */
  List<Backend> backends(String listWhere, List<ForwardingTableSpec.Backend> specs) {
    if (specs == null) {
      return List.of();
    }
    if (specs.size() > TableHash.MAX_BACKENDS) {
      problem.accept(listWhere, specs.size() + " backends are more than " + TableHash.MAX_BACKENDS);
      return List.of();
    }
    List<Backend> backends = new ArrayList<>(specs.size());
    Set<BackendKey> seen = new HashSet<>();
    for (int i = 0; i < specs.size(); i++) {
      String where = listWhere + "[" + i + "]";
      ForwardingTableSpec.Backend spec = specs.get(i);
      if (spec == null) {
        problem.accept(where, "missing");
        continue;
      }
      Backend backend = backend(where, spec);
      if (backend != null) {
        if (!seen.add(backend.key())) {
          problem.accept(where, backend.key() + " occurs twice");
        }
        backends.add(backend);
      }
    }
    backends.sort(Comparator.comparing(Backend::key));
    return backends;
  }

  private Backend backend(String where, ForwardingTableSpec.Backend spec) {
    Ip address = address(where + ".address", spec.address(), problem);
    boolean portOk = spec.port() >= 1 && spec.port() <= 65_535;
    if (isRange) {
      portOk = spec.port() == 0;
      if (!portOk) {
        problem.accept(
            where + ".port", spec.port() + " is not 0: packets to a range of ports keep theirs");
      }
    } else if (!portOk) {
      problem.accept(where + ".port", spec.port() + " is not 1 to 65535");
    }
    if (spec.weight() < 0) {
      problem.accept(where + ".weight", spec.weight() + " is negative");
    }
    if (spec.drainSeconds() < 0 || spec.drainSeconds() > Tables.MAX_DRAIN_SECONDS) {
      problem.accept(
          where + ".drainSeconds",
          spec.drainSeconds() + " is not 0 to " + Tables.MAX_DRAIN_SECONDS);
    }
    Delivery delivery = delivery(where, spec);
    if (address == null || !portOk || delivery == null) {
      return null;
    }
    if (vipAddress != null && vipAddress.isIpv4() != address.isIpv4()) {
      problem.accept(where + ".address", address + " is of another family than VIP " + vipAddress);
    }
    return new Backend(
        new BackendKey(address, spec.port()),
        spec.weight(),
        spec.drainSeconds(),
        delivery,
        parts(where, spec.parts()));
  }

  private Map<Place, Integer> parts(
      String listWhere, List<ForwardingTableSpec.Backend.Part> specs) {
    Map<Place, Integer> parts = new HashMap<>();
    for (int i = 0; specs != null && i < specs.size(); i++) {
      String where = listWhere + ".parts[" + i + "]";
      ForwardingTableSpec.Backend.Part spec = specs.get(i);
      if (spec == null || spec.place() == null || spec.name() == null) {
        problem.accept(where, "place or name is missing");
        continue;
      }
      if (spec.weight() < 0) {
        problem.accept(where + ".weight", spec.weight() + " is negative");
      }
      Place place =
          switch (spec.place()) {
            case Node -> Place.node(spec.name());
            case Zone -> Place.zone(spec.name());
          };
      if (parts.put(place, spec.weight()) != null) {
        problem.accept(where, spec.place() + " " + spec.name() + " occurs twice");
      }
    }
    return parts;
  }

  private Delivery delivery(String where, ForwardingTableSpec.Backend spec) {
    Encapsulation encapsulation =
        spec.encapsulation() == null
            ? Encapsulation.NONE
            : switch (spec.encapsulation()) {
              case None -> Encapsulation.NONE;
              case GUE -> Encapsulation.GUE;
              case IPIP -> Encapsulation.IPIP;
            };
    Ip node = null;
    if (spec.node() != null) {
      node = address(where + ".node", spec.node(), problem);
      if (node == null) {
        return null;
      }
    }
    try {
      return new Delivery(
          spec.mode() != ForwardingTableSpec.Backend.Mode.DSR,
          encapsulation,
          node,
          Boolean.TRUE.equals(spec.agent()));
    } catch (IllegalArgumentException e) {
      problem.accept(where, e.getMessage());
      return null;
    }
  }

  /** An address; {@code null}, and a problem, if the text is none. */
  static Ip address(String where, String text, BiConsumer<String, String> problem) {
    if (text == null) {
      problem.accept(where, "missing");
      return null;
    }
    try {
      return Ip.parse(text);
    } catch (IllegalArgumentException e) {
      problem.accept(where, e.getMessage());
      return null;
    }
  }
}
