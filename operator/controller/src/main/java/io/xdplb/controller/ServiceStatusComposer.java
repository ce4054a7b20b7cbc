// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.fabric8.kubernetes.api.model.LoadBalancerIngress;
import io.fabric8.kubernetes.api.model.LoadBalancerIngressBuilder;
import io.fabric8.kubernetes.api.model.PortStatus;
import io.fabric8.kubernetes.api.model.PortStatusBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceStatus;
import io.fabric8.kubernetes.api.model.ServiceStatusBuilder;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerStatus;
import io.xdplb.core.model.Ip;
import io.xdplb.core.service.Finding;
import io.xdplb.core.service.ServiceInput;
import io.xdplb.core.service.ServiceResult;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Says in a Service's status what is known of its LoadBalancer. Pure. */
final class ServiceStatusComposer {

  /** Our condition: whether all that the Service asks for is in force on every node. */
  static final String READY = "xdplb.io/Ready";

  /** Kubernetes' condition: whether some port is not served. */
  static final String PORTS_ERROR = "LoadBalancerPortsError";

  static final String NAME_TAKEN = "NameTaken";

  private static final String ERROR_PREFIX = "xdplb.io/";
  private static final String VIP = "VIP";
  private static final int LISTED = 5;

  private final Service service;
  private final List<Finding> findings;
  private final Map<ServiceInput.Port, Finding.Reason> portErrors;
  private final boolean isProxy;
  private final LoadBalancer balancer;
  private final Optional<ForwardingTableSpec> table;
  private final Instant now;

  /**
   * @param result of the mapping
   * @param balancer the Service's own; {@code null} if there is none
   * @param table that is in force for it
   * @param now becomes the transition time of the conditions whose status changes
   */
  ServiceStatusComposer(
      Service service,
      ServiceResult result,
      LoadBalancer balancer,
      Optional<ForwardingTableSpec> table,
      Instant now) {
    this.service = service;
    this.findings = result.findings();
    this.portErrors =
        result instanceof ServiceResult.Mapped mapped ? mapped.portErrors() : Map.of();
    this.isProxy =
        result instanceof ServiceResult.Mapped mapped
            ? mapped.isProxy()
            : ingress(service).stream().anyMatch(entry -> "Proxy".equals(entry.getIpMode()));
    this.balancer = balancer;
    this.table = table;
    this.now = now;
  }

  /** When another LoadBalancer has the name. */
  ServiceStatus nameTaken(String name) {
    return status(
        List.of(),
        Verdict.no(
            NAME_TAKEN,
            "There is a LoadBalancer "
                + name
                + " already that was not made for this Service, and it is left as it is; rename it,"
                + " or refer to this Service from it and make this Service a ClusterIP."));
  }

  /**
   * What to say; empty if what is said stands until the LoadBalancer's status speaks of its spec.
   */
  Optional<ServiceStatus> compose() {
    Optional<Finding> refusal =
        findings.stream().filter(finding -> finding.reason().refuses()).findFirst();
    if (refusal.isPresent()) {
      return Optional.of(
          status(
              ingress(), Verdict.no(refusal.get().reason().name(), listed(findings) + inForce())));
    }
    if (balancer == null
        || balancer.getStatus() == null
        || !Objects.equals(
            balancer.getMetadata().getGeneration(), balancer.getStatus().observedGeneration())) {
      return Optional.empty();
    }
    Verdict ready =
        StatusComposer.condition(balancer.getStatus(), StatusComposer.READY)
            .map(
                c ->
                    new Verdict(
                        statusOf(c),
                        c.getReason(),
                        "LoadBalancer "
                            + balancer.getMetadata().getName()
                            + ": "
                            + c.getMessage()
                            + (findings.isEmpty() ? "" : " But " + listed(findings))))
            .orElseGet(() -> Verdict.unknown(Decision.PENDING, "Nothing is known yet."));
    return Optional.of(status(ingress(), ready));
  }

  /** Whether a Service says this already. */
  static boolean says(Service service, ServiceStatus status) {
    return ingress(service).equals(status.getLoadBalancer().getIngress())
        && condition(service.getStatus(), READY).equals(condition(status, READY))
        && condition(service.getStatus(), PORTS_ERROR).equals(condition(status, PORTS_ERROR));
  }

  static Optional<Condition> condition(ServiceStatus status, String type) {
    return status == null || status.getConditions() == null
        ? Optional.empty()
        : status.getConditions().stream().filter(c -> type.equals(c.getType())).findFirst();
  }

  /** The entries of a Service's status, with their defaults. */
  static List<LoadBalancerIngress> ingress(Service service) {
    if (service.getStatus() == null
        || service.getStatus().getLoadBalancer() == null
        || service.getStatus().getLoadBalancer().getIngress() == null) {
      return List.of();
    }
    return service.getStatus().getLoadBalancer().getIngress().stream()
        .map(
            entry ->
                new LoadBalancerIngressBuilder(entry)
                    .withIpMode(entry.getIpMode() == null ? VIP : entry.getIpMode())
                    .build())
        .toList();
  }

