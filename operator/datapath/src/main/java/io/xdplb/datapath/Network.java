// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.BpfMap;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The kernel's routes, neighbours and interfaces, as far as packets to backends need them. */
final class Network {
  private static final Ip NO_IPV4 = new Ip(0, 0, true);
  private static final Ip NO_IPV6 = new Ip(0, 0, false);
  private static final int ANY_PORT = 9;

  private final BpfMap interfaces;
  private final Map<Ip, Ip> sources = new HashMap<>();

  Network(BpfMap interfaces) {
    this.interfaces = interfaces;
  }

  /** Forgets what was looked up, and tells the datapath the interfaces' MAC addresses. */
  void refresh() {
    sources.clear();
    try {
      for (NetworkInterface link : Collections.list(NetworkInterface.getNetworkInterfaces())) {
        byte[] mac = link.getHardwareAddress();
        if (mac != null && mac.length == 6) {
          byte[] value = new byte[Layouts.Mac.LAYOUT.size()];
          System.arraycopy(mac, 0, value, Layouts.Mac.ADDRESS, mac.length);
          interfaces.put(BackendTable.key(link.getIndex()), value);
        }
      }
    } catch (SocketException e) {
      throw new UncheckedIOException("cannot list the network interfaces", e);
    }
  }

  /**
   * This node's address towards a backend, as the kernel chooses it for its own connections; the
   * unspecified address if there is no route.
   */
  Ip sourceTowards(Ip backend) {
    return sources.computeIfAbsent(backend, Network::lookUpSource);
  }

  /** Has the kernel resolve or confirm the MAC addresses of the next hops. */
  void refreshNeighbours() {}

  /** Why packets cannot reach a backend from here; empty if they can. */
  Optional<String> obstacle(Ip backend, Set<String> attached) {
    return Optional.empty();
  }

  private static Ip lookUpSource(Ip backend) {
    try (DatagramSocket socket = new DatagramSocket()) {
      // sends nothing: the kernel only routes it
      socket.connect(new InetSocketAddress(InetAddress.getByAddress(backend.bytes()), ANY_PORT));
      Ip source = Ip.ofBytes(socket.getLocalAddress().getAddress());
      return source.isIpv4() == backend.isIpv4() ? source : unspecified(backend);
    } catch (IOException | UncheckedIOException e) {
      return unspecified(backend);
    }
  }

  private static Ip unspecified(Ip family) {
    return family.isIpv4() ? NO_IPV4 : NO_IPV6;
  }
}
