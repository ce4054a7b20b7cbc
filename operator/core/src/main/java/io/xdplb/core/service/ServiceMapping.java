// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.service;

import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Access;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Backend;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Drain;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Forwarding;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.PoolRef;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.ServiceRef;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.SessionAffinity;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.TrafficPolicy;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.api.v1alpha1.UnavailablePolicy;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.core.service.Finding.Reason;
import io.xdplb.core.service.ServiceAnnotations.Found;
import io.xdplb.core.service.ServiceInput.Port;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Pattern;

/** From a Service of type LoadBalancer to the LoadBalancer that stands for it. Pure. */
public final class ServiceMapping {

  /** The value of {@code spec.loadBalancerClass} of the Services that are ours. */
  public static final String CLASS = "xdplb.io/xdp";

  /** Names a LoadBalancer of the same namespace that is a template. */
  public static final String SETTINGS = ServiceAnnotations.SETTINGS.get(0);

  private static final String PREFIX = "service-";
  private static final String DEFAULT_GRACE_PERIOD = "5m";
  private static final int SHARING_KEY_LENGTH = 63;
  private static final int NAME_LENGTH = 253;
  private static final Pattern NAME =
      Pattern.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*");

  /** An address that no packet comes from: a list of nothing else lets nobody in. */
  private static final String NOBODY = "0.0.0.0/32";

  private final ServiceInput service;
  private final Function<String, Optional<LoadBalancerSpec>> balancers;
  private final List<Finding> findings = new ArrayList<>();
  private final ServiceAnnotations annotations;

  private ServiceMapping(
      ServiceInput service, Function<String, Optional<LoadBalancerSpec>> balancers) {
    this.service = service;
    this.balancers = balancers;
    this.annotations = new ServiceAnnotations(service.annotations(), findings::add);
  }

  /**
   * The name of the LoadBalancer of a Service, in the Service's namespace. Different for different
   * Services, and valid for the longest name that a Service can have.
   */
  public static String balancerName(String service) {
    return PREFIX + service;
  }

  /** The name of the Service whose LoadBalancer would have this name; empty if none would. */
  public static Optional<String> serviceName(String balancer) {
    return balancer.startsWith(PREFIX)
        ? Optional.of(balancer.substring(PREFIX.length())).filter(name -> !name.isEmpty())
        : Optional.empty();
  }

  /**
   * Whether a Service is ours.
   *
   * @param type of the Service
   * @param loadBalancerClass {@code null} or empty if it has none
   * @param isDefault whether those without a class are ours
   */
  public static boolean isOurs(String type, String loadBalancerClass, boolean isDefault) {
    return "LoadBalancer".equals(type)
        && (loadBalancerClass == null || loadBalancerClass.isEmpty()
            ? isDefault
            : CLASS.equals(loadBalancerClass));
  }

  /**
   * Maps a Service. Never throws for anything that a user may write.
   *
   * @param service one that is ours
   * @param balancers the LoadBalancers of its namespace by name, for its settings
   */
  public static ServiceResult map(
      ServiceInput service, Function<String, Optional<LoadBalancerSpec>> balancers) {
    return new ServiceMapping(service, balancers).map();
  }

  private ServiceResult map() {
    Map<Port, Reason> portErrors = new HashMap<>();
    Addresses addresses = addresses();
    List<Listener> listeners = listeners(portErrors);
    Optional<LoadBalancerSpec> settings = settings();
    Access access = access(settings.map(LoadBalancerSpec::access).orElse(null));
    boolean isProxy = isProxy();
    annotations.reportUnknown();
    if (findings.stream().anyMatch(finding -> finding.reason().refuses())) {
      return new ServiceResult.Refused(findings);
    }
    LoadBalancerSpec spec =
        new LoadBalancerSpec(
            addresses,
            listeners,
            new Forwarding(
                settings
                    .map(LoadBalancerSpec::forwarding)
                    .map(Forwarding::mode)
                    .orElse(Forwarding.Mode.Auto)),
            new Drain(
                settings
                    .map(LoadBalancerSpec::drain)
                    .map(Drain::gracePeriod)
                    .orElse(DEFAULT_GRACE_PERIOD)),
            access,
            settings.map(LoadBalancerSpec::unavailablePolicy).orElse(UnavailablePolicy.Reject),
            service.isLocal()
                ? new TrafficPolicy(
                    TrafficPolicy.External.Local, null, service.healthCheckNodePort())
                : new TrafficPolicy(
                    TrafficPolicy.External.Cluster,
                    settings
                        .map(LoadBalancerSpec::trafficPolicy)
                        .map(TrafficPolicy::prefer)
                        .orElse(null)),
            null,
            null);
    return new ServiceResult.Mapped(spec, portErrors, isProxy, findings);
  }

