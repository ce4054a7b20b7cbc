// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

/** A bridge that plays the switch of a network. */
final class Segment {

  private final Netns netns;
  private final String bridge;
  private final Network network;

  /** Makes the bridge, without an address of its own. */
  Segment(Netns netns, String bridge, Network network) {
    this.netns = netns;
    this.bridge = bridge;
    this.network = network;
    netns.ip(
        "link add %s type bridge mcast_snooping 0".formatted(bridge),
        "link set %s up".formatted(bridge));
  }

  Network network() {
    return network;
  }

  /** Where the bridge is. */
  Netns netns() {
    return netns;
  }

  /** Gives the bridge itself an address, so that its machine is a router of the network. */
  void address(int host) {
    netns.ip(network.addresses(bridge, host));
  }

  /**
   * Connects a machine.
   *
   * @param name of the machine, and of the bridge's port
   * @param device the machine's end of the cable
   * @param host the host part of its addresses
   */
  Host join(Netns machine, String name, String device, int host) {
    return join(machine, name, name, device, host);
  }

  /** As the other, with another name for the port. */
  Host join(Netns machine, String name, String port, String device, int host) {
    Netns.veth(machine, device, netns, port);
    netns.ip("link set %s master %s".formatted(port, bridge));
    machine.ip("link set dev %s address %s".formatted(device, mac(network.ipv4(host))));
    machine.ip(network.addresses(device, host));
    return new Host(machine, name, device, network.ipv4(host), network.ipv6(host));
  }

  private static String mac(String ipv4) {
    StringBuilder mac = new StringBuilder("02:00");
    for (String part : ipv4.split("\\.")) {
      mac.append(":%02x".formatted(Integer.parseInt(part)));
    }
    return mac.toString();
  }
}
