// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.testing.packet.Frame;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Protocol and family of a test's packets, and who is who in the {@link PacketLab} then. */
enum Kind {
  TCP4(Protocol.TCP, false),
  UDP4(Protocol.UDP, false),
  TCP6(Protocol.TCP, true),
  UDP6(Protocol.UDP, true);

  static final int VIP_PORT = 80;
  static final int BACKEND_PORT = 8080;

  final Protocol protocol;
  final boolean ipv6;

  Kind(Protocol protocol, boolean ipv6) {
    this.protocol = protocol;
    this.ipv6 = ipv6;
  }

  boolean tcp() {
    return protocol == Protocol.TCP;
  }

  /** Beyond the router; 1 to 127. */
  String client(int number) {
    return ipv6 ? "2001:db8:c:0:0:0:0:" + Integer.toHexString(number) : "192.0.2." + number;
  }

  String vip(int number) {
    return ipv6 ? "2001:db8:0:2:0:0:0:" + Integer.toHexString(number) : "203.0.113." + number;
  }

  /** On the balancer's own network; 1 to 20. */
  String backend(int number) {
    return (ipv6 ? "2001:db8:0:1:0:0:0:" : "198.51.100.") + (100 + number);
  }

  String balancer() {
    return ipv6 ? "2001:db8:0:1:0:0:0:1" : "198.51.100.1";
  }

  /** The VIP number 10 at {@link #VIP_PORT}. */
  VipKey vipKey() {
    return new VipKey(Ip.parse(vip(10)), protocol, VIP_PORT);
  }

  BackendKey backendKey(int number) {
    return new BackendKey(Ip.parse(backend(number)), BACKEND_PORT);
  }

  /** {@link #vipKey} over the backends 1, 2 and so on, with these weights and no drain. */
  Vip vipOf(int... weights) {
    return vipOf(0, weights);
  }

  /** As {@link #vipOf(int...)}; a weight below 0 leaves the backend out. */
  Vip vipOf(int drainSeconds, int[] weights) {
    List<Backend> backends = new ArrayList<>();
    long total = 0;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] >= 0) {
        backends.add(new Backend(backendKey(i + 1), weights[i], drainSeconds));
        total += weights[i];
      }
    }
    backends.sort(Comparator.comparing(Backend::key));
    return new Vip(vipKey(), total == 0 ? 0 : Maglev.sizeFor(total), backends);
  }

  /** From a client to {@link #vipKey}: a segment of an open connection, or a datagram. */
  Frame data(int client, int port) {
    String from = client(client);
    return tcp()
        ? Frame.tcp(from, port, vip(10), VIP_PORT)
        : Frame.udp(from, port, vip(10), VIP_PORT);
  }

  /** What begins a flow: a SYN, or a datagram. */
  Frame opening(int client, int port) {
    return data(client, port).flags(Frame.SYN);
  }

  /** From a backend to the balancer. */
  Frame answer(String backend, int port, int natPort) {
    return tcp()
        ? Frame.tcp(backend, port, balancer(), natPort)
        : Frame.udp(backend, port, balancer(), natPort);
  }
}
