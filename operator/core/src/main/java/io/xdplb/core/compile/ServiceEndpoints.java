// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import java.util.List;

/** What is known of a Service's port. */
public sealed interface ServiceEndpoints {

  /**
   * The port exists.
   *
   * @param endpoints those of all its EndpointSlices, in any order; the same address and port may
   *     occur more than once. An empty list is a statement: no pod is there
   */
  record Resolved(List<Endpoint> endpoints) implements ServiceEndpoints {
    public Resolved {
      endpoints = List.copyOf(endpoints);
    }
  }

  /** There is no Service of that name. */
  record ServiceNotFound() implements ServiceEndpoints {}

  /** The Service has no such port for the listener's protocol. */
  record PortNotFound() implements ServiceEndpoints {}

  /** Not listed yet: nothing may be concluded from it. */
  record Unknown() implements ServiceEndpoints {}
}
