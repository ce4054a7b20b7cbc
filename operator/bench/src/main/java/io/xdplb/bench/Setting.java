// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.List;
import java.util.Map;

/**
 * One running balancer and what is measured on it.
 *
 * @param id short, for people that watch
 * @param hosts its addresses, by number (see {@link SpeedHosts}); the first one's MAC address is
 *     its own
 * @param options of {@code xdplb standalone}, those apart that every setting needs
 * @param manifests files by name, one LoadBalancer each, in stages: a later one changes, adds, and
 *     is programmed before the next one is looked at
 * @param established passes over each flow, once, after that; whether all were sent on is for the
 *     scenarios to see
 * @param scenarios what is measured
 */
record Setting(
    String id,
    List<Integer> hosts,
    List<String> options,
    List<Map<String, String>> manifests,
    List<Traffic> established,
    List<Scenario> scenarios) {}
