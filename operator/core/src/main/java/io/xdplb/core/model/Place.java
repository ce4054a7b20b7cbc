// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.Comparator;
import java.util.Objects;

/**
 * A node, or the nodes of a zone.
 *
 * @param kind which of the two
 * @param name of the node; or of the zone, as the Nodes' label topology.kubernetes.io/zone has it
 */
public record Place(Kind kind, String name) implements Comparable<Place> {

  private static final Comparator<Place> ORDER =
      Comparator.comparing(Place::kind).thenComparing(Place::name);

  /** What a name is the name of. */
  public enum Kind {
    NODE,
    ZONE
  }

  public Place {
    Objects.requireNonNull(kind, "kind");
    Objects.requireNonNull(name, "name");
  }

  public static Place node(String name) {
    return new Place(Kind.NODE, name);
  }

  public static Place zone(String name) {
    return new Place(Kind.ZONE, name);
  }

  /** Nodes before zones. */
  @Override
  public int compareTo(Place other) {
    return ORDER.compare(this, other);
  }
}
