// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.core.policy.AnnouncementPlan;
import io.xdplb.datapath.LanPort;
import io.xdplb.netlink.Links.Link;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * The places where this node can answer for addresses: the interfaces that the program is on, and
 * VLANs on them. Those that were not set up do not count.
 *
 * @param ports at most 64, ordered by name; the index is the number of the bit in masks
 */
record LanPorts(List<Port> ports) {

  static final LanPorts NONE = new LanPorts(List.of());

  private static final int MOST = Long.SIZE;
  private static final int MAC_BYTES = 6;

  /**
   * An interface.
   *
   * @param ifindex its own: to send by
   * @param datapath how the program sees what comes in there
   * @param isDefault whether it is meant where no interface is named
   * @param carrier whether it is connected
   */
  record Port(String name, int ifindex, LanPort datapath, boolean isDefault, boolean carrier) {}

  /**
   * Those there are.
   *
   * @param attached names of the interfaces that the program is on
   */
  static LanPorts of(Collection<Link> links, Set<String> attached) {
    return new LanPorts(
        links.stream()
            .sorted(Comparator.comparing(Link::name))
            .map(link -> port(link, links, attached))
            .filter(Objects::nonNull)
            .limit(MOST)
            .toList());
  }

  private static Port port(Link link, Collection<Link> links, Set<String> attached) {
    boolean isEthernet =
        link.mac().length == MAC_BYTES && !Arrays.equals(link.mac(), new byte[MAC_BYTES]);
    if (!link.up() || !isEthernet) {
      return null;
    }
    if (attached.contains(link.name())) {
      LanPort untagged = new LanPort(link.ifindex(), 0, link.mac());
      return new Port(link.name(), link.ifindex(), untagged, true, link.carrier());
    }
    return links.stream()
        .filter(
            parent ->
                link.vlan() != 0
                    && parent.ifindex() == link.parent()
                    && attached.contains(parent.name()))
        .findAny()
        .map(
            parent ->
                new Port(
                    link.name(),
                    link.ifindex(),
                    new LanPort(parent.ifindex(), link.vlan(), link.mac()),
                    false,
                    link.carrier() && parent.carrier()))
        .orElse(null);
  }

  /**
   * A bit for each port that is meant.
   *
   * @param named patterns of names; none for those that the program is on
   */
  long mask(Set<String> named) {
    long mask = 0;
    for (int i = 0; i < ports.size(); i++) {
      Port port = ports.get(i);
      boolean isMeant =
          named.isEmpty()
              ? port.isDefault
              : named.stream().anyMatch(pattern -> AnnouncementPlan.isNamed(pattern, port.name));
      mask |= isMeant ? 1L << i : 0;
    }
    return mask;
  }

  /** Whether there are such ports, and all are connected. */
  boolean isConnected(long mask) {
    return mask != 0 && of(mask).stream().allMatch(Port::carrier);
  }

  List<Port> of(long mask) {
    return ports.stream().filter(port -> (mask >> ports.indexOf(port) & 1) != 0).toList();
  }

  /** The name of a port by the interface's own number. */
  String name(int ifindex) {
    return ports.stream()
        .filter(port -> port.ifindex == ifindex)
        .map(Port::name)
        .findAny()
        .orElse("interface " + ifindex);
  }

  /** Whether it is one of this node's own hardware addresses. */
  boolean isOwn(byte[] mac) {
    return ports.stream().anyMatch(port -> Arrays.equals(port.datapath.mac(), mac));
  }

  List<LanPort> datapath() {
    return ports.stream().map(Port::datapath).toList();
  }
}
