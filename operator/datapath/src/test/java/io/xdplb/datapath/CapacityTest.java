// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.plan.ProgrammedVip;
import io.xdplb.core.table.VipImage;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Maps that are full, and maps that are to become so. */
@RequiresBpf
class CapacityTest {
  private static final int VIPS = 200;
  private static final int BACKENDS = 400;
  private static final int RING_SLOTS = VIPS * 1024 + 8000;

  @RegisterExtension
  static final PacketLab LAB =
      new PacketLab(
          pins ->
              new DatapathConfig(
                  pins,
                  PacketLab.NAT_PORTS,
                  VIPS,
                  BACKENDS,
                  RING_SLOTS,
                  1 << 12,
                  DatapathConfig.AttachPreference.NATIVE));

  /** Number {@code i}, on an address of its own. */
  private static Vip vip(int i, int ringSize, int... backends) {
    Ip address = Ip.parse("203.0." + (113 + (i >> 8)) + "." + (i & 0xff));
    List<Backend> list = new ArrayList<>();
    for (int backend : backends) {
      Ip ip = Ip.parse("10.9." + (backend >> 8) + "." + (backend & 0xff));
      list.add(new Backend(new BackendKey(ip, 8080), 1, 0));
    }
    list.sort(Comparator.comparing(Backend::key));
    return new Vip(new VipKey(address, Protocol.TCP, 80), ringSize, list);
  }

  private static int ring() {
    return Maglev.sizeFor(1);
  }

  private static boolean found(Vip vip) {
    Frame syn = Frame.tcp("192.0.2.1", 4000, vip.key().address().toString(), 80).flags(Frame.SYN);
    return LAB.run(syn.bytes()).action() != XdpAction.PASS;
  }

  /** With as many peers as there can be, and some more: the table fills and keys move. */
  @Test
  void everyVipIsFoundWhileTheLookupTableMovesItsKeysToMakeRoom() {
    List<Vip> vips = new ArrayList<>();
    LAB.test()
        .datapath()
        .setPeers(
            IntStream.range(0, Maps.PEERS + 2000)
                .mapToObj(i -> Ip.parse("10.8." + (i >> 8) + "." + (i & 0xff)))
                .toList());
    for (int i = 0; i < VIPS; i++) {
      Vip vip = vip(i, ring(), i);
      assertThat(found(vip)).isFalse();
      LAB.programWhenRested(vip);
      vips.add(vip);
      if (i % 10 == 9) {
        assertThat(vips).allMatch(CapacityTest::found);
      }
    }
    assertThat(vips)
        .allSatisfy(
            vip -> assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip)));
    for (Vip vip : vips) {
      LAB.test().remove(vip.key());
      assertThat(found(vip)).isFalse();
    }
    LAB.test().datapath().setPeers(List.of());
    assertThat(KernelState.read(LAB.test().pinPath())).isEqualTo(KernelState.EMPTY);
  }

  @Test
  void vipForWhichThereIsNoEntryIsRefusedAndTheOthersGoOn() {
    for (int i = 0; i < VIPS; i++) {
      LAB.programWhenRested(vip(i, ring(), i));
    }
    refused(vip(VIPS, ring(), VIPS), "--max-vips");
  }

  @Test
  void backendForWhichThereIsNoEntryIsRefusedAndTheOthersGoOn() {
    for (int i = 0; i < 100; i++) {
      LAB.programWhenRested(vip(i, ring(), 3 * i, 3 * i + 1, 3 * i + 2));
    }
    LAB.programWhenRested(vip(100, ring(), IntStream.range(1000, 1099).toArray()));
    LAB.programWhenRested(vip(101, ring(), 2000));
    refused(vip(102, ring(), 2001), "--max-backends");
    refused(vip(101, ring(), 2000, 2001), "--max-backends");
  }

  @Test
  void ringForWhichThereIsNoStretchIsRefusedAndTheOthersGoOn() {
    int large = Maglev.sizeFor(161);
    fillWithThreeRings();
    assertThat(RING_SLOTS - 3 * Maglev.MAX_SIZE).isBetween(2 * ring(), large - 1);
    LAB.programWhenRested(vip(3, ring(), 3));
    refused(vip(4, large, 4), "--max-ring-slots");
    refused(vip(3, large, 3), "--max-ring-slots");
  }

  /** Side by side: what other tests have left is first to become one stretch again. */
  private static void fillWithThreeRings() {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (true) {
      try {
        for (int i = 0; i < 3; i++) {
          LAB.program(vip(i, Maglev.MAX_SIZE, i));
        }
        return;
      } catch (IllegalStateException e) {
        assertThat(System.nanoTime()).as("%s", e).isLessThan(deadline);
        LAB.test().datapath().programmed().forEach(vip -> LAB.test().remove(vip.key()));
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1100)); // they rest for a second
      }
    }
  }

  /** It is refused with advice; what was programmed is, to the last entry, and still found. */
  private static void refused(Vip vip, String option) {
    var before = List.copyOf(LAB.test().datapath().programmed());
    assertThatThrownBy(() -> LAB.program(vip))
        .hasRootCauseInstanceOf(DatapathException.class)
        .rootCause()
        .hasMessageContaining(option)
        .extracting(e -> ((DatapathException) e).reason())
        .isEqualTo(DatapathException.Reason.MapFull);
    // of a plan that stops half-way, no more than its first operations are there
    List<ProgrammedVip> after = new ArrayList<>(LAB.test().datapath().programmed());
    ProgrammedVip half =
        after.stream().filter(p -> p.key().equals(vip.key())).findFirst().orElse(null);
    if (before.stream().noneMatch(p -> p.key().equals(vip.key())) && half != null) {
      assertThat(half.hasEntry()).isFalse();
      half.backends()
          .keySet()
          .forEach(
              backend ->
                  LAB.test().datapath().apply(new Operation.RemoveBackend(vip.key(), backend)));
      after = new ArrayList<>(LAB.test().datapath().programmed());
    }
    assertThat(after).containsExactlyInAnyOrderElementsOf(before);
    for (ProgrammedVip programmed : before) {
      Frame syn = Frame.tcp("192.0.2.1", 4000, programmed.key().address().toString(), 80);
      assertThat(LAB.run(syn.flags(Frame.SYN).bytes()).action()).isNotEqualTo(XdpAction.PASS);
    }
  }
}
