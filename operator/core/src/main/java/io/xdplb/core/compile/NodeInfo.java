// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.core.model.Ip;
import java.util.List;

/**
 * What is known of a node that endpoints may be on.
 *
 * @param addresses where encapsulated packets reach it, the preferred one of each family first
 * @param agent whether an agent of ours takes them there
 * @param zone that it is in; {@code null} if it is in none
 */
public record NodeInfo(List<Ip> addresses, boolean agent, String zone) {
  public NodeInfo {
    addresses = List.copyOf(addresses);
  }

  /** One that is in no zone. */
  public NodeInfo(List<Ip> addresses, boolean agent) {
    this(addresses, agent, null);
  }
}
