// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Encapsulation;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.datapath.AnnounceCounts;
import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.BackendStatus;
import io.xdplb.datapath.FlowCounts;
import io.xdplb.datapath.VipStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** A {@link Status} for people. */
final class StatusText {

  /** How many of several are named, where a line is enough. */
  private static final int MAX_PEERS = 8;

  private static final int MAX_RANGES = 4;

  private StatusText() {}

  /** The text, with a line feed at its end. */
  static String of(Status status) {
    StringBuilder text = new StringBuilder();
    text.append("Datapath ").append(status.pinPath()).append('\n');
    text.append('\n').append(interfaces(status));
    text.append('\n').append(peers(status.peers()));
    text.append(flows(status.flows()));
    text.append('\n').append(status.vips().isEmpty() ? "No VIPs.\n" : vips(status));
    text.append(access(status.vips()));
    text.append(announced(status));
    text.append('\n').append(drops(status));
    return text.toString();
  }

  private static String interfaces(Status status) {
    if (status.attachments().isEmpty()) {
      return "Attached to no interface: no packet reaches the datapath.\n";
    }
    TextTable table = new TextTable("INTERFACE", "MODE", "EGRESS", "NOTE");
    for (Attachment attachment : status.attachments()) {
      table.row(
          attachment.interfaceName(),
          attachment.attached()
              ? attachment.mode().name().toLowerCase(Locale.ROOT)
              : "not attached",
          attachment.egress() == null
              ? "not attached"
              : attachment.egress().name().toLowerCase(Locale.ROOT),
          notes(attachment));
    }
    return table.toString();
  }

  private static String notes(Attachment attachment) {
    List<String> notes = new ArrayList<>();
    if (attachment.message() != null) {
      notes.add(attachment.message());
    }
    if (attachment.egress() == null && attachment.egressMessage() != null) {
      notes.add(attachment.egressMessage());
    }
    return String.join("; ", notes);
  }

  private static String peers(List<Ip> peers) {
    return peers.isEmpty()
        ? "Encapsulated packets are accepted from nobody.\n"
        : "Encapsulated packets are accepted from " + some(peers, MAX_PEERS) + ".\n";
  }

  private static String flows(FlowCounts flows) {
    List<String> kinds = new ArrayList<>();
    add(kinds, flows.nat(), "of NAT");
    add(kinds, flows.hosted(), "of endpoints here");
    add(kinds, flows.remembered(), "of servers without an agent");
    add(kinds, flows.affinity(), "of affinity");
    return "Flows remembered: " + (kinds.isEmpty() ? "none" : String.join(", ", kinds)) + ".\n";
  }

  private static void add(List<String> kinds, long count, String of) {
    if (count > 0) {
      kinds.add(count(count) + " " + of);
    }
  }

  private static String some(List<?> all, int most) {
    String first = all.stream().limit(most).map(Object::toString).collect(Collectors.joining(", "));
    return all.size() <= most ? first : first + " and " + (all.size() - most) + " more";
  }

  private static String vips(Status status) {
    TextTable table =
        new TextTable(
                "VIP / BACKEND",
                "STATE",
                "HOW",
                "SHARE",
                "FLOWS",
                "LIVE",
                "PACKETS IN",
                "BYTES IN",
                "PACKETS OUT",
                "BYTES OUT",
                "DROPPED")
            .rightFrom(3);
    for (VipStatus vip : status.vips()) {
      List<BackendStatus> backends = vip.backends();
      table.row(
          vip.key().toString(),
          vip.ringSize() == 0 ? "takes none" : "",
          "",
          "",
          count(backends.stream().mapToLong(BackendStatus::flowsBegun).sum()),
          count(backends.stream().mapToLong(BackendStatus::flowsNow).sum()),
          count(backends.stream().mapToLong(BackendStatus::packetsToBackend).sum()),
          bytes(backends.stream().mapToLong(BackendStatus::bytesToBackend).sum()),
          count(backends.stream().mapToLong(BackendStatus::packetsToClient).sum()),
          bytes(backends.stream().mapToLong(BackendStatus::bytesToClient).sum()),
          count(vip.packetsDropped()));
      for (BackendStatus backend : backends) {
        table.row(
            "  " + backend.key(),
            state(status, backend),
            way(backend),
            String.format(Locale.ROOT, "%.1f %%", 100 * Status.share(vip, backend)),
            count(backend.flowsBegun()),
            count(backend.flowsNow()),
            count(backend.packetsToBackend()),
            bytes(backend.bytesToBackend()),
            count(backend.packetsToClient()),
            bytes(backend.bytesToClient()),
            "");
      }
    }
    return table.toString();
  }

