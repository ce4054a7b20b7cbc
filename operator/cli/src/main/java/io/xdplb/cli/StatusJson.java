// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.xdplb.core.model.Delivery;
import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.BackendStatus;
import io.xdplb.datapath.VipStatus;
import java.time.Instant;
import java.util.Locale;

/**
 * A {@link Status} for machines: one JSON object. Fields are added in later versions, and never
 * change their meaning.
 */
final class StatusJson {

  private static final ObjectMapper MAPPER =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private StatusJson() {}

  /** The text, with a line feed at its end. */
  static String of(Status status) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("pinPath", status.pinPath());
    root.put("time", status.at().toString());
    var interfaces = root.putArray("interfaces");
    for (Attachment attachment : status.attachments()) {
      ObjectNode node = interfaces.addObject();
      node.put("name", attachment.interfaceName());
      node.put("attached", attachment.attached());
      if (attachment.attached()) {
        node.put("mode", attachment.mode().name().toLowerCase(Locale.ROOT));
      }
      if (attachment.reason() != null) {
        node.put("reason", attachment.reason());
        node.put("message", attachment.message());
      }
      if (attachment.egress() != null) {
        node.put("egress", attachment.egress().name().toLowerCase(Locale.ROOT));
      }
      if (attachment.egressMessage() != null) {
        node.put("egressMessage", attachment.egressMessage());
      }
    }
    var peers = root.putArray("peers");
    status.peers().forEach(peer -> peers.add(peer.toString()));
    ObjectNode flows = root.putObject("flows");
    flows.put("nat", status.flows().nat());
    flows.put("hosted", status.flows().hosted());
    flows.put("remembered", status.flows().remembered());
    flows.put("affinity", status.flows().affinity());
    var vips = root.putArray("vips");
    status.vips().forEach(vip -> vip(vips.addObject(), vip));
    var announced = root.putArray("announced");
    status
        .claims()
        .forEach(
            (address, claim) ->
                announced
                    .addObject()
                    .put("address", address.toString())
                    .put("answered", claim.isAnswered())
                    .put("votes", claim.votes())
                    .put("votesNeeded", claim.quorum()));
    ObjectNode drops = root.putObject("drops");
    status.drops().forEach((reason, packets) -> drops.put(reason.toString(), packets));
    try {
      return MAPPER.writeValueAsString(root) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of plain values is always JSON", e);
    }
  }

  private static void vip(ObjectNode node, VipStatus vip) {
    node.put("address", vip.key().address().toString());
    node.put("protocol", vip.key().protocol().name());
    node.put("port", vip.key().port());
    if (vip.key().isRange()) {
      node.put("endPort", vip.key().endPort());
    }
    if (vip.affinitySeconds() > 0) {
      node.put("affinitySeconds", vip.affinitySeconds());
    }
    vip.access()
        .sourceRanges()
        .ifPresent(
            ranges -> {
              var list = node.putArray("sourceRanges");
              ranges.forEach(range -> list.add(range.toString()));
            });
    node.put(
        "unavailablePolicy",
        switch (vip.access().unavailable()) {
          case REJECT -> "Reject";
          case DROP -> "Drop";
        });
    node.put("ringSize", vip.ringSize());
    node.put("packetsDropped", vip.packetsDropped());
    var backends = node.putArray("backends");
    vip.backends().forEach(backend -> backend(backends.addObject(), vip, backend));
  }

  /** As a ForwardingTable says it. */
  private static void delivery(ObjectNode node, Delivery delivery) {
    node.put("mode", delivery.nat() ? "NAT" : "DSR");
    node.put(
        "encapsulation",
        switch (delivery.encapsulation()) {
          case NONE -> "None";
          case GUE -> "GUE";
          case IPIP -> "IPIP";
        });
    if (delivery.node() != null) {
      node.put("node", delivery.node().toString());
      node.put("agent", delivery.agent());
    }
  }

  private static void backend(ObjectNode node, VipStatus vip, BackendStatus backend) {
    node.put("address", backend.key().address().toString());
    node.put("port", backend.key().port());
    delivery(node, backend.delivery());
    node.put("here", backend.here());
    node.put("state", Status.state(backend).name());
    if (backend.drainUntilSeconds() != 0) {
      node.put("drainUntil", Instant.ofEpochSecond(backend.drainUntilSeconds()).toString());
    }
    node.put("ringSlots", backend.ringSlots());
    node.put("share", Status.share(vip, backend));
    node.put("packetsToBackend", backend.packetsToBackend());
    node.put("bytesToBackend", backend.bytesToBackend());
    node.put("packetsToClient", backend.packetsToClient());
    node.put("bytesToClient", backend.bytesToClient());
    node.put("flowsBegun", backend.flowsBegun());
    node.put("flowsNow", backend.flowsNow());
  }
}
