// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend.Encapsulation;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend.Mode;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend.Part;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.HealthCheck;
import io.xdplb.api.v1alpha1.UnavailablePolicy;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Vip;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;

/**
 * From the model to a ForwardingTable. What is absent has its default, because a table may have ten
 * thousand backends and is stored as text.
 */
final class TableWriter {

  /** Characters of the JSON of a backend without its values, by what it has. */
  private static final int BACKEND = "{'address':'','port':,'weight':,'drainSeconds':},".length();

  private static final int MODE = ",'mode':'DSR'".length();
  private static final int ENCAPSULATION = ",'encapsulation':'IPIP'".length();
  private static final int NODE = ",'node':''".length();
  private static final int AGENT = ",'agent':true".length();
  private static final int PARTS = ",'parts':[]".length();
  private static final int PART = "{'place':'Node','name':'','weight':},".length();

  /** Of a VIP with the longest values, without its backends. */
  private static final int VIP =
      ("{'address':'','protocol':'TCP','port':65535,'endPort':65535,'listener':'',"
              + "'affinitySeconds':86400,'ringSize':65537,'backends':[]},")
          .length();

  /** Of a table without its VIPs and source ranges. */
  private static final int TABLE =
      ("{'tableHash':'','sourceRanges':[],'unavailablePolicy':'Reject','vips':[]}").length() + 64;

  private static final int HEALTH_CHECK = ",'healthCheck':{'port':,'service':''}".length();
  private static final int HEALTH_CHECK_NODES = "'nodes':[]".length();
  private static final int LOCAL_ENDPOINTS = "{'node':'','count':},".length();

  private TableWriter() {}

  static ForwardingTableSpec table(
      String hash,
      Access access,
      HealthCheck healthCheck,
      Collection<ForwardingTableSpec.Vip> vips) {
    return new ForwardingTableSpec(
        hash,
        access
            .sourceRanges()
            .map(ranges -> ranges.stream().map(Cidr::toString).toList())
            .orElse(null),
        switch (access.unavailable()) {
          case REJECT -> UnavailablePolicy.Reject;
          case DROP -> UnavailablePolicy.Drop;
        },
        healthCheck,
        List.copyOf(vips));
  }

  static ForwardingTableSpec.Vip spec(Vip vip, String listener) {
    return new ForwardingTableSpec.Vip(
        vip.key().address().toString(),
        vip.key().protocol(),
        vip.key().port(),
        vip.key().isRange() ? vip.key().endPort() : null,
        listener,
        vip.affinitySeconds() == 0 ? null : vip.affinitySeconds(),
        vip.ringSize(),
        vip.backends().stream().map(TableWriter::spec).toList());
  }

  private static ForwardingTableSpec.Backend spec(Backend backend) {
    Delivery delivery = backend.delivery();
    return new ForwardingTableSpec.Backend(
        backend.key().address().toString(),
        backend.key().port(),
        backend.weight(),
        backend.drainSeconds(),
        delivery.nat() ? null : Mode.DSR,
        switch (delivery.encapsulation()) {
          case NONE -> null;
          case GUE -> Encapsulation.GUE;
          case IPIP -> Encapsulation.IPIP;
        },
        delivery.node() == null ? null : delivery.node().toString(),
        delivery.agent() ? true : null,
        backend.parts().isEmpty() ? null : parts(backend));
  }

  private static List<Part> parts(Backend backend) {
    return backend.parts().entrySet().stream()
        .map(
            part ->
                new Part(
                    switch (part.getKey().kind()) {
                      case NODE -> Part.Place.Node;
                      case ZONE -> Part.Place.Zone;
                    },
                    part.getKey().name(),
                    part.getValue()))
        .toList();
  }

  /** How long the JSON of a table is, in bytes: never less, and little more. */
  static long bytes(ForwardingTableSpec table) {
    long bytes = TABLE;
    if (table.sourceRanges() != null) {
      bytes += table.sourceRanges().stream().mapToLong(range -> range.length() + 3).sum();
    }
    if (table.healthCheck() != null) {
      bytes += bytes(table.healthCheck());
    }
    for (ForwardingTableSpec.Vip vip : table.vips()) {
      bytes += VIP + vip.address().length() + vip.listener().length();
      for (ForwardingTableSpec.Backend backend : vip.backends()) {
        bytes += bytes(backend);
      }
    }
    return bytes;
  }

  private static int bytes(ForwardingTableSpec.Backend backend) {
    return BACKEND
        + backend.address().length()
        + digits(backend.port())
        + digits(backend.weight())
        + digits(backend.drainSeconds())
        + (backend.mode() == null ? 0 : MODE)
        + (backend.encapsulation() == null ? 0 : ENCAPSULATION)
        + (backend.node() == null ? 0 : NODE + backend.node().length())
        + (backend.agent() == null ? 0 : AGENT)
        + (backend.parts() == null ? 0 : PARTS + bytes(backend.parts()));
  }

  private static int bytes(List<Part> parts) {
    return parts.stream()
        .mapToInt(part -> PART + part.name().length() + digits(part.weight()))
        .sum();
  }

  private static long bytes(HealthCheck check) {
    return HEALTH_CHECK
        + digits(check.port())
        + check.service().length()
        + (check.nodes() == null ? 0 : HEALTH_CHECK_NODES)
        + Stream.ofNullable(check.nodes())
            .flatMap(List::stream)
            .mapToLong(n -> LOCAL_ENDPOINTS + n.node().length() + digits(n.count()))
            .sum();
  }

  private static int digits(int number) {
    return Integer.toString(number).length();
  }
}