  /** The VIPs that are not open to everybody, or have anything else that is not ordinary. */
  private static String access(List<VipStatus> vips) {
    TextTable table = new TextTable("VIP", "OPEN TO", "AFFINITY", "REFUSES");
    for (VipStatus vip : vips) {
      boolean silent = vip.access().unavailable() == UnavailablePolicy.DROP;
      if (vip.access().sourceRanges().isPresent() || vip.affinitySeconds() > 0 || silent) {
        table.row(
            vip.key().toString(),
            vip.access().sourceRanges().map(StatusText::sources).orElse("everybody"),
            vip.affinitySeconds() == 0 ? "" : duration(Duration.ofSeconds(vip.affinitySeconds())),
            silent ? "silently" : "");
      }
    }
    return table.isEmpty() ? "" : "\n" + table;
  }

  private static String sources(List<Cidr> ranges) {
    return ranges.isEmpty() ? "nobody" : some(ranges, MAX_RANGES);
  }

  /** As in manifests: {@code 1h30m}. */
  private static String duration(Duration duration) {
    return duration.toString().substring("PT".length()).toLowerCase(Locale.ROOT);
  }

  /** As {@code NAT}, {@code DSR, GUE via 198.51.100.1}, {@code DSR, L2, here}. */
  private static String way(BackendStatus backend) {
    Delivery delivery = backend.delivery();
    StringBuilder way = new StringBuilder(delivery.nat() ? "NAT" : "DSR");
    if (delivery.encapsulation() != Encapsulation.NONE) {
      way.append(", ").append(delivery.encapsulation());
      if (!delivery.node().equals(backend.key().address())) {
        way.append(" via ").append(delivery.node());
      }
    } else if (!delivery.nat()) {
      way.append(", L2");
    }
    return way + (backend.here() ? ", here" : "");
  }

  private static String state(Status status, BackendStatus backend) {
    Status.State state = Status.state(backend);
    if (state != Status.State.draining) {
      return state.name();
    }
    long left = Math.max(0, backend.drainUntilSeconds() - status.at().getEpochSecond());
    return "draining, " + left + " s left";
  }

  /** Nothing where nothing is claimed: the network may bring packets by other means. */
  private static String announced(Status status) {
    TextTable table =
        new TextTable("ANNOUNCED ADDRESS", "ARP AND NDP", "VOTES", "NEEDED").rightFrom(2);
    status
        .claims()
        .forEach(
            (address, claim) ->
                table.row(
                    address.toString(),
                    claim.isAnswered() ? "answered" : "withheld: too few votes",
                    count(claim.votes()),
                    count(claim.quorum())));
    AnnounceCounts counts = status.announcing();
    return table.isEmpty()
        ? ""
        : "\n"
            + table
            + "Questions answered: %s by ARP, %s by NDP; withheld: %s and %s.\n"
                .formatted(
                    count(counts.arpAnswered()),
                    count(counts.ndpAnswered()),
                    count(counts.arpWithheld()),
                    count(counts.ndpWithheld()));
  }

  private static String drops(Status status) {
    TextTable table = new TextTable("DROPPED", "PACKETS", "BECAUSE").right(1);
    status.drops().entrySet().stream()
        .filter(drop -> drop.getValue() > 0)
        .sorted(Map.Entry.comparingByKey())
        .forEach(
            drop ->
                table.row(
                    drop.getKey().toString(), count(drop.getValue()), drop.getKey().meaning()));
    return table.isEmpty() ? "No packets dropped.\n" : table.toString();
  }

  private static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /** In units of 1024, three digits or so. */
  static String bytes(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return String.format(
        Locale.ROOT, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  }
}
