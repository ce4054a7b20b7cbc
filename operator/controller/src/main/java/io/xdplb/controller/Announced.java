// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.NodeStateStatus.Duplicate;
import io.xdplb.core.model.Ip;
import io.xdplb.core.policy.Policy;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The condition Announced: whether somebody answers for each address, or a router has a route to
 * it, as nodes whose agents are alive say. Pure.
 */
final class Announced {

  static final String ANNOUNCED = "Announced";
  static final String ANNOUNCING = "Announcing";
  static final String NOT_MANAGED = "NotManaged";
  static final String NO_MATCHING_POLICY = "NoMatchingPolicy";
  static final String NO_ELIGIBLE_NODE = "NoEligibleNode";
  static final String SESSION_DOWN = "SessionDown";
  static final String DUPLICATE_ADDRESS = "DuplicateAddress";

  /** What somebody has to mend comes before what may pass. */
  private static final List<String> ORDER =
      List.of(DUPLICATE_ADDRESS, NO_MATCHING_POLICY, SESSION_DOWN, NO_ELIGIBLE_NODE);

  private final AnnouncingView view;
  private final Announcements announcements;
  private final Predicate<String> isSilent;
  private final boolean isProgrammed;
  private final boolean hasEndpoints;

  /** What holds for one address. */
  private record Finding(String reason, String text) {
    private boolean isGood() {
      return reason.equals(ANNOUNCED);
    }
  }

  private Announced(
      AnnouncingView view,
      Announcements announcements,
      Predicate<String> isSilent,
      boolean isProgrammed,
      boolean hasEndpoints) {
    this.view = view;
    this.announcements = announcements;
    this.isSilent = isSilent;
    this.isProgrammed = isProgrammed;
    this.hasEndpoints = hasEndpoints;
  }

  /**
   * @param addresses of the LoadBalancer, at least one
   * @param isSilent whether a node's agent gives no sign of life: what it said last does not count
   * @param isProgrammed whether some node has the table
   * @param hasEndpoints whether there is anything that takes new flows
   */
  static Verdict of(
      List<String> addresses,
      AnnouncingView view,
      Announcements announcements,
      Predicate<String> isSilent,
      boolean isProgrammed,
      boolean hasEndpoints) {
    Announced announced = new Announced(view, announcements, isSilent, isProgrammed, hasEndpoints);
    List<String> left =
        addresses.stream()
            .filter(address -> announcements.ownerOfItsOwn(address).isEmpty())
            .toList();
    if (view.policies().isEmpty() && !left.isEmpty()) {
      return Verdict.unknown(
          NOT_MANAGED,
          "There is no AnnouncementPolicy: whether the network brings packets for "
              + String.join(", ", left)
              + " to the nodes is not known here.");
    }
    List<Finding> findings = addresses.stream().map(announced::finding).toList();
    return findings.stream()
        .filter(finding -> !finding.isGood())
        .min(Comparator.comparingInt(finding -> ORDER.indexOf(finding.reason())))
        .map(worst -> Verdict.no(worst.reason(), joined(findings, f -> !f.isGood())))
        .orElseGet(() -> Verdict.yes(ANNOUNCED, joined(findings, f -> true)));
  }

  /** Whether a verdict may be so for a moment only, while nodes agree on who announces. */
  static boolean mayPass(Verdict verdict) {
    return verdict.isFalse()
        && (verdict.reason().equals(NO_ELIGIBLE_NODE) || verdict.reason().equals(SESSION_DOWN));
  }

  private static String joined(List<Finding> findings, Predicate<Finding> which) {
    String text =
        findings.stream().filter(which).map(Finding::text).collect(Collectors.joining("; ")) + ".";
    return Character.toUpperCase(text.charAt(0)) + text.substring(1);
  }

  private Finding finding(String address) {
    Optional<String> own = announcements.ownerOfItsOwn(address);
    if (own.isPresent()) {
      return new Finding(ANNOUNCED, address + " is an address of " + own.get() + " itself");
    }
    Ip ip = Ip.parse(address);
    List<Policy> policies =
        view.policies().valid().stream().filter(policy -> policy.selects(ip)).toList();
    if (policies.isEmpty()) {
      return new Finding(
          NO_MATCHING_POLICY,
          "no AnnouncementPolicy selects "
              + address
              + "; add it to one, by its pool or its address");
    }
    Map<String, Duplicate> duplicates = new TreeMap<>(announcements.duplicates(address));
    duplicates.keySet().removeIf(isSilent);
    if (!duplicates.isEmpty()) {
      Map.Entry<String, Duplicate> first = duplicates.entrySet().iterator().next();
      return new Finding(
          DUPLICATE_ADDRESS,
          address
              + " is in use by somebody else: "
              + first.getValue().mac()
              + ", seen on "
              + first.getValue().interfaceName()
              + " of "
              + first.getKey()
              + "; take it away there, or use another address");
    }
    return announced(address, ip, policies);
  }

