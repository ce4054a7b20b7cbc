// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding.Mode;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy.External;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy.Prefer;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.UnavailablePolicy;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Finds everything that is wrong with a spec. Where there is an API server it has refused most of
 * it already; the standalone mode has none.
 */
final class SpecValidator {

  /** How long flows of a static backend may go on when the spec does not say: five minutes. */
  private static final int DEFAULT_DRAIN_SECONDS = 300;

  private final Findings findings = new Findings();

  private SpecValidator() {}

  /**
   * Checks a spec.
   *
   * @param problems is appended to, in the order of the spec
   * @return empty exactly if a problem was found
   */
  static Optional<ValidSpec> validate(CompileInput input, List<Problem> problems) {
    SpecValidator validator = new SpecValidator();
    ValidSpec valid = validator.check(input.name(), input.spec(), input.addresses());
    List<Problem> found = validator.findings.problems();
    problems.addAll(found);
    return found.isEmpty() ? Optional.of(valid) : Optional.empty();
  }

  /** The addresses that a spec requests, as far as they are valid. */
  static List<Ip> requested(LoadBalancerSpec spec) {
    return spec == null
        ? List.of()
        : new AddressesRules(new Findings()).requested(spec.addresses());
  }

  private ValidSpec check(ObjectName name, LoadBalancerSpec spec, List<Ip> addresses) {
    if (!Findings.LABEL.matcher(name.namespace()).matches()) {
      findings.invalid("metadata.namespace", Findings.notA("DNS label", name.namespace(), 63));
    }
    findings.name("metadata.name", name.name());
    if (spec == null) {
      findings.invalid("spec", "is missing; it needs listeners");
      return null;
    }
    Set<Ip> own = new HashSet<>(new AddressesRules(findings).requested(spec.addresses()));
    own.addAll(addresses);
    Mode mode =
        spec.forwarding() == null || spec.forwarding().mode() == null
            ? Mode.Auto
            : spec.forwarding().mode();
    List<ValidSpec.Listener> listeners =
        new ListenerRules(findings, own, mode).listeners(spec.listeners());
    int drainSeconds = drainSeconds(spec.drain());
    return new ValidSpec(
        addresses,
        listeners,
        mode,
        drainSeconds,
        access(spec),
        isLocal(spec, listeners),
        healthCheckNodePort(spec),
        prefer(spec));
  }

  private Integer healthCheckNodePort(LoadBalancerSpec spec) {
    Integer port = spec.trafficPolicy() == null ? null : spec.trafficPolicy().healthCheckNodePort();
    String where = "spec.trafficPolicy.healthCheckNodePort";
    if (port != null
        && findings.port(where, port)
        && spec.trafficPolicy().external() != External.Local) {
      findings.invalid(
          where, port + " has no meaning but with external Local; remove it, or use Local");
    }
    return port;
  }

  private Prefer prefer(LoadBalancerSpec spec) {
    Prefer prefer = spec.trafficPolicy() == null ? null : spec.trafficPolicy().prefer();
    if (prefer != null && spec.trafficPolicy().external() == External.Local) {
      findings.invalid(
          "spec.trafficPolicy.prefer",
          prefer
              + " has no meaning with external Local, where a node uses only its own pods; remove"
              + " it, or use Cluster");
    }
    return prefer;
  }

  /** Servers are on no node, so no node would have them. */
  private boolean isLocal(LoadBalancerSpec spec, List<ValidSpec.Listener> listeners) {
    if (spec.trafficPolicy() == null || spec.trafficPolicy().external() != External.Local) {
      return false;
    }
    listeners.stream()
        .flatMap(listener -> listener.groups().stream())
        .filter(ValidSpec.StaticGroup.class::isInstance)
        .forEach(
            group ->
                findings.invalid(
                    group.where() + ".static",
                    "is on no node, and with trafficPolicy.external Local a node uses only what is"
                        + " on it; use Cluster, or a LoadBalancer of its own for these servers"));
    return true;
  }

  private int drainSeconds(LoadBalancerSpec.Drain drain) {
    if (drain == null || drain.gracePeriod() == null) {
      return DEFAULT_DRAIN_SECONDS;
    }
    try {
      return Durations.seconds(drain.gracePeriod());
    } catch (IllegalArgumentException e) {
      findings.invalid("spec.drain.gracePeriod", e.getMessage());
      return 0;
    }
  }

  /** Fail closed: a list with anything in it never means "open". */
  private Access access(LoadBalancerSpec spec) {
    UnavailablePolicy unavailable =
        spec.unavailablePolicy() == io.xdplb.api.v1alpha1.UnavailablePolicy.Drop
            ? UnavailablePolicy.DROP
            : UnavailablePolicy.REJECT;
    List<String> texts = spec.access() == null ? null : spec.access().sourceRanges();
    if (texts == null || texts.isEmpty()) {
      return new Access(Optional.empty(), unavailable);
    }
    String listWhere = "spec.access.sourceRanges";
    if (texts.size() > Limits.SOURCE_RANGES) {
      findings.invalid(
          listWhere,
          "has more than " + Limits.SOURCE_RANGES + " blocks; join neighbours to larger ones");
    }
    List<Cidr> ranges = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      String where = listWhere + "[" + i + "]";
      try {
        ranges.add(Cidr.parse(texts.get(i) == null ? "" : texts.get(i)));
      } catch (IllegalArgumentException e) {
        findings.invalid(where, e.getMessage() + "; write a block, as 10.0.0.0/8, or remove it");
      }
    }
    return Access.from(ranges, unavailable);
  }
}
