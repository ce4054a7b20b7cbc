// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The numbers that users see are those of the packets that went through. */
@RequiresBpf
class ViewTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static VipStatus vip(Kind kind) {
    try (DatapathView view = DatapathView.open(LAB.test().pinPath())) {
      List<VipStatus> vips = view.vips();
      assertThat(vips).extracting(VipStatus::key).isSorted();
      return vips.stream().filter(v -> v.key().equals(kind.vipKey())).findFirst().orElseThrow();
    }
  }

  @ParameterizedTest
  @EnumSource
  void packetsBytesFlowsAndDropsAreCountedPerBackendAndVip(Kind kind) {
    LAB.program(kind.vipOf(3600, new int[] {1, 3}), BalanceTest.single(Kind.UDP6, 9999, 7));
    int header = kind.ipv6 ? 40 : 20;
    int ip = header + (kind.tcp() ? 20 : 8);
    long[] flows = new long[3];
    long[] extra = new long[3];
    for (int i = 0; i < 100; i++) {
      Translation to = LAB.establish(kind, 1, 1000 + i); // two packets there, one back
      int number = PacketLab.backendNumber(kind, to.backend());
      LAB.forwards(kind, kind.data(1, 1000 + i).payload(new byte[i]).padding(new byte[9]));
      flows[number]++;
      extra[number] += i;
    }
    LAB.drops(DropReason.TTL_EXCEEDED, kind.data(1, 1000).ttl(1));
    LAB.drops(DropReason.BAD_SOURCE, kind.data(1, 1000).from(kind.vip(10), 1000));
    VipStatus vip = vip(kind);
    assertThat(vip.packetsDropped()).isEqualTo(2);
    assertThat(vip.backends()).hasSize(2);
    for (BackendStatus backend : vip.backends()) {
      int number = PacketLab.backendNumber(kind, text(kind, backend));
      assertThat(backend.flowsBegun()).isEqualTo(flows[number]);
      assertThat(backend.flowsNow()).isEqualTo(flows[number]);
      assertThat(backend.packetsToBackend()).isEqualTo(3 * flows[number]);
      assertThat(backend.bytesToBackend()).isEqualTo(3 * flows[number] * ip + extra[number]);
      assertThat(backend.packetsToClient()).isEqualTo(flows[number]);
      assertThat(backend.bytesToClient()).isEqualTo(flows[number] * ip);
      assertThat(backend.takesNewFlows()).isTrue();
      assertThat(backend.drainUntilSeconds()).isZero();
      assertThat(backend.ringSlots() / (double) vip.ringSize())
          .isBetween(number == 1 ? 0.24 : 0.74, number == 1 ? 0.26 : 0.76);
    }
    LAB.program(kind.vipOf(3600, new int[] {1, -1}));
    BackendStatus draining =
        vip(kind).backends().stream().filter(b -> !b.takesNewFlows()).findFirst().orElseThrow();
    assertThat(draining.ringSlots()).isZero();
    assertThat(draining.flowsNow()).isEqualTo(flows[2]);
    long now = System.currentTimeMillis() / 1000;
    assertThat(draining.drainUntilSeconds()).isBetween(now + 3500, now + 3700);
    // whoever gets an entry next begins at 0
    LAB.test().remove(kind.vipKey());
    LAB.program(kind.vipOf(1, 3));
    assertThat(vip(kind).backends())
        .allMatch(b -> b.packetsToBackend() == 0 && b.flowsBegun() == 0);
    assertThat(vip(kind).packetsDropped()).isZero();
  }

  private static String text(Kind kind, BackendStatus backend) {
    for (int number = 1; number <= 2; number++) {
      if (backend.key().equals(kind.backendKey(number))) {
        return kind.backend(number);
      }
    }
    throw new AssertionError(backend);
  }

  @Test
  void flowsNowAreThoseThatAreNeitherClosedNorSilentForTooLong() {
    Kind kind = Kind.TCP4;
    LAB.program(kind.vipOf(1));
    Translation open = LAB.establish(kind, 1, 1000);
    Translation closed = LAB.establish(kind, 1, 1001);
    Translation reset = LAB.establish(kind, 1, 1002);
    assertThat(flowsNow()).isEqualTo(3);
    LAB.forwards(kind, kind.data(1, 1001).flags(Frame.FIN | Frame.ACK));
    assertThat(flowsNow()).isEqualTo(3); // one side may still have much to say
    Frame fin = kind.answer(closed.backend(), closed.backendPort(), closed.natPort());
    LAB.returns(kind, fin.flags(Frame.FIN | Frame.ACK), kind.client(1), 1001);
    assertThat(flowsNow()).isEqualTo(2);
    Frame rst = kind.answer(reset.backend(), reset.backendPort(), reset.natPort());
    LAB.returns(kind, rst.flags(Frame.RST), kind.client(1), 1002);
    assertThat(flowsNow()).isEqualTo(1);
    LAB.configure(config -> config.putInt(Layouts.Config.TIMEOUT_TCP_ESTABLISHED, 20));
    int start = LAB.jiffies();
    while (LAB.jiffies() - start <= 21) {
      LockSupport.parkNanos(1_000_000);
    }
    assertThat(flowsNow()).isZero();
    assertThat(LAB.forwards(kind, kind.data(1, 1000))).isEqualTo(open); // nobody needed its place
  }

  private static long flowsNow() {
    return vip(Kind.TCP4).backends().get(0).flowsNow();
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"TCP4", "TCP6"})
  void howBackendsAreReachedAndWhoMayUseAVipIsWhatWasProgrammed(Kind kind) {
    Ip here = LAB.test().datapath().addresses().get(0);
    Ip elsewhere = Ip.parse(kind.backend(9));
    List<Delivery> deliveries =
        List.of(
            Delivery.NAT,
            Delivery.L2,
            Delivery.pod(elsewhere),
            Delivery.ipip(elsewhere),
            Delivery.natVia(elsewhere),
            Delivery.pod(here));
    List<Backend> backends = new ArrayList<>();
    for (Delivery delivery : deliveries) {
      backends.add(new Backend(kind.backendKey(backends.size() + 1), 1, 0, delivery));
    }
    Access access =
        Access.from(
            List.of(Cidr.parse(kind.ipv6 ? "2001:db8:9::/48" : "192.0.2.0/24")),
            UnavailablePolicy.DROP);
    LAB.program(new Vip(kind.vipKey(), 1009, 3600, access, backends));
    VipStatus vip = vip(kind);
    assertThat(vip.affinitySeconds()).isEqualTo(3600);
    assertThat(vip.access()).isEqualTo(access);
    assertThat(vip.backends()).extracting(BackendStatus::delivery).isEqualTo(deliveries);
    assertThat(vip.backends())
        .extracting(BackendStatus::here)
        .containsExactly(false, false, false, false, false, true);
    LAB.program(new Vip(kind.vipKey(), 0, List.of()));
    assertThat(vip(kind).affinitySeconds()).isZero();
    assertThat(vip(kind).access()).isEqualTo(Access.OPEN);
  }

  @Test
  void peersAreThoseThatWereSet() {
    List<Ip> peers =
        Stream.of("192.0.2.1", "192.0.2.77", "2001:db8::7").map(Ip::parse).sorted().toList();
    LAB.test().datapath().setPeers(peers);
    try (DatapathView view = DatapathView.open(LAB.test().pinPath())) {
      assertThat(view.peers()).isEqualTo(peers);
      LAB.test().datapath().setPeers(List.of());
      assertThat(view.peers()).isEmpty();
    }
  }

  @Test
  void dropReasonsAreAllThereAndAttachmentsAreTheKernels() {
    try (DatapathView view = DatapathView.open(LAB.test().pinPath())) {
      assertThat(view.drops()).containsOnlyKeys(DropReason.values());
      assertThat(view.attachments())
          .containsExactly(
              new Attachment(
                  "eth0", Attachment.Mode.NATIVE, null, null, Attachment.Egress.TCX, null));
    }
    Path nowhere = Path.of("/sys/fs/bpf/xdplb-test-nobody");
    assertThatThrownBy(() -> DatapathView.open(nowhere))
        .isInstanceOf(DatapathException.class)
        .hasMessageContaining(nowhere.toString());
  }
}
