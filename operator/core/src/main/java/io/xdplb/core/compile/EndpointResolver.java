// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy.Prefer;
import io.xdplb.core.compile.Problem.Reason;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Finds the endpoints that a valid spec refers to. */
final class EndpointResolver {

  private final CompileInput input;
  private final ValidSpec spec;
  private final List<Problem> problems;
  private final Reaching reaching;
  private final Set<ServicePort> unknown = new HashSet<>();

  /**
   * @param problems is appended to
   */
  EndpointResolver(CompileInput input, ValidSpec spec, List<Problem> problems) {
    this.input = input;
    this.spec = spec;
    this.problems = problems;
    reaching =
        new Reaching(spec.mode(), spec.isLocal(), input.nodes(), Set.copyOf(spec.addresses()));
  }

  List<ResolvedListener> resolve() {
    return spec.listeners().stream()
        .map(
            listener ->
                new ResolvedListener(
                    listener,
                    listener.groups().stream().map(group -> resolve(listener, group)).toList(),
                    spec.isLocal(),
                    this::zoneOf))
        .toList();
  }

  /** What has to be known before the result means anything. */
  Set<ServicePort> unknown() {
    return unknown;
  }

  private ResolvedListener.Group resolve(ValidSpec.Listener listener, ValidSpec.Group group) {
    if (group instanceof ValidSpec.StaticGroup fixed) {
      ResolvedListener.Group resolved = empty(group, spec.drainSeconds());
      for (Ip ip : fixed.addresses()) {
        resolved
            .ofFamily(ip.isIpv4())
            .add(
                new BackendKey(ip, listener.backendPort(fixed.port())),
                EndpointConditions.ABSENT,
                Hints.NONE,
                reaching.server(ip, fixed.encapsulation()));
      }
      return resolved;
    }
    ResolvedListener.Group resolved = empty(group, 0);
    ServicePort port = ((ValidSpec.ServiceGroup) group).servicePort();
    ServiceEndpoints found = input.services().getOrDefault(port, new ServiceEndpoints.Unknown());
    if (found instanceof ServiceEndpoints.Resolved known) {
      addAll(resolved, listener, known.endpoints(), group.where() + ".serviceRef", port);
    } else if (found instanceof ServiceEndpoints.ServiceNotFound) {
      notFound(
          group.where() + ".serviceRef.name",
          "there is no Service " + service(port) + "; create it or correct the name");
    } else if (found instanceof ServiceEndpoints.PortNotFound) {
      notFound(
          group.where() + ".serviceRef.port",
          "Service "
              + service(port)
              + " has no "
              + port.protocol()
              + " port "
              + port.port()
              + "; add it there, or refer to one of its ports by number");
    } else {
      unknown.add(port);
    }
    return resolved;
  }

  private static ResolvedListener.Group empty(ValidSpec.Group group, int drainSeconds) {
    return new ResolvedListener.Group(
        group.weight(), drainSeconds, new GroupEndpoints(), new GroupEndpoints());
  }

  private void addAll(
      ResolvedListener.Group group,
      ValidSpec.Listener listener,
      List<Endpoint> endpoints,
      String where,
      ServicePort port) {
    String firstRefusal = null;
    UnreachedEndpoints unreached = new UnreachedEndpoints(where, spec.isLocal());
    for (Endpoint endpoint : endpoints) {
      Optional<String> refusal = refusal(endpoint);
      if (refusal.isPresent()) {
        firstRefusal = firstRefusal == null ? refusal.get() : firstRefusal;
        continue;
      }
      Ip ip = Ip.parse(endpoint.address());
      Reach reach = reaching.pod(ip, endpoint.nodeName());
      BackendKey key = new BackendKey(ip, listener.backendPort(endpoint.port()));
      group.ofFamily(ip.isIpv4()).add(key, endpoint.conditions(), hints(endpoint), reach);
      if (!reach.isReached()) {
        unreached.add(ip, reach);
      }
    }
    if (firstRefusal != null) {
      problems.add(
          new Problem(
              Reason.InvalidEndpoint,
              where,
              "an endpoint of Service "
                  + service(port)
                  + " was left out: "
                  + firstRefusal
                  + "; correct its EndpointSlice"));
    }
    problems.addAll(unreached.problems());
  }

  /** What is preferred is asked for as Kubernetes asks for it: by hints. */
  private Hints hints(Endpoint endpoint) {
    if (spec.prefer() == null) {
      return endpoint.hints();
    }
    String node = endpoint.nodeName();
    String zone = node == null ? null : zoneOf(node);
    return new Hints(
        node == null || spec.prefer() == Prefer.SameZone ? Set.of() : Set.of(node),
        zone == null ? Set.of() : Set.of(zone));
  }

  private String zoneOf(String node) {
    NodeInfo info = input.nodes().get(node);
    return info == null ? null : info.zone();
  }

  private Optional<String> refusal(Endpoint endpoint) {
    Ip ip;
    try {
      ip = Ip.parse(endpoint.address());
    } catch (IllegalArgumentException e) {
      return Optional.of(e.getMessage());
    }
    if (endpoint.port() < 1 || endpoint.port() > 65_535) {
      return Optional.of(ip + " has port " + endpoint.port() + ", which is not 1 to 65535");
    }
    if (spec.addresses().contains(ip)) {
      return Optional.of(
          ip + " is an address of this load balancer itself, its packets would go in a circle");
    }
    return AddressRules.refusal(ip).map(why -> ip + " is " + why);
  }

  private String service(ServicePort port) {
    return input.name().namespace() + "/" + port.service();
  }

  private void notFound(String where, String message) {
    problems.add(new Problem(Reason.BackendNotFound, where, message));
  }
}
