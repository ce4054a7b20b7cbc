// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.BackendStatus;
import io.xdplb.datapath.VipStatus;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A {@link Status} for people. */
final class StatusText {

  private StatusText() {}

  /** The text, with a line feed at its end. */
  static String of(Status status) {
    StringBuilder text = new StringBuilder();
    text.append("Datapath ").append(status.pinPath()).append('\n');
    text.append('\n').append(interfaces(status));
    text.append('\n').append(status.vips().isEmpty() ? "No VIPs.\n" : vips(status));
    text.append('\n').append(drops(status));
    return text.toString();
  }

  private static String interfaces(Status status) {
    if (status.attachments().isEmpty()) {
      return "Attached to no interface: no packet reaches the datapath.\n";
    }
    TextTable table = new TextTable("INTERFACE", "MODE", "NOTE");
    for (Attachment attachment : status.attachments()) {
      table.row(
          attachment.interfaceName(),
          attachment.attached()
              ? attachment.mode().name().toLowerCase(Locale.ROOT)
              : "not attached",
          attachment.message() == null ? "" : attachment.message());
    }
    return table.toString();
  }

  private static String vips(Status status) {
    TextTable table =
        new TextTable(
                "VIP / BACKEND",
                "STATE",
                "SHARE",
                "FLOWS",
                "LIVE",
                "PACKETS IN",
                "BYTES IN",
                "PACKETS OUT",
                "BYTES OUT",
                "DROPPED")
            .rightFrom(2);
    for (VipStatus vip : status.vips()) {
      List<BackendStatus> backends = vip.backends();
      table.row(
          vip.key().toString(),
          vip.ringSize() == 0 ? "takes none" : "",
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

  private static String state(Status status, BackendStatus backend) {
    Status.State state = Status.state(backend);
    if (state != Status.State.draining) {
      return state.name();
    }
    long left = Math.max(0, backend.drainUntilSeconds() - status.at().getEpochSecond());
    return "draining, " + left + " s left";
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
