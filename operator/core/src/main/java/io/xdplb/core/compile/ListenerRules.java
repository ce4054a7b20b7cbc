// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding.Mode;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.SessionAffinity;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.StaticBackends.Encapsulation;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Finds everything that is wrong with the listeners of a spec. */
final class ListenerRules {

  private final Findings findings;
  private final Set<Ip> vipAddresses;
  private final Mode mode;

  /**
   * @param vipAddresses of the load balancer, as far as they are valid
   */
  ListenerRules(Findings findings, Set<Ip> vipAddresses, Mode mode) {
    this.findings = findings;
    this.vipAddresses = vipAddresses;
    this.mode = mode;
  }

  /** The listeners; whole where nothing was found. */
  List<ValidSpec.Listener> listeners(List<LoadBalancerSpec.Listener> specs) {
    if (!findings.present("spec.listeners", specs, Limits.LISTENERS, "listeners")) {
      return List.of();
    }
    List<ValidSpec.Listener> listeners = new ArrayList<>();
    Map<String, String> names = new HashMap<>();
    ListenerPorts ports = new ListenerPorts(findings);
    for (int i = 0; i < specs.size(); i++) {
      String where = "spec.listeners[" + i + "]";
      LoadBalancerSpec.Listener spec = specs.get(i);
      if (spec == null) {
        findings.invalid(where, "is empty; it needs name, protocol and port");
        continue;
      }
      if (findings.label(where + ".name", spec.name())) {
        String first = names.putIfAbsent(spec.name(), where);
        if (first != null) {
          findings.invalid(
              where + ".name",
              "\"" + spec.name() + "\" is the name of " + first + " too; rename one");
        }
      }
      if (spec.protocol() == null) {
        findings.invalid(where + ".protocol", "is missing; write TCP or UDP");
      }
      int endPort = ports.endPort(where, spec);
      int affinitySeconds = affinitySeconds(where + ".sessionAffinity", spec.sessionAffinity());
      List<ValidSpec.Group> groups = groups(where, spec, endPort != spec.port());
      listeners.add(
          new ValidSpec.Listener(
              where, spec.name(), spec.protocol(), spec.port(), endPort, affinitySeconds, groups));
    }
    return listeners;
  }

  private int affinitySeconds(String where, SessionAffinity spec) {
    if (spec == null) {
      return 0;
    }
    int seconds =
        spec.timeoutSeconds() == null ? Limits.DEFAULT_AFFINITY_SECONDS : spec.timeoutSeconds();
    if (seconds < 1 || seconds > Limits.AFFINITY_SECONDS) {
      findings.invalid(
          where + ".timeoutSeconds",
          seconds + " is no timeout; use 1 to " + Limits.AFFINITY_SECONDS + " seconds");
    }
    return spec.type() == SessionAffinity.Type.ClientIP ? seconds : 0;
  }

  private List<ValidSpec.Group> groups(
      String listenerWhere, LoadBalancerSpec.Listener listener, boolean isRange) {
    List<LoadBalancerSpec.Backend> specs = listener.backends();
    if (specs == null) {
      return List.of();
    }
    findings.atMost(
        listenerWhere + ".backends", specs.size(), Limits.BACKEND_GROUPS, "groups of backends");
    List<ValidSpec.Group> groups = new ArrayList<>();
    Map<BackendKey, ValidSpec.StaticGroup> servers = new HashMap<>();
    for (int i = 0; i < specs.size(); i++) {
      String where = listenerWhere + ".backends[" + i + "]";
      LoadBalancerSpec.Backend spec = specs.get(i);
      if (spec == null) {
        findings.invalid(where, "is empty; it needs serviceRef or static");
        continue;
      }
      int weight = spec.weight() == null ? 1 : spec.weight();
      if (weight < 0 || weight > Limits.GROUP_WEIGHT) {
        findings.invalid(
            where + ".weight", weight + " is no weight; use 0 to " + Limits.GROUP_WEIGHT);
      }
      if ((spec.serviceRef() == null) == (spec.staticBackends() == null)) {
        findings.invalid(
            where,
            (spec.serviceRef() == null
                    ? "has neither serviceRef nor static"
                    : "has serviceRef and static")
                + "; set exactly one of the two");
      }
      if (spec.serviceRef() != null) {
        findings.label(where + ".serviceRef.name", spec.serviceRef().name());
        findings.port(where + ".serviceRef.port", spec.serviceRef().port());
        groups.add(
            new ValidSpec.ServiceGroup(where, weight, servicePort(listener, spec.serviceRef())));
      }
      if (spec.staticBackends() != null) {
        ValidSpec.StaticGroup group =
            staticGroup(where, weight, spec.staticBackends(), listener, isRange);
        groups.add(group);
        reachedInOneWay(group, servers);
      }
    }
    return groups;
  }

