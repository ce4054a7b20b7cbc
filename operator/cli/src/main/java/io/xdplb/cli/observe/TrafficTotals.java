// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.observe;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.VipKey;
import io.xdplb.datapath.BackendStatus;
import io.xdplb.datapath.VipStatus;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Totals that only grow, out of the counters of backends, which begin at 0 whenever one is
 * programmed and go with it. They begin at 0 with the first reading: what was counted before, by
 * the datapath of an earlier agent, would look like traffic of this moment. What a backend carries
 * between a reading and its removal is lost.
 */
final class TrafficTotals {

  /**
   * Traffic since the first reading.
   *
   * @param packetsToBackend packets from clients
   * @param bytesToBackend their bytes, from the IP header on
   * @param packetsToClient packets to clients
   * @param bytesToClient their bytes, from the IP header on
   * @param flowsBegun how many flows were begun
   */
  record Traffic(
      long packetsToBackend,
      long bytesToBackend,
      long packetsToClient,
      long bytesToClient,
      long flowsBegun) {

    static final Traffic NONE = new Traffic(0, 0, 0, 0, 0);

    private static Traffic of(BackendStatus backend) {
      return new Traffic(
          backend.packetsToBackend(),
          backend.bytesToBackend(),
          backend.packetsToClient(),
          backend.bytesToClient(),
          backend.flowsBegun());
    }

    private Traffic plus(Traffic other) {
      return new Traffic(
          packetsToBackend + other.packetsToBackend,
          bytesToBackend + other.bytesToBackend,
          packetsToClient + other.packetsToClient,
          bytesToClient + other.bytesToClient,
          flowsBegun + other.flowsBegun);
    }

    /** What has come since, or all of it if the counters have begun anew. */
    private Traffic since(Traffic before) {
      boolean anew =
          packetsToBackend < before.packetsToBackend
              || packetsToClient < before.packetsToClient
              || flowsBegun < before.flowsBegun;
      return anew
          ? this
          : new Traffic(
              packetsToBackend - before.packetsToBackend,
              bytesToBackend - before.bytesToBackend,
              packetsToClient - before.packetsToClient,
              bytesToClient - before.bytesToClient,
              flowsBegun - before.flowsBegun);
    }
  }

  private record Counted(VipKey vip, BackendKey backend) {}

  private Map<Counted, Traffic> last;
  private Traffic total = Traffic.NONE;
  private SortedMap<VipKey, Traffic> byVip = new TreeMap<>();

  /** Takes a reading. A VIP that is gone loses its total. */
  void read(Collection<VipStatus> vips) {
    Map<Counted, Traffic> now = new HashMap<>();
    SortedMap<VipKey, Traffic> vipsNow = new TreeMap<>();
    for (VipStatus vip : vips) {
      Traffic sum = byVip.getOrDefault(vip.key(), Traffic.NONE);
      for (BackendStatus backend : vip.backends()) {
        Counted counted = new Counted(vip.key(), backend.key());
        Traffic counters = Traffic.of(backend);
        now.put(counted, counters);
        if (last != null) {
          Traffic more = counters.since(last.getOrDefault(counted, Traffic.NONE));
          sum = sum.plus(more);
          total = total.plus(more);
        }
      }
      vipsNow.put(vip.key(), sum);
    }
    last = now;
    byVip = vipsNow;
  }

  Traffic total() {
    return total;
  }

  SortedMap<VipKey, Traffic> byVip() {
    return byVip;
  }
}
