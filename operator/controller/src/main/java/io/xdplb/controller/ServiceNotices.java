// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.LoadBalancerIngress;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceStatus;
import io.xdplb.core.service.Finding;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** What to write Events of when a Service's status changes: nothing twice. Pure. */
final class ServiceNotices {

  private ServiceNotices() {}

  /**
   * @param before the Service with the status that was there
   * @param after what takes its place
   * @param findings of the mapping; the condition says the first ones
   */
  static List<Notice> between(Service before, ServiceStatus after, List<Finding> findings) {
    List<Notice> notices = new ArrayList<>();
    Set<String> had = addresses(ServiceStatusComposer.ingress(before));
    Set<String> has = addresses(after.getLoadBalancer().getIngress());
    if (!had.equals(has)) {
      notices.add(
          has.isEmpty()
              ? new Notice(true, "AddressWithdrawn", "The Service has no address any more.")
              : new Notice(
                  false, "AddressPublished", "Reachable at " + String.join(", ", has) + "."));
    }
    Optional<Condition> then =
        ServiceStatusComposer.condition(before.getStatus(), ServiceStatusComposer.READY);
    Condition now =
        ServiceStatusComposer.condition(after, ServiceStatusComposer.READY).orElseThrow();
    boolean isSaid =
        then.filter(
                c ->
                    c.getStatus().equals(now.getStatus())
                        && c.getReason().equals(now.getReason())
                        && (!isRefusal(now) || c.getMessage().equals(now.getMessage())))
            .isPresent();
    if (!isSaid && !now.getStatus().equals(Verdict.Status.UNKNOWN.text())) {
      notices.add(new Notice(isWarning(now), now.getReason(), now.getMessage()));
    }
    String said = then.map(Condition::getMessage).orElse("");
    findings.stream()
        .filter(finding -> !finding.reason().refuses())
        .filter(finding -> now.getMessage().contains(finding.toString()))
        .filter(finding -> !said.contains(finding.toString()))
        .map(finding -> new Notice(true, finding.reason().name(), finding.toString()))
        .forEach(notices::add);
    return notices;
  }

  private static boolean isRefusal(Condition ready) {
    return Arrays.stream(Finding.Reason.values())
        .anyMatch(reason -> reason.name().equals(ready.getReason()));
  }

  private static boolean isWarning(Condition ready) {
    return ready.getStatus().equals(Verdict.Status.FALSE.text())
        && !Notice.EXPECTED.contains(ready.getReason());
  }

  private static Set<String> addresses(List<LoadBalancerIngress> ingress) {
    return ingress.stream()
        .map(LoadBalancerIngress::getIp)
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
