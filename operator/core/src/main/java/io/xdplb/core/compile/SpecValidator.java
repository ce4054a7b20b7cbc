// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.compile.Problem.Reason;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Finds everything that is wrong with a spec. Where there is an API server it has refused most of
 * it already; the standalone mode has none.
 */
final class SpecValidator {

  /** How long flows of a static backend may go on when the spec does not say: five minutes. */
  private static final int DEFAULT_DRAIN_SECONDS = 300;

  private static final String LABEL_TEXT = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
  private static final Pattern LABEL = Pattern.compile(LABEL_TEXT);
  private static final Pattern SUBDOMAIN = Pattern.compile(LABEL_TEXT + "(\\." + LABEL_TEXT + ")*");
  private static final int SUBDOMAIN_LENGTH = 253;

  private record ProtocolPort(Protocol protocol, int port) {}

  private final List<Problem> problems = new ArrayList<>();

  private SpecValidator() {}

  /**
   * Checks a spec.
   *
   * @param problems is appended to, in the order of the spec
   * @return empty exactly if a problem was found
   */
  static Optional<ValidSpec> validate(
      ObjectName name, LoadBalancerSpec spec, List<Problem> problems) {
    SpecValidator validator = new SpecValidator();
    ValidSpec valid = validator.check(name, spec);
    problems.addAll(validator.problems);
    return validator.problems.isEmpty() ? Optional.of(valid) : Optional.empty();
  }

  private ValidSpec check(ObjectName name, LoadBalancerSpec spec) {
    if (!LABEL.matcher(name.namespace()).matches()) {
      invalid("metadata.namespace", notA("DNS label", name.namespace(), 63));
    }
    if (name.name().length() > SUBDOMAIN_LENGTH || !SUBDOMAIN.matcher(name.name()).matches()) {
      invalid("metadata.name", notA("DNS name", name.name(), SUBDOMAIN_LENGTH));
    }
    if (spec == null) {
      invalid("spec", "is missing; it needs addresses and listeners");
      return null;
    }
    List<Ip> addresses = addresses(spec.addresses());
    List<ValidSpec.Listener> listeners = listeners(spec.listeners(), Set.copyOf(addresses));
    return new ValidSpec(addresses, listeners, drainSeconds(spec.drain()));
  }

  private List<Ip> addresses(LoadBalancerSpec.Addresses addresses) {
    String where = "spec.addresses.requested";
    List<String> requested = addresses == null ? null : addresses.requested();
    if (!present(where, requested, Limits.ADDRESSES, "addresses")) {
      return List.of();
    }
    return ips(where, requested, "a VIP");
  }

  private List<ValidSpec.Listener> listeners(
      List<LoadBalancerSpec.Listener> specs, Set<Ip> vipAddresses) {
    if (!present("spec.listeners", specs, Limits.LISTENERS, "listeners")) {
      return List.of();
    }
    List<ValidSpec.Listener> listeners = new ArrayList<>();
    Map<String, String> names = new HashMap<>();
    Map<ProtocolPort, String> ports = new HashMap<>();
    for (int i = 0; i < specs.size(); i++) {
      String where = "spec.listeners[" + i + "]";
      LoadBalancerSpec.Listener spec = specs.get(i);
      if (spec == null) {
        invalid(where, "is empty; it needs name, protocol and port");
        continue;
      }
      if (label(where + ".name", spec.name())) {
        String first = names.putIfAbsent(spec.name(), where);
        if (first != null) {
          invalid(
              where + ".name",
              "\"" + spec.name() + "\" is the name of " + first + " too; rename one");
        }
      }
      if (spec.protocol() == null) {
        invalid(where + ".protocol", "is missing; write TCP or UDP");
      }
      boolean portOk = port(where + ".port", spec.port());
      if (portOk && spec.protocol() != null) {
        String first = ports.putIfAbsent(new ProtocolPort(spec.protocol(), spec.port()), where);
        if (first != null) {
          invalid(
              where + ".port",
              spec.protocol()
                  + " port "
                  + spec.port()
                  + " is that of "
                  + first
                  + " too; a protocol and port can have one listener: merge the two or change one");
        }
      }
      List<ValidSpec.Group> groups = groups(where, spec, vipAddresses);
      listeners.add(
          new ValidSpec.Listener(where, spec.name(), spec.protocol(), spec.port(), groups));
    }
    return listeners;
  }

