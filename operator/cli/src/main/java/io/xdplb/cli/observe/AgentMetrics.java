// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.observe;

import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import io.xdplb.agent.ProgrammingListener;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.AnnounceCounts;
import io.xdplb.datapath.Announcements;
import io.xdplb.datapath.Announcements.ClaimStatus;
import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.DatapathView;
import io.xdplb.datapath.FlowCounts;
import io.xdplb.datapath.VipStatus;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The agent's metrics. What the kernel's maps count is read from them with each scrape; what the
 * agent does is told by it.
 *
 * <p>VIPs have series of their own only if asked for, and no more than a bound: those that come
 * first in the order of addresses.
 */
public final class AgentMetrics implements ProgrammingListener {

  /** From a fraction of what programming one small table takes to what nobody should wait. */
  private static final double[] PROGRAMMING_BUCKETS = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
  };

  private static final double NANOS = 1e9;

  private final Path pinPath;
  private final int maxVips;
  private final TrafficTotals traffic = new TrafficTotals();
  private final Map<ObjectName, Long> receivedNanos = new ConcurrentHashMap<>();
  private final Histogram programming;
  private volatile NodeStateStatus report;
  private volatile boolean caughtUp;

  /**
   * Registers them.
   *
   * @param pinPath of the datapath
   * @param maxVips how many VIPs have series of their own; 0 for none
   */
  public AgentMetrics(PrometheusRegistry registry, Path pinPath, int maxVips) {
    this.pinPath = pinPath;
    this.maxVips = maxVips;
    this.programming =
        Histogram.builder()
            .name("xdplb_table_programming_seconds")
            .help(
                "From the first news of a ForwardingTable's version to its proof from the kernel's"
                    + " maps.")
            .classicOnly()
            .classicUpperBounds(PROGRAMMING_BUCKETS)
            .register(registry);
    registry.register((MultiCollector) this::collect);
  }

  /** The last report; {@code null} before the first. */
  public NodeStateStatus report() {
    return report;
  }

  /** Whether all that was there at the start has been attempted. */
  public boolean isCaughtUp() {
    return caughtUp;
  }

  @Override
  public void received(ObjectName table) {
    receivedNanos.putIfAbsent(table, System.nanoTime());
  }

  @Override
  public void programmed(ObjectName table, List<Vip> vips) {
    Long since = receivedNanos.remove(table);
    if (since != null) {
      programming.observe((System.nanoTime() - since) / NANOS);
    }
  }

  @Override
  public void removed(ObjectName table) {
    receivedNanos.remove(table);
  }

  @Override
  public void caughtUp() {
    caughtUp = true;
  }

  @Override
  public void reported(NodeStateStatus status) {
    report = status;
  }

  private MetricSnapshots collect() {
    List<MetricSnapshot> all = new ArrayList<>();
    NodeStateStatus reported = report;
    if (reported != null) {
      all.add(
          Snapshots.gauge(
              "xdplb_tables_programmed",
              "ForwardingTables that the kernel's maps hold, by their hashes.",
              reported.tables() == null ? 0 : reported.tables()));
      all.add(exceptions(reported));
    }
    try (DatapathView view = DatapathView.open(pinPath)) {
      all.add(attachments(view.attachments()));
      all.add(flows(view.flows()));
      all.add(
          Snapshots.counters(
              "xdplb_dropped_packets",
              "Packets dropped since the maps were made, by reason.",
              rows ->
                  view.drops()
                      .forEach((reason, count) -> rows.add(count, "reason", reason.toString()))));
      all.add(
          Snapshots.gauge(
              "xdplb_peers",
              "Addresses from which encapsulated packets are accepted.",
              view.peers().size()));
      List<VipStatus> vips = view.vips();
      all.add(Snapshots.gauge("xdplb_vips", "VIPs in the kernel's maps.", vips.size()));
      all.add(
          Snapshots.gauge(
              "xdplb_backends",
              "Backends in the kernel's maps, over all VIPs.",
              vips.stream().mapToInt(vip -> vip.backends().size()).sum()));
      all.addAll(traffic(vips));
    }
    try (Announcements announcements = Announcements.open(pinPath)) {
      all.addAll(announcing(announcements));
    }
    return new MetricSnapshots(all);
  }

  private static List<MetricSnapshot> announcing(Announcements announcements) {
    AnnounceCounts counts = announcements.counts();
    long now = System.nanoTime() / 1_000_000;
    return List.of(
        Snapshots.gauge(
            "xdplb_addresses_answered",
            "Addresses that this node answers ARP and NDP for.",
            announcements.claimed(now).values().stream().filter(ClaimStatus::isAnswered).count()),
        Snapshots.counters(
            "xdplb_neighbour_questions",
            "ARP requests and neighbour solicitations for addresses that this node claims, since the"
                + " maps were made; withheld where too few nodes voted for it.",
            rows -> {
              rows.add(counts.arpAnswered(), "protocol", "arp", "result", "answered");
              rows.add(counts.arpWithheld(), "protocol", "arp", "result", "withheld");
              rows.add(counts.ndpAnswered(), "protocol", "ndp", "result", "answered");
              rows.add(counts.ndpWithheld(), "protocol", "ndp", "result", "withheld");
            }),
        Snapshots.counters(
            "xdplb_hellos",
            "Hellos of other nodes' agents since the maps were made: taken, refused because they"
                + " are out of date, or bad because of a wrong key.",
            rows -> {
              rows.add(counts.hellosTaken(), "result", "taken");
              rows.add(counts.hellosRefused(), "result", "refused");
              rows.add(counts.hellosBad(), "result", "bad");
            }));
  }

  private static MetricSnapshot exceptions(NodeStateStatus reported) {
    Map<String, Integer> reasons = new TreeMap<>();
    if (reported.exceptions() != null) {
      for (TableException exception : reported.exceptions()) {
        reasons.merge(exception.reason(), 1, Integer::sum);
      }
    }
    reasons.merge("any", reasons.values().stream().mapToInt(Integer::intValue).sum(), (a, b) -> a);
    return Snapshots.gauges(
        "xdplb_table_exceptions",
        "ForwardingTables that are not as they should be, by reason; any is their number.",
        rows -> reasons.forEach((reason, count) -> rows.add(count, "reason", reason)));
  }

  private static MetricSnapshot attachments(List<Attachment> attachments) {
    return Snapshots.gauges(
        "xdplb_interface_attached",
        "1 where our program gets the packets of an interface, 0 where it should and does not.",
        rows ->
            attachments.forEach(
                attachment ->
                    rows.add(
                        attachment.attached() ? 1 : 0,
                        "interface",
                        attachment.interfaceName(),
                        "mode",
                        attachment.mode().name().toLowerCase(Locale.ROOT))));
  }

  private static MetricSnapshot flows(FlowCounts flows) {
    return Snapshots.gauges(
        "xdplb_flows",
        "Flows that are remembered on this node and alive.",
        rows -> {
          rows.add(flows.nat(), "kind", "nat");
          rows.add(flows.hosted(), "kind", "hosted");
          rows.add(flows.remembered(), "kind", "remembered");
          rows.add(flows.affinity(), "kind", "affinity");
        });
  }

  private synchronized List<MetricSnapshot> traffic(List<VipStatus> vips) {
    traffic.read(vips);
    TrafficTotals.Traffic total = traffic.total();
    List<MetricSnapshot> all = new ArrayList<>();
    all.add(
        Snapshots.counters(
            "xdplb_packets",
            "Packets forwarded, since the agent began to count.",
            rows -> {
              rows.add(total.packetsToBackend(), "direction", "to_backend");
              rows.add(total.packetsToClient(), "direction", "to_client");
            }));
    all.add(
        Snapshots.counters(
            "xdplb_bytes",
            "Bytes forwarded, from the IP header on, since the agent began to count.",
            rows -> {
              rows.add(total.bytesToBackend(), "direction", "to_backend");
              rows.add(total.bytesToClient(), "direction", "to_client");
            }));
    all.add(
        Snapshots.counters(
            "xdplb_flows_begun",
            "Flows begun, since the agent began to count.",
            rows -> rows.add(total.flowsBegun())));
    if (maxVips > 0) {
      all.addAll(byVip(vips));
    }
    return all;
  }

  private List<MetricSnapshot> byVip(List<VipStatus> vips) {
    return List.of(
        Snapshots.counters(
            "xdplb_vip_packets",
            "Packets forwarded of a VIP, since the agent began to count.",
            rows ->
                traffic.byVip().entrySet().stream()
                    .limit(maxVips)
                    .forEach(
                        vip -> {
                          rows.add(
                              vip.getValue().packetsToBackend(),
                              labels(vip.getKey(), "to_backend"));
                          rows.add(
                              vip.getValue().packetsToClient(), labels(vip.getKey(), "to_client"));
                        })),
        Snapshots.counters(
            "xdplb_vip_bytes",
            "Bytes forwarded of a VIP, from the IP header on, since the agent began to count.",
            rows ->
                traffic.byVip().entrySet().stream()
                    .limit(maxVips)
                    .forEach(
                        vip -> {
                          rows.add(
                              vip.getValue().bytesToBackend(), labels(vip.getKey(), "to_backend"));
                          rows.add(
                              vip.getValue().bytesToClient(), labels(vip.getKey(), "to_client"));
                        })),
        Snapshots.counters(
            "xdplb_vip_dropped_packets",
            "Packets to a VIP that were dropped since it was programmed.",
            rows ->
                vips.stream()
                    .limit(maxVips)
                    .forEach(vip -> rows.add(vip.packetsDropped(), labels(vip.key())))));
  }

  private static String[] labels(VipKey vip) {
    return new String[] {"vip", vip.toString()};
  }

  private static String[] labels(VipKey vip, String direction) {
    return new String[] {"vip", vip.toString(), "direction", direction};
  }
}