  private Finding announced(String address, Ip ip, List<Policy> policies) {
    List<String> ways = new ArrayList<>();
    List<Policy> l2 = policies.stream().filter(Policy::isL2).toList();
    if (!l2.isEmpty()) {
      List<String> owners = alive(announcements.owners(address));
      String way = ip.isIpv4() ? "ARP" : "NDP";
      if (owners.isEmpty()) {
        return new Finding(
            NO_ELIGIBLE_NODE,
            "no node answers " + way + " for " + address + ": " + whyNobodyAnswers(l2));
      }
      // The one before it that is gone may not have had the time to say so.
      ways.add("by " + way + " from " + owners.get(owners.size() - 1));
    }
    List<Policy> bgp = policies.stream().filter(Policy::isBgp).toList();
    if (!bgp.isEmpty()) {
      List<String> routers = alive(announcements.routers(address));
      if (routers.isEmpty()) {
        return withoutRoute(address, bgp);
      }
      ways.add("by BGP from " + StatusComposer.named(routers));
    }
    return new Finding(ANNOUNCED, address + " " + String.join(" and ", ways));
  }

  private String whyNobodyAnswers(List<Policy> policies) {
    return noNode(policies)
        .orElseGet(
            () ->
                selections(policies).stream().allMatch(s -> s.voting().isEmpty())
                    ? "none of the selected nodes has a vote in the Membership yet"
                    : "the nodes have not agreed on one; of "
                        + StatusComposer.named(able(policies))
                        + " one should");
  }

  private Finding withoutRoute(String address, List<Policy> policies) {
    List<String> peers =
        view.peers().keySet().stream()
            .filter(peer -> policies.stream().anyMatch(policy -> policy.announcesTo(peer)))
            .toList();
    String without = "no router has a route to " + address + ": ";
    Optional<String> noNode = noNode(policies);
    if (noNode.isPresent()) {
      return new Finding(NO_ELIGIBLE_NODE, without + noNode.get());
    }
    if (peers.isEmpty()) {
      return new Finding(SESSION_DOWN, without + "there is no BGPPeer for it");
    }
    boolean isAnyEstablished =
        peers.stream().anyMatch(peer -> !view.peers().get(peer).established().isEmpty());
    return isAnyEstablished
        ? new Finding(
            NO_ELIGIBLE_NODE,
            without + "of " + StatusComposer.named(able(policies)) + " one should announce it")
        : new Finding(
            SESSION_DOWN,
            without
                + peers.stream()
                    .limit(StatusComposer.NAMED_NODES)
                    .map(peer -> "no session with " + peer + why(view.peers().get(peer)))
                    .collect(Collectors.joining(", ")));
  }

  private static String why(AnnouncingView.Sessions sessions) {
    return sessions.down().isEmpty() ? "" : " from " + StatusComposer.named(sessions.down());
  }

  /** Why no node can announce, whatever the way. */
  private Optional<String> noNode(List<Policy> policies) {
    String names = policies.stream().map(Policy::name).collect(Collectors.joining(", "));
    List<AnnouncingView.Selection> selections = selections(policies);
    if (selections.stream().allMatch(AnnouncingView.Selection::isEmpty)) {
      return Optional.of("policy " + names + " selects no node that has an agent");
    }
    if (able(policies).isEmpty()) {
      List<String> silent = distinct(selections, AnnouncingView.Selection::silent);
      return Optional.of(
          silent.isEmpty()
              ? "every node that policy "
                  + names
                  + " selects is excluded: "
                  + StatusComposer.named(distinct(selections, AnnouncingView.Selection::excluded))
              : "the agent gives no sign of life on " + StatusComposer.named(silent));
    }
    if (!hasEndpoints) {
      return Optional.of("there is nothing behind it that takes connections");
    }
    return isProgrammed ? Optional.empty() : Optional.of("no node has programmed it yet");
  }

  private List<String> able(List<Policy> policies) {
    return distinct(selections(policies), AnnouncingView.Selection::able);
  }

  private List<AnnouncingView.Selection> selections(List<Policy> policies) {
    return policies.stream().map(policy -> view.selections().get(policy.name())).toList();
  }

  private static List<String> distinct(
      List<AnnouncingView.Selection> selections,
      Function<AnnouncingView.Selection, List<String>> part) {
    return selections.stream().map(part).flatMap(Collection::stream).distinct().sorted().toList();
  }

  private List<String> alive(List<String> nodes) {
    return nodes.stream().filter(node -> !isSilent.test(node)).toList();
  }
}
