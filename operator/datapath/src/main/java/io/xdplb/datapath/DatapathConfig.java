// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import java.nio.file.Path;

/**
 * How a datapath is set up. Sizes hold for maps that are created; maps that are pinned already keep
 * theirs.
 *
 * @param pinPath folder below a BPF file system; one datapath each
 * @param natPorts source ports towards backends; must be disjoint from the kernel's ephemeral range
 * @param maxVips how many (address, protocol, port or range) there can be, 1 to 2^19
 * @param maxBackends how many backends there can be, summed over the VIPs, 1 to 2^20
 * @param maxRingSlots how many ring slots there can be, summed over the VIPs
 * @param maxFlows how many flows there can be at a time; rounded up to a power of two
 * @param mode how to attach
 */
public record DatapathConfig(
    Path pinPath,
    PortRange natPorts,
    int maxVips,
    int maxBackends,
    int maxRingSlots,
    int maxFlows,
    AttachPreference mode) {

  /** How to attach the program to an interface. */
  public enum AttachPreference {
    /** Native where the driver can, otherwise generic. */
    AUTO,
    /** Native or not at all. */
    NATIVE,
    /** Generic, for drivers whose native mode is broken. */
    GENERIC
  }

  /** The defaults: 8,192 VIPs, 32,768 backends, 2,097,152 ring slots, 262,144 flows. */
  public static DatapathConfig defaults(Path pinPath) {
    return new DatapathConfig(
        pinPath, new PortRange(10000, 29999), 8192, 32768, 1 << 21, 1 << 18, AttachPreference.AUTO);
  }
}
