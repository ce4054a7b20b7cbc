// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import java.util.Objects;

/**
 * One address of a Service's port, as an EndpointSlice lists it.
 *
 * @param address IPv4 or IPv6, as text: it may be wrong, and the compiler says so
 * @param port the target port, 1 to 65535
 * @param conditions readiness
 * @param nodeName where it runs; {@code null} if unknown
 * @param hints for whom it is
 */
public record Endpoint(
    String address, int port, EndpointConditions conditions, String nodeName, Hints hints) {
  public Endpoint {
    Objects.requireNonNull(address, "address");
    Objects.requireNonNull(conditions, "conditions");
    Objects.requireNonNull(hints, "hints");
  }

  /** One without hints. */
  public Endpoint(String address, int port, EndpointConditions conditions, String nodeName) {
    this(address, port, conditions, nodeName, Hints.NONE);
  }
}
