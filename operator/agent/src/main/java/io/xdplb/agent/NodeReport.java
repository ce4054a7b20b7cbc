// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.AttachMode;
import io.xdplb.api.v1alpha1.NodeStateStatus.Interface;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.table.TableDigests;
import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.Attachment.Mode;
import io.xdplb.datapath.DatapathException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** From what the agent knows to what it reports. */
final class NodeReport {

  private NodeReport() {}

  /**
   * The report.
   *
   * @param addresses this node's own, the preferred ones first; more than can be listed are left
   *     out
   * @param exceptions tables that are not programmed as desired
   * @param unreachable tables that are, but some of whose backends no packet reaches
   */
  static NodeStateStatus of(
      String agentVersion,
      Collection<Ip> addresses,
      Collection<Attachment> attachments,
      TableDigests digests,
      SortedMap<ObjectName, TableException> exceptions,
      Map<ObjectName, TableException> unreachable) {
    SortedMap<ObjectName, TableException> all = new TreeMap<>(unreachable);
    all.putAll(exceptions);
    SortedMap<String, String> buckets = digests.bucketHashes();
    return new NodeStateStatus(
        agentVersion,
        addresses.stream().limit(Limits.NODE_ADDRESSES).map(Ip::toString).toList(),
        attachments.stream().map(NodeReport::report).toList(),
        TableDigests.rootHash(buckets),
        buckets,
        digests.size(),
        all.values().stream().limit(Limits.EXCEPTIONS).toList(),
        null);
  }

  /** The report of an agent whose datapath cannot be opened: it can vouch for nothing. */
  static NodeStateStatus refused(
      String agentVersion, List<String> interfaceNames, DatapathException refusal) {
    String message = refusal.getMessage() + "; what a former agent has attached stays";
    String shortened = message.substring(0, Math.min(message.length(), Limits.MESSAGE_LENGTH));
    return new NodeStateStatus(
        agentVersion,
        List.of(),
        interfaceNames.stream()
            .sorted()
            .map(name -> new Interface(name, false, null, refusal.reason().name(), shortened))
            .toList(),
        null,
        Map.of(),
        null,
        List.of(),
        null);
  }

  private static Interface report(Attachment attachment) {
    AttachMode mode =
        attachment.mode() == Mode.NATIVE
            ? AttachMode.Native
            : attachment.mode() == Mode.GENERIC ? AttachMode.Generic : null;
    boolean halfAttached = attachment.attached() && attachment.egress() == null;
    return new Interface(
        attachment.interfaceName(),
        attachment.attached(),
        mode,
        halfAttached ? "EgressRefused" : attachment.reason(),
        halfAttached
            ? "no egress program, so answers of DSR endpoints on this node do not reach their"
                + " clients: "
                + attachment.egressMessage()
            : attachment.message());
  }

  /** Names at most this many of several, then how many more there are. */
  static String some(List<String> texts, int most) {
    String first = String.join("; ", texts.subList(0, Math.min(most, texts.size())));
    return texts.size() > most ? first + "; and " + (texts.size() - most) + " more" : first;
  }
}
