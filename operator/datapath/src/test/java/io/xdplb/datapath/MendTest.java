// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Planner;
import io.xdplb.core.plan.ProgrammedBackend;
import io.xdplb.core.plan.ProgrammedVip;
import io.xdplb.core.table.VipImage;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** An agent that finds something else in the maps than it has written writes all of it again. */
@RequiresBpf
class MendTest {
  private static final int DRAIN = 3600;

  @RegisterExtension
  static final PacketLab LAB =
      new PacketLab(
          pins ->
              new DatapathConfig(
                  pins,
                  PacketLab.NAT_PORTS,
                  128,
                  512,
                  1 << 15,
                  1 << 12,
                  DatapathConfig.AttachPreference.NATIVE));

  private List<Vip> vips;

  /** Everything that a VIP can have, a draining backend and slots that have moved among it. */
  @BeforeEach
  void program() {
    vips = new ArrayList<>();
    for (Kind kind : List.of(Kind.TCP4, Kind.UDP6)) {
      Ip own = Ip.parse(kind.balancer());
      List<Backend> backends = new ArrayList<>();
      backends.add(new Backend(kind.backendKey(1), 1, DRAIN, Delivery.NAT));
      backends.add(new Backend(kind.backendKey(2), 2, DRAIN, Delivery.pod(own)));
      backends.add(new Backend(kind.backendKey(3), 0, DRAIN, Delivery.ipip(own)));
      Access access =
          Access.from(
              List.of(Cidr.parse(kind.ipv6 ? "2001:db8:c::/48" : "192.0.2.0/24")),
              UnavailablePolicy.DROP);
      VipKey range = new VipKey(kind.vipKey().address(), kind.protocol, 8000, 8999);
      Backend any =
          new Backend(new BackendKey(kind.backendKey(4).address(), 0), 1, DRAIN, Delivery.NAT);
      LAB.program(new Vip(kind.vipKey(), Maglev.sizeFor(3), 60, access, backends));
      backends.remove(0);
      vips.add(new Vip(kind.vipKey(), Maglev.sizeFor(3), 60, access, backends));
      vips.add(new Vip(range, Maglev.sizeFor(1), 0, Access.OPEN, List.of(any)));
    }
    vips.forEach(LAB::program);
    assertThat(LAB.test().datapath().histories().lines()).isPositive();
  }

  private static boolean isProgrammed(Vip vip) {
    return LAB.test().readBack(vip.key()).equals(Optional.of(VipImage.desired(vip)));
  }

  /** As the agent does, which then believes nothing but which entries exist. */
  private static void mend(Vip vip) {
    ProgrammedVip is = LAB.test().programmed(vip.key()).orElseThrow();
    ProgrammedBackend doubtful = new ProgrammedBackend(false, -1, 0, Delivery.NAT);
    Map<BackendKey, ProgrammedBackend> backends = new HashMap<>(is.backends());
    backends.replaceAll((key, backend) -> backend.isDraining() ? backend : doubtful);
    ProgrammedVip distrusted =
        new ProgrammedVip(vip.key(), false, 0, Access.OPEN, Ring.EMPTY.digest(), backends);
    Planner.plan(Optional.of(vip), Optional.of(distrusted), System.currentTimeMillis() / 1000)
        .forEach(LAB.test().datapath()::apply);
  }

  private void assertMends(String what) {
    assertThat(vips).as("%s: it is noticed", what).anyMatch(vip -> !isProgrammed(vip));
    vips.stream().filter(vip -> !isProgrammed(vip)).toList().forEach(MendTest::mend);
    vips.forEach(
        vip ->
            assertThat(LAB.test().readBack(vip.key()))
                .as("%s: it is mended", what)
                .contains(VipImage.desired(vip)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"keys", "vips", "port_ranges", "backends", "address_filter", "rings"})
  void aMapThatSomebodyWipedIsWrittenAgain(String map) {
    KernelState state = KernelState.read(LAB.test().pinPath());
    byte[][] histories = RawMap.save(LAB.pin("histories"));
    assertThat(RawMap.change(LAB.pin(map), value -> value.put(new byte[value.capacity()])))
        .isPositive();
    assertMends(map);
    assertThat(KernelState.read(LAB.test().pinPath())).isEqualTo(state);
    if (!map.equals("rings")) {
      assertThat(Arrays.deepEquals(RawMap.save(LAB.pin("histories")), histories)).isTrue();
    }
    assertNothingIsLeftAfterRemoval();
  }

  @Test
  void sourceRangesThatSomebodyWipedAreWrittenAgain() {
    try (BpfMap map = BpfMap.openPinned(LAB.pin("source_ranges"))) {
      List<byte[]> keys = new ArrayList<>();
      map.keys().forEach(keys::add);
      keys.forEach(map::delete);
    }
    assertMends("source_ranges");
    assertNothingIsLeftAfterRemoval();
  }

  private void assertNothingIsLeftAfterRemoval() {
    vips.forEach(vip -> LAB.test().remove(vip.key()));
    assertThat(KernelState.read(LAB.test().pinPath())).isEqualTo(KernelState.EMPTY);
    assertThat(LAB.test().datapath().histories().lines()).isZero();
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4"})
  void whateverByteSomebodyChangesIsMendedIfItIsNoticed(Kind kind) {
    long seed = System.nanoTime();
    System.out.println(getClass().getSimpleName() + " seed " + seed);
    Random random = new Random(seed);
    int noticed = 0;
    for (int i = 0; i < 300; i++) {
      String map =
          List.of("keys", "vips", "port_ranges", "backends", "address_filter", "rings").get(i % 6);
      RawMap.change(LAB.pin(map), oneByte(map, random));
      if (vips.stream().anyMatch(vip -> !isProgrammed(vip))) {
        noticed++;
        assertMends(map + " of seed " + seed + ", change " + i);
      }
    }
    assertThat(noticed).isGreaterThan(100);
    vips.forEach(vip -> LAB.test().remove(vip.key()));
    LAB.test().reopen(); // what nobody looks up is not noticed, and cleared by the next agent
    assertThat(KernelState.read(LAB.test().pinPath())).isEqualTo(KernelState.EMPTY);
  }

  /** Of entries in use; only their last words are reserved. */
  private static Consumer<ByteBuffer> oneByte(String map, Random random) {
    int[] left = {map.equals("rings") ? random.nextInt(1000) : random.nextInt(4)};
    return value -> {
      boolean used = false;
      for (int at = 0; at < value.capacity(); at++) {
        used |= value.get(at) != 0;
      }
      if (used && left[0]-- == 0) {
        int at = random.nextInt(value.capacity());
        while (map.equals("address_filter") && value.get(at) == 0) {
          at = (at + 1) % value.capacity();
        }
        value.put(at, (byte) (value.get(at) ^ 1 + random.nextInt(255)));
      }
    };
  }
}
