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

/**
 * From the model to a ForwardingTable. What is absent has its default, because a table may have ten
 * thousand backends and is stored as text.
 */
final class TableWriter {

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
}
