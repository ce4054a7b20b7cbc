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
import io.xdplb.testing.kernel.Connections;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.kernel.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Real connections while things change. */
@RequiresBpf
class ConnectionsTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(5);
  private static final Duration PAUSE = Duration.ofMillis(2);
  private static final String VIP4 = "203.0.113.10";
  private static final String VIP6 = "2001:db8:0:2::10";
  private static final int PORT = 7;

  private static Vip vip(String address, Protocol protocol, int drainSeconds, List<Host> hosts) {
    Ip ip = Ip.parse(address);
    List<Backend> backends =
        hosts.stream()
            .map(host -> new BackendKey(Ip.parse(ip.isIpv4() ? host.ipv4() : host.ipv6()), PORT))
            .map(key -> new Backend(key, 1, drainSeconds))
            .sorted(Comparator.comparing(Backend::key))
            .toList();
    return new Vip(new VipKey(ip, protocol, PORT), Maglev.sizeFor(backends.size()), backends);
  }

  private static List<EchoServer> servers(Topology lan) {
    List<EchoServer> servers = new ArrayList<>();
    lan.backends().forEach(host -> servers.add(EchoServer.start(host, PORT)));
    return servers;
  }

  private static Connections open(Topology lan, String address, int count) {
    return Connections.open(lan.client().netns(), address, PORT, count, PAUSE, TIMEOUT);
  }

  @ParameterizedTest
  @EnumSource(
      value = DatapathConfig.AttachPreference.class,
      names = {"NATIVE", "GENERIC"})
  void twoArmedBalancerSendsOnByItsOtherInterface(DatapathConfig.AttachPreference mode) {
    try (Topology lan = Topology.twoArmed(1, 2, Topology.PeerXdp.STUB);
        TestDatapath datapath = TestDatapath.open(lan.balancer(), mode)) {
      String second = lan.balancerToBackends().device();
      Attachment attachment = lan.balancer().netns().call(() -> datapath.datapath().attach(second));
      assertThat(attachment.attached()).as("%s", attachment).isTrue();
      List<EchoServer> servers = servers(lan);
      for (String address : List.of(VIP4, VIP6)) {
        datapath.program(vip(address, Protocol.TCP, 0, lan.backends()));
        datapath.program(vip(address, Protocol.UDP, 0, lan.backends()));
        try (Connections connections = open(lan, address, 20)) {
          connections.awaitRounds(20);
          assertThat(connections.broken()).as("%s", datapath).isEmpty();
          assertThat(connections.perServer()).as("%s", datapath).hasSize(2);
        }
        assertThat(Clients.udp(lan.client().netns(), address, PORT, "hello", TIMEOUT))
            .endsWith("hello");
      }
      servers.forEach(EchoServer::close);
    }
  }

  @Test
  void connectionsGoOnWithoutAnAgentAndThroughTheNextOne() {
    try (Topology lan = Topology.oneArmed(1, 3, Topology.PeerXdp.STUB);
        TestDatapath datapath =
            TestDatapath.open(lan.balancer(), DatapathConfig.AttachPreference.NATIVE)) {
      List<EchoServer> servers = servers(lan);
      datapath.program(vip(VIP4, Protocol.TCP, 60, lan.backends()));
      try (Connections connections = open(lan, VIP4, 30)) {
        connections.awaitRounds(5);
        Map<String, Integer> before = connections.perServer();
        datapath.stop();
        connections.awaitRounds(5);
        Connections newcomers = open(lan, VIP4, 10); // nobody is there, and they get in
        newcomers.awaitRounds(5);
        datapath.reopen();
        connections.awaitRounds(5);
        // drained, and the ring is another one
        datapath.program(vip(VIP4, Protocol.TCP, 60, lan.backends().subList(0, 2)));
        connections.awaitRounds(5);
        datapath.reopen();
        connections.awaitRounds(5);
        assertThat(connections.broken()).as("%s", datapath).isEmpty();
        assertThat(newcomers.broken()).as("%s", datapath).isEmpty();
        assertThat(connections.perServer()).isEqualTo(before).hasSize(3);
        newcomers.close();
        try (Connections latest = open(lan, VIP4, 30)) {
          latest.awaitRounds(2);
          assertThat(latest.perServer().keySet()).containsExactly("http1", "http2");
        }
      }
      servers.forEach(EchoServer::close);
    }
  }
}