  private List<ValidSpec.Group> groups(
      String listenerWhere, LoadBalancerSpec.Listener listener, Set<Ip> vipAddresses) {
    List<LoadBalancerSpec.Backend> specs = listener.backends();
    if (specs == null) {
      return List.of();
    }
    atMost(listenerWhere + ".backends", specs.size(), Limits.BACKEND_GROUPS, "groups of backends");
    List<ValidSpec.Group> groups = new ArrayList<>();
    for (int i = 0; i < specs.size(); i++) {
      String where = listenerWhere + ".backends[" + i + "]";
      LoadBalancerSpec.Backend spec = specs.get(i);
      if (spec == null) {
        invalid(where, "is empty; it needs serviceRef or static");
        continue;
      }
      int weight = spec.weight() == null ? 1 : spec.weight();
      if (weight < 0 || weight > Limits.GROUP_WEIGHT) {
        invalid(where + ".weight", weight + " is no weight; use 0 to " + Limits.GROUP_WEIGHT);
      }
      if ((spec.serviceRef() == null) == (spec.staticBackends() == null)) {
        invalid(
            where,
            (spec.serviceRef() == null
                    ? "has neither serviceRef nor static"
                    : "has serviceRef and static")
                + "; set exactly one of the two");
      }
      if (spec.serviceRef() != null) {
        label(where + ".serviceRef.name", spec.serviceRef().name());
        port(where + ".serviceRef.port", spec.serviceRef().port());
        groups.add(
            new ValidSpec.ServiceGroup(where, weight, servicePort(listener, spec.serviceRef())));
      }
      if (spec.staticBackends() != null) {
        groups.add(staticGroup(where, weight, spec.staticBackends(), vipAddresses));
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
      String groupWhere, int weight, LoadBalancerSpec.StaticBackends spec, Set<Ip> vipAddresses) {
    String where = groupWhere + ".static.addresses";
    List<Ip> addresses = List.of();
    if (present(where, spec.addresses(), Limits.STATIC_ADDRESSES, "addresses")) {
      addresses = ips(where, spec.addresses(), "a backend");
    }
    for (Ip address : addresses) {
      if (vipAddresses.contains(address)) {
        invalid(
            where,
            address
                + " is an address of this load balancer itself: its packets would go in a"
                + " circle; name the server behind it");
      }
    }
    port(groupWhere + ".static.port", spec.port());
    return new ValidSpec.StaticGroup(groupWhere, weight, addresses, spec.port());
  }

  private int drainSeconds(LoadBalancerSpec.Drain drain) {
    if (drain == null || drain.gracePeriod() == null) {
      return DEFAULT_DRAIN_SECONDS;
    }
    try {
      return Durations.seconds(drain.gracePeriod());
    } catch (IllegalArgumentException e) {
      invalid("spec.drain.gracePeriod", e.getMessage());
      return 0;
    }
  }

  private List<Ip> ips(String listWhere, List<String> texts, String purpose) {
    List<Ip> ips = new ArrayList<>();
    Set<Ip> seen = new HashSet<>();
    for (int i = 0; i < texts.size(); i++) {
      String where = listWhere + "[" + i + "]";
      String text = texts.get(i);
      if (text == null) {
        invalid(where, "is empty; write an IPv4 or IPv6 address or remove it");
        continue;
      }
      try {
        Ip ip = Ip.parse(text);
        AddressRules.refusal(ip)
            .ifPresent(
                why ->
                    invalid(
                        where,
                        ip
                            + " is "
                            + why
                            + ", which cannot be "
                            + purpose
                            + "; write a unicast address"));
        if (!seen.add(ip)) {
          invalid(where, ip + " is in the list twice; remove one");
        } else {
          ips.add(ip);
        }
      } catch (IllegalArgumentException e) {
        invalid(where, e.getMessage() + "; write an IPv4 or IPv6 address");
      }
    }
    return ips;
  }

  private boolean present(String where, List<?> list, int max, String what) {
    if (list == null || list.isEmpty()) {
      invalid(where, "has no " + what + "; write at least one");
      return false;
    }
    atMost(where, list.size(), max, what);
    return true;
  }

  private void atMost(String where, int size, int max, String what) {
    if (size > max) {
      invalid(where, "has more than " + max + " " + what + "; split it over several LoadBalancers");
    }
  }

  private boolean label(String where, String text) {
    boolean ok = text != null && LABEL.matcher(text).matches();
    if (!ok) {
      invalid(where, text == null ? "is missing; write a name" : notA("DNS label", text, 63));
    }
    return ok;
  }

  private boolean port(String where, int port) {
    boolean ok = port >= 1 && port <= 65_535;
    if (!ok) {
      invalid(where, port + " is no port; use 1 to 65535");
    }
    return ok;
  }

  private static String notA(String what, String text, int maxLength) {
    String shown = text.length() <= 80 ? text : text.substring(0, 77) + "...";
    return "\""
        + shown
        + "\" is no "
        + what
        + "; use lower-case letters, digits and hyphens, at most "
        + maxLength
        + " characters";
  }

  private void invalid(String where, String message) {
    problems.add(new Problem(Reason.InvalidSpec, where, message));
  }
}