  private Addresses addresses() {
    Set<Ip> requested = new LinkedHashSet<>();
    Optional<Found> asked = annotations.first(ServiceAnnotations.ADDRESSES);
    String old = service.loadBalancerIp() == null ? "" : service.loadBalancerIp().trim();
    asked.ifPresent(found -> parse(found.where(), found.value(), requested));
    if (!old.isEmpty()) {
      String where = "spec.loadBalancerIP";
      if (asked.isEmpty()) {
        parse(where, old, requested);
        find(
            Reason.DeprecatedField,
            where,
            "is deprecated in Kubernetes; write the annotation xdplb.io/addresses instead");
      } else if (!asked.get().value().equals(old)) {
        find(
            Reason.AnnotationIgnored,
            where,
            "is not followed, because " + asked.get().name() + " says something else");
      }
    }
    List<IpFamily> families = families(requested);
    checkFamilies(asked.map(Found::where).orElse("spec.loadBalancerIP"), requested, families);
    return new Addresses(
        pool(),
        requested.isEmpty() ? null : requested.stream().map(Ip::toString).toList(),
        families.size() < 2 ? IpFamilyPolicy.SingleStack : dualStack(),
        families,
        sharingKey());
  }

  /** What both families are preferred for works with one; else an address is asked for, or none. */
  private void checkFamilies(String where, Set<Ip> requested, List<IpFamily> families) {
    List<Ip> others = requested.stream().filter(ip -> !families.contains(family(ip))).toList();
    boolean isPreference =
        service.ipFamilyPolicy() == IpFamilyPolicy.PreferDualStack
            && others.size() < requested.size();
    for (Ip ip : others) {
      String why = ip + " is " + family(ip) + ", and spec.ipFamilies is " + families;
      if (isPreference) {
        requested.remove(ip);
        find(Reason.FamilyUnavailable, where, why + ": it is left out, the others are used");
      } else {
        find(
            Reason.FamilyMismatch,
            where,
            why
                + "; ask for an address of that family, or give the Service both by"
                + " ipFamilyPolicy PreferDualStack");
      }
    }
  }

  private List<IpFamily> families(Set<Ip> requested) {
    if (!service.ipFamilies().isEmpty()) {
      return service.ipFamilies();
    }
    return requested.isEmpty()
        ? List.of(IpFamily.IPv4)
        : requested.stream().map(ServiceMapping::family).distinct().toList();
  }

  private IpFamilyPolicy dualStack() {
    return service.ipFamilyPolicy() == IpFamilyPolicy.RequireDualStack
        ? IpFamilyPolicy.RequireDualStack
        : IpFamilyPolicy.PreferDualStack;
  }

  private static IpFamily family(Ip ip) {
    return ip.isIpv4() ? IpFamily.IPv4 : IpFamily.IPv6;
  }

  private void parse(String where, String list, Set<Ip> into) {
    for (String text : words(list)) {
      try {
        into.add(Ip.parse(text));
      } catch (IllegalArgumentException e) {
        find(
            Reason.InvalidAddress,
            where,
            e.getMessage() + "; write IPv4 or IPv6 addresses with commas between them");
      }
    }
    if (into.size() > Limits.ADDRESSES) {
      find(
          Reason.InvalidAddress,
          where,
          "has more than " + Limits.ADDRESSES + " addresses; split it over several Services");
    }
  }

  private static List<String> words(String list) {
    return Arrays.stream(list.split(",")).map(String::trim).filter(w -> !w.isEmpty()).toList();
  }

  private PoolRef pool() {
    Optional<Found> found = annotations.first(ServiceAnnotations.POOL);
    found
        .filter(f -> f.value().length() > NAME_LENGTH || !NAME.matcher(f.value()).matches())
        .ifPresent(
            f ->
                find(
                    Reason.InvalidPool,
                    f.where(),
                    "\"" + shortened(f.value()) + "\" is no name of an AddressPool; write one"));
    return found.map(f -> new PoolRef(f.value())).orElse(null);
  }

  private String sharingKey() {
    Optional<Found> found = annotations.first(ServiceAnnotations.SHARING_KEY);
    found
        .filter(f -> f.value().length() > SHARING_KEY_LENGTH)
        .ifPresent(
            f ->
                find(
                    Reason.InvalidSharingKey,
                    f.where(),
                    "has more than "
                        + SHARING_KEY_LENGTH
                        + " characters; write a shorter one, the same in all Services that share"));
    return found.map(Found::value).orElse(null);
  }