  private static Verdict.Status statusOf(Condition condition) {
    return Arrays.stream(Verdict.Status.values())
        .filter(status -> status.text().equals(condition.getStatus()))
        .findFirst()
        .orElse(Verdict.Status.UNKNOWN);
  }

  private String inForce() {
    return balancer == null
        ? ". Nothing is in force for it."
        : ". What it said before stays in force.";
  }

  private static String listed(List<Finding> findings) {
    return findings.stream().limit(LISTED).map(Finding::toString).collect(Collectors.joining("; "))
        + (findings.size() > LISTED ? "; and others" : "");
  }

  private ServiceStatus status(List<LoadBalancerIngress> ingress, Verdict ready) {
    List<Condition> conditions = new ArrayList<>();
    conditions.add(condition(READY, ready));
    portsError(ingress).ifPresent(conditions::add);
    return new ServiceStatusBuilder()
        .withNewLoadBalancer()
        .withIngress(ingress)
        .endLoadBalancer()
        .withConditions(conditions)
        .build();
  }

  /**
   * The addresses that the LoadBalancer has, in the order of the Service's families. One is said
   * when every node has proven that it balances it, and from then on for as long as it is held:
   * others make DNS records of it.
   */
  private List<LoadBalancerIngress> ingress() {
    LoadBalancerStatus status = balancer == null ? null : balancer.getStatus();
    if (status == null || status.addresses() == null) {
      return List.of();
    }
    Set<String> said =
        ingress(service).stream().map(LoadBalancerIngress::getIp).collect(Collectors.toSet());
    boolean isProgrammed =
        table.isPresent()
            && status.desiredNodes() != null
            && status.desiredNodes() > 0
            && status.desiredNodes().equals(status.programmedNodes());
    List<String> families =
        service.getSpec().getIpFamilies() == null ? List.of() : service.getSpec().getIpFamilies();
    return status.addresses().stream()
        .filter(address -> said.contains(address) || isProgrammed && isInTable(address))
        .sorted(Comparator.comparingInt(address -> families.indexOf(family(address))))
        .map(this::entry)
        .toList();
  }

  private static String family(String address) {
    return Ip.parse(address).isIpv4() ? "IPv4" : "IPv6";
  }

  private LoadBalancerIngress entry(String address) {
    return new LoadBalancerIngressBuilder()
        .withIp(address)
        .withIpMode(isProxy ? "Proxy" : VIP)
        .withPorts(
            service.getSpec().getPorts().stream()
                .map(port -> port(address, ServiceReader.port(port)))
                .toList())
        .build();
  }

  private PortStatus port(String address, ServiceInput.Port port) {
    return new PortStatusBuilder()
        .withPort(port.port())
        .withProtocol(port.protocol())
        .withError(error(address, port).map(error -> ERROR_PREFIX + error).orElse(null))
        .build();
  }

  private Optional<String> error(String address, ServiceInput.Port port) {
    if (portErrors.containsKey(port)) {
      return Optional.of(portErrors.get(port).name());
    }
    boolean isTaken =
        StatusComposer.condition(balancer.getStatus(), StatusComposer.ACCEPTED)
                .filter(c -> Decision.ADDRESS_IN_USE.equals(c.getReason()))
                .isPresent()
            && table.isPresent()
            && table.get().vips().stream().noneMatch(vip -> isOf(vip, address, port));
    return isTaken ? Optional.of(Decision.ADDRESS_IN_USE) : Optional.empty();
  }

  private static boolean isOf(ForwardingTableSpec.Vip vip, String address, ServiceInput.Port port) {
    return vip.address().equals(address)
        && vip.port() == port.port()
        && vip.protocol().name().equals(port.protocol());
  }

  private boolean isInTable(String address) {
    return table.orElseThrow().vips().stream().anyMatch(vip -> vip.address().equals(address));
  }

  private Optional<Condition> portsError(List<LoadBalancerIngress> ingress) {
    Set<String> errors = new TreeSet<>();
    for (LoadBalancerIngress entry : ingress) {
      entry.getPorts().stream()
          .filter(port -> port.getError() != null)
          .forEach(
              port ->
                  errors.add(
                      port.getProtocol() + " port " + port.getPort() + ": " + port.getError()));
    }
    portErrors.forEach((port, reason) -> errors.add(port + ": " + ERROR_PREFIX + reason));
    return errors.isEmpty()
        ? Optional.empty()
        : Optional.of(
            condition(
                PORTS_ERROR,
                Verdict.yes(
                    "PortsNotServed",
                    errors.stream().limit(LISTED).collect(Collectors.joining(", "))
                        + (errors.size() > LISTED ? " and others" : "")
                        + ".")));
  }

  private Condition condition(String type, Verdict verdict) {
    String since =
        condition(service.getStatus(), type)
            .filter(c -> verdict.status().text().equals(c.getStatus()))
            .map(Condition::getLastTransitionTime)
            .orElseGet(() -> now.truncatedTo(ChronoUnit.SECONDS).toString());
    return new ConditionBuilder()
        .withType(type)
        .withStatus(verdict.status().text())
        .withReason(verdict.reason())
        .withMessage(verdict.message())
        .withObservedGeneration(service.getMetadata().getGeneration())
        .withLastTransitionTime(since)
        .build();
  }
}