  /** What a reference of a listener refers to. */
  static ServicePort servicePort(
      LoadBalancerSpec.Listener listener, LoadBalancerSpec.ServiceRef ref) {
    return new ServicePort(ref.name(), listener.protocol(), ref.port());
  }

  private ValidSpec.StaticGroup staticGroup(
      String groupWhere,
      int weight,
      LoadBalancerSpec.StaticBackends spec,
      LoadBalancerSpec.Listener listener,
      boolean isRange) {
    String where = groupWhere + ".static.addresses";
    List<Ip> addresses = List.of();
    if (findings.present(where, spec.addresses(), Limits.STATIC_ADDRESSES, "addresses")) {
      addresses = findings.ips(where, spec.addresses(), "a backend");
    }
    for (Ip address : addresses) {
      if (vipAddresses.contains(address)) {
        findings.invalid(
            where,
            address
                + " is an address of this load balancer itself: its packets would go in a"
                + " circle; name the server behind it");
      }
    }
    Encapsulation encapsulation = mode == Mode.NAT ? null : spec.encapsulation();
    if (findings.port(groupWhere + ".static.port", spec.port()) && spec.port() != listener.port()) {
      portIsKept(groupWhere + ".static.port", spec.port(), listener.port(), isRange, encapsulation);
    }
    if (mode == Mode.DSR && encapsulation == null) {
      findings.invalid(
          groupWhere + ".static.encapsulation",
          "is missing, and mode DSR reaches no server without; write IPIP, GUE or L2, or use mode"
              + " Auto or NAT");
    }
    return new ValidSpec.StaticGroup(groupWhere, weight, addresses, spec.port(), encapsulation);
  }

  private void portIsKept(
      String where, int port, int listenerPort, boolean isRange, Encapsulation encapsulation) {
    if (isRange) {
      findings.invalid(
          where,
          port
              + " is not the listener's port "
              + listenerPort
              + ": packets to a range of ports keep their port; write "
              + listenerPort);
    } else if (encapsulation == Encapsulation.IPIP || encapsulation == Encapsulation.L2) {
      findings.invalid(
          where,
          port
              + " is not the listener's port "
              + listenerPort
              + ": by "
              + encapsulation
              + " the server gets packets as the client sent them; write "
              + listenerPort
              + ", or use encapsulation GUE with xdplb on the server, or none for NAT");
    }
  }

  /** One server in several groups is one backend, and packets reach it in one way. */
  private void reachedInOneWay(
      ValidSpec.StaticGroup group, Map<BackendKey, ValidSpec.StaticGroup> servers) {
    if (group.port() < 1 || group.port() > 65_535) {
      return;
    }
    for (Ip address : group.addresses()) {
      BackendKey server = new BackendKey(address, group.port());
      ValidSpec.StaticGroup first = servers.putIfAbsent(server, group);
      if (first != null && first.encapsulation() != group.encapsulation()) {
        findings.invalid(
            group.where() + ".static.encapsulation",
            server
                + " is in "
                + first.where()
                + " too with another encapsulation; a server is reached in one way: write the"
                + " same in both");
      }
    }
  }
}
