// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.Comparator;
import java.util.Objects;

/**
 * The name of a namespaced object: of a LoadBalancer and of its ForwardingTable, which share it.
 *
 * @param namespace of the object
 * @param name of the object
 */
public record ObjectName(String namespace, String name) implements Comparable<ObjectName> {

  private static final Comparator<ObjectName> ORDER =
      Comparator.comparing(ObjectName::namespace).thenComparing(ObjectName::name);

  public ObjectName {
    Objects.requireNonNull(namespace, "namespace");
    Objects.requireNonNull(name, "name");
  }

  @Override
  public int compareTo(ObjectName other) {
    return ORDER.compare(this, other);
  }

  /** As {@code namespace/name}. */
  @Override
  public String toString() {
    return namespace + "/" + name;
  }
}
