// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.Protocol;
import java.util.ArrayList;
import java.util.List;

/**
 * The ports of a spec's listeners: each port or range once, and of ranges that overlap one within
 * the other, so that the narrowest one that has a port is always a single one.
 */
final class ListenerPorts {

  private record Ports(String where, Protocol protocol, int first, int last) {

    boolean isRange() {
      return first != last;
    }

    boolean isCrossedBy(Ports other) {
      return first < other.first && other.first <= last && last < other.last;
    }

    /** As {@code TCP port 80} or {@code UDP ports 8000-8999}. */
    @Override
    public String toString() {
      return protocol + (isRange() ? " ports " + first + "-" + last : " port " + first);
    }
  }

  private final Findings findings;
  private final List<Ports> all = new ArrayList<>();

  ListenerPorts(Findings findings) {
    this.findings = findings;
  }

  /**
   * Looks at one more listener.
   *
   * @return its last port, which is the first one if it has no range or something was found
   */
  int endPort(String where, LoadBalancerSpec.Listener spec) {
    boolean portOk = findings.port(where + ".port", spec.port());
    int endPort = spec.endPort() == null ? spec.port() : spec.endPort();
    if (spec.endPort() != null && findings.port(where + ".endPort", endPort) && portOk) {
      portOk = endPort >= spec.port();
      if (!portOk) {
        findings.invalid(
            where + ".endPort",
            endPort
                + " is less than port "
                + spec.port()
                + "; write the last port of the range, or leave it out for a single port");
      }
    }
    if (!portOk || endPort < spec.port() || endPort > 65_535) {
      return spec.port();
    }
    if (spec.protocol() != null) {
      compare(new Ports(where, spec.protocol(), spec.port(), endPort));
    }
    return endPort;
  }

  private void compare(Ports ports) {
    for (Ports other : all) {
      if (ports.protocol() != other.protocol()) {
        continue;
      }
      if (ports.first() == other.first() && ports.last() == other.last()) {
        findings.invalid(
            ports.where() + ".port",
            ports
                + (ports.isRange() ? " are those of " : " is that of ")
                + other.where()
                + " too; a protocol and port can have one listener: merge the two or change one");
      } else if (ports.isCrossedBy(other) || other.isCrossedBy(ports)) {
        findings.invalid(
            ports.where() + ".port",
            ports
                + " overlap those of "
                + other.where()
                + ", "
                + other.first()
                + "-"
                + other.last()
                + ", in part; put one range within the other or keep them apart");
      }
    }
    all.add(ports);
    if (ports.isRange() && all.stream().filter(Ports::isRange).count() == Limits.PORT_RANGES + 1) {
      findings.invalid(
          ports.where() + ".endPort",
          "is the range of ports after "
              + Limits.PORT_RANGES
              + " others, more than an address can have; move some to a LoadBalancer with another"
              + " address");
    }
  }
}
