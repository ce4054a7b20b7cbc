// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Nginx;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.kernel.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Real connections through the real program, from client to web server and back. */
@RequiresBpf
class ForwardingTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(2);
  private static final String VIP4 = "203.0.113.10";
  private static final String VIP6 = "2001:db8:0:2::10";

  @ParameterizedTest
  @EnumSource(
      value = DatapathConfig.AttachPreference.class,
      names = {"NATIVE", "GENERIC"})
  void balancesTcpAndUdpOfBothFamilies(DatapathConfig.AttachPreference mode) {
    try (Topology lan = Topology.oneArmed(1, 2, Topology.PeerXdp.STUB);
        TestDatapath datapath = TestDatapath.open(lan.balancer(), mode)) {
      List<AutoCloseable> servers = new ArrayList<>();
      for (Host host : lan.backends()) {
        servers.add(Nginx.web(host));
        servers.add(EchoServer.start(host, 7));
      }
      datapath.program(vip(VIP4, Protocol.TCP, 80, lan.backends()));
      datapath.program(vip(VIP6, Protocol.TCP, 80, lan.backends()));
      datapath.program(vip(VIP4, Protocol.UDP, 7, lan.backends()));
      datapath.program(vip(VIP6, Protocol.UDP, 7, lan.backends()));
      for (String address : List.of(VIP4, VIP6)) {
        Map<String, Integer> answers =
            Clients.whoAnswers(lan.client().netns(), address, 80, 60, TIMEOUT);
        assertThat(answers).hasSize(2).allSatisfy((name, n) -> assertThat(n).isBetween(12, 48));
        assertThat(Clients.udp(lan.client().netns(), address, 7, "hello", TIMEOUT))
            .endsWith("hello");
      }
      for (AutoCloseable server : servers) {
        close(server);
      }
    }
  }

  private static void close(AutoCloseable closeable) {
    try {
      closeable.close();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static Vip vip(String address, Protocol protocol, int port, List<Host> hosts) {
    Ip ip = Ip.parse(address);
    List<Backend> backends =
        hosts.stream()
            .map(host -> Ip.parse(ip.isIpv4() ? host.ipv4() : host.ipv6()))
            .map(backend -> new Backend(new BackendKey(backend, port), 1, 0))
            .sorted(java.util.Comparator.comparing(Backend::key))
            .toList();
    return new Vip(new VipKey(ip, protocol, port), Maglev.sizeFor(backends.size()), backends);
  }
}
