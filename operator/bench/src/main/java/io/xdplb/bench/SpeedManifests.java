// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** 100 VIPs of 100 backends each; no two VIPs have a backend in common. */
final class SpeedManifests {

  /** It has UDP as well, the others have TCP alone. */
  static final int FIRST_VIP = 1;

  private static final int FIRST_TARGET_PORT = 8000;

  private SpeedManifests() {}

  /**
   * One file a VIP.
   *
   * @param encapsulation absent: NAT
   */
  static Map<String, String> all(boolean ipv6, Optional<String> encapsulation) {
    Map<String, String> files = new LinkedHashMap<>();
    for (int vip = FIRST_VIP; vip < FIRST_VIP + SpeedHosts.VIPS; vip++) {
      files.putAll(one(ipv6, vip, SpeedHosts.BACKENDS, encapsulation));
    }
    return files;
  }

  /** The file of one VIP, with so many of its backends. */
  static Map<String, String> one(
      boolean ipv6, int vip, int backends, Optional<String> encapsulation) {
    String name = "vip" + vip;
    return Map.of(
        name + ".yaml",
        Manifest.loadBalancer(
            name,
            SpeedHosts.vip(ipv6, vip),
            vip == FIRST_VIP ? List.of("TCP", "UDP") : List.of("TCP"),
            SpeedPackets.PORT,
            IntStream.range(SpeedHosts.FIRST_BACKEND, SpeedHosts.FIRST_BACKEND + backends)
                .mapToObj(host -> SpeedHosts.host(ipv6, host))
                .toList(),
            FIRST_TARGET_PORT + vip,
            encapsulation));
  }
}