  private List<Listener> listeners(Map<Port, Reason> errors) {
    List<Listener> listeners = new ArrayList<>();
    SessionAffinity affinity =
        service.affinitySeconds() == null
            ? null
            : new SessionAffinity(SessionAffinity.Type.ClientIP, service.affinitySeconds());
    for (int i = 0; i < service.ports().size(); i++) {
      Port port = service.ports().get(i);
      String where = "spec.ports[" + i + "]";
      Optional<Protocol> protocol = protocol(port.protocol());
      if (protocol.isEmpty()) {
        errors.put(port, Reason.UnsupportedProtocol);
        find(
            Reason.UnsupportedProtocol,
            where + ".protocol",
            port + " is not served, only TCP and UDP are");
      } else if (listeners.size() == Limits.LISTENERS) {
        errors.put(port, Reason.TooManyPorts);
        find(
            Reason.TooManyPorts,
            where,
            port
                + " is not served, because "
                + Limits.LISTENERS
                + " others come before it; move it to another Service with the same address and"
                + " annotation xdplb.io/sharing-key");
      } else {
        listeners.add(
            new Listener(
                name(port),
                protocol.get(),
                port.port(),
                null,
                affinity,
                List.of(new Backend(new ServiceRef(service.name(), port.port()), null, 1))));
      }
    }
    if (listeners.isEmpty()) {
      find(Reason.NoUsablePort, "spec.ports", "has no TCP or UDP port; add one");
    }
    return listeners;
  }

  private static Optional<Protocol> protocol(String text) {
    return Arrays.stream(Protocol.values()).filter(p -> p.name().equals(text)).findFirst();
  }

  private static String name(Port port) {
    return port.name() == null || port.name().isEmpty()
        ? port.protocol().toLowerCase(Locale.ROOT) + "-" + port.port()
        : port.name();
  }

  private Optional<LoadBalancerSpec> settings() {
    Optional<Found> found = annotations.first(ServiceAnnotations.SETTINGS);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    Optional<LoadBalancerSpec> spec = balancers.apply(found.get().value());
    if (spec.isEmpty() || !Boolean.TRUE.equals(spec.get().template())) {
      String name = "LoadBalancer " + shortened(found.get().value());
      find(
          Reason.SettingsNotFound,
          found.get().where(),
          spec.isEmpty()
              ? "there is no " + name + " in this namespace; create it, with spec.template true"
              : name + " is no template; set its spec.template to true, or name another");
      return Optional.empty();
    }
    return spec;
  }

  /** Fail closed: a list with anything in it never means "open". */
  private Access access(Access ofSettings) {
    List<String> texts = service.sourceRanges();
    String where = "spec.loadBalancerSourceRanges";
    if (texts.isEmpty()) {
      Optional<Found> found = annotations.first(ServiceAnnotations.SOURCE_RANGES);
      texts = found.map(f -> words(f.value())).orElse(List.of());
      where = found.map(Found::where).orElse(where);
      if (found.isEmpty()) {
        return ofSettings;
      }
    }
    Map<Cidr, String> ranges = new TreeMap<>();
    for (int i = 0; i < texts.size(); i++) {
      try {
        Cidr range = Cidr.parse(texts.get(i).trim());
        ranges.put(range, range.toString());
      } catch (IllegalArgumentException e) {
        find(
            Reason.InvalidSourceRange,
            where + "[" + i + "]",
            e.getMessage() + "; nobody is let in by it: write a block, as 10.0.0.0/8");
      }
    }
    if (ranges.size() > Limits.SOURCE_RANGES) {
      find(
          Reason.InvalidSourceRange,
          where,
          "has more than "
              + Limits.SOURCE_RANGES
              + " blocks, and only the first ones in the order of addresses are let in; join"
              + " neighbours to larger ones");
    }
    List<String> admitted = ranges.values().stream().limit(Limits.SOURCE_RANGES).toList();
    return new Access(admitted.isEmpty() ? List.of(NOBODY) : admitted);
  }

  private boolean isProxy() {
    Optional<Found> mode = annotations.first(ServiceAnnotations.IP_MODE);
    mode.filter(found -> !found.value().equals("VIP") && !found.value().equals("Proxy"))
        .ifPresent(
            found ->
                find(
                    Reason.AnnotationIgnored,
                    found.where(),
                    "\"" + shortened(found.value()) + "\" is not followed; write VIP or Proxy"));
    return mode.filter(found -> found.value().equals("Proxy")).isPresent();
  }

  private void find(Reason reason, String where, String message) {
    findings.add(new Finding(reason, where, message));
  }

  private static String shortened(String text) {
    return text.length() <= 80 ? text : text.substring(0, 77) + "...";
  }
}
