// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.VipImage;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is read back is what a packet finds: equal to the table, or else something is wrong. */
@RequiresBpf
class ReadBackTest {
  private static final int RING_SLOTS = 40 * 1009;

  @RegisterExtension
  static final PacketLab LAB =
      new PacketLab(
          pins ->
              new DatapathConfig(
                  pins,
                  PacketLab.NAT_PORTS,
                  64,
                  256,
                  RING_SLOTS,
                  4096,
                  DatapathConfig.AttachPreference.NATIVE));

  @ParameterizedTest
  @EnumSource
  void equalsTheTableThatWasProgrammed(Kind kind) {
    for (Vip vip :
        List.of(
            kind.vipOf(1),
            kind.vipOf(1, 3),
            kind.vipOf(0, 3),
            kind.vipOf(0, 0),
            kind.vipOf(3600, new int[] {-1, 1, 1}),
            delivered(kind, Delivery.pod(node(kind)), Delivery.natVia(node(kind))),
            delivered(kind, Delivery.natVia(node(kind)), Delivery.pod(own(kind))),
            delivered(kind, Delivery.L2, Delivery.ipip(otherFamily(kind))),
            delivered(kind, Delivery.gue(node(kind)), Delivery.ipip(own(kind))),
            delivered(kind, Delivery.NAT, Delivery.gue(otherFamily(kind))),
            with(kind, 86400, Access.OPEN),
            with(kind, 1, new Access(Optional.empty(), UnavailablePolicy.DROP)),
            with(kind, 0, Access.from(List.of(), UnavailablePolicy.REJECT)),
            with(kind, 0, ranges(kind)),
            new Vip(kind.vipKey(), 0, List.of()))) {
      LAB.programWhenRested(vip);
      assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
    }
    LAB.test().remove(kind.vipKey());
    assertThat(LAB.test().readBack(kind.vipKey())).isEmpty();
  }

  private static Ip own(Kind kind) {
    return Ip.parse(kind.balancer());
  }

  private static Ip node(Kind kind) {
    return Ip.parse(kind.backend(9));
  }

  private static Ip otherFamily(Kind kind) {
    return node(kind.ipv6 ? Kind.TCP4 : Kind.TCP6);
  }

  private static Access ranges(Kind kind) {
    String[] ranges =
        kind.ipv6
            ? new String[] {"2001:db8::/32", "2001:db8:c::/48", "::/0"}
            : new String[] {"192.0.2.0/24", "192.0.2.7/32", "0.0.0.0/0"};
    return Access.from(Arrays.stream(ranges).map(Cidr::parse).toList(), UnavailablePolicy.DROP);
  }

  private static Vip delivered(Kind kind, Delivery... deliveries) {
    List<Backend> backends = new ArrayList<>();
    for (int i = 0; i < deliveries.length; i++) {
      backends.add(new Backend(kind.backendKey(1 + i), 1, 0, deliveries[i]));
    }
    return new Vip(kind.vipKey(), Maglev.sizeFor(backends.size()), backends);
  }

  private static Vip with(Kind kind, int affinity, Access access) {
    Vip vip = kind.vipOf(1, 0);
    return new Vip(vip.key(), vip.ringSize(), affinity, access, vip.backends());
  }

  private static Vip range(Kind kind, int port, int endPort, int backend, Access access) {
    VipKey key = new VipKey(kind.vipKey().address(), kind.protocol, port, endPort);
    BackendKey any = new BackendKey(kind.backendKey(backend).address(), 0);
    return new Vip(key, Maglev.sizeFor(1), 0, access, List.of(new Backend(any, 1, 0)));
  }

  @ParameterizedTest
  @EnumSource
  void rangesOfPortsNestAndBeginWhereASinglePortIs(Kind kind) {
    List<Vip> vips =
        List.of(
            kind.vipOf(1),
            range(kind, Kind.VIP_PORT, 8999, 2, Access.OPEN),
            range(kind, 8000, 8999, 3, ranges(kind)),
            range(kind, 1, 65535, 4, Access.OPEN));
    vips.forEach(LAB::programWhenRested);
    for (int left = vips.size(); left > 0; left--) {
      for (Vip vip : vips.subList(vips.size() - left, vips.size())) {
        assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
      }
      LAB.test().reopen();
      LAB.test().remove(vips.get(vips.size() - left).key());
    }
    assertThat(KernelState.read(LAB.test().pinPath())).isEqualTo(KernelState.EMPTY);
  }

  @Test
  void sixteenRangesCanBeReplacedBySixteenOthersAndNoMoreAreTaken() {
    Kind kind = Kind.TCP4;
    List<Vip> former = new ArrayList<>();
    for (int round = 0; round < 2; round++) {
      former.forEach(vip -> LAB.test().remove(vip.key()));
      former.clear();
      for (int i = 0; i < Layouts.PortRanges.COUNT; i++) {
        int port = 1000 + 100 * i + round;
        former.add(range(kind, port, port + 50, 1, Access.OPEN));
        LAB.programWhenRested(former.get(i));
      }
      for (Vip vip : former) {
        assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
      }
    }
    assertThatThrownBy(() -> LAB.programWhenRested(range(kind, 50, 60, 1, Access.OPEN)))
        .rootCause()
        .hasMessageContaining("16 port ranges");
    for (Vip vip : former) {
      assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
    }
  }

  /** Of VIPs that share an address, the strictest says what its other ports do. */
  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void addressDropsAsLongAsOneOfItsVipsSaysSo(Kind kind) {
    Vip rejects = with(kind, 0, Access.OPEN);
    Vip drops = range(kind, 8000, 8999, 3, new Access(Optional.empty(), UnavailablePolicy.DROP));
    LAB.programWhenRested(rejects);
    assertThat(addressRejects()).isTrue();
    LAB.programWhenRested(drops);
    assertThat(addressRejects()).isFalse();
    LAB.test().reopen();
    assertThat(addressRejects()).isFalse();
    assertThat(LAB.test().readBack(rejects.key())).contains(VipImage.desired(rejects));
    LAB.program(range(kind, 8000, 8999, 3, Access.OPEN));
    assertThat(addressRejects()).isTrue();
    LAB.programWhenRested(drops);
    LAB.test().remove(drops.key());
    assertThat(addressRejects()).isTrue();
  }

  private static boolean addressRejects() {
    VipLine[] found = {null};
    KernelState.forEach(
        LAB.test().pinPath(),
        "vips",
        (value, index) ->
            VipLine.read(value, 0)
                .filter(line -> line.protocol() == Layouts.Key.OF_ADDRESS)
                .ifPresent(line -> found[0] = line));
    return found[0].rejects();
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void noticesWhateverOfARangeIsNotAsItWas(Kind kind) {
    Vip vip = range(kind, 8000, 8999, 1, Access.OPEN);
    for (int field :
        new int[] {
          Layouts.PortRange.FIRST,
          Layouts.PortRange.LAST,
          Layouts.PortRange.PROTOCOL,
          Layouts.PortRange.VIP
        }) {
      tamper(
          vip,
          "port_ranges",
          ranges -> {
            if (ranges.getInt(Layouts.PortRange.VIP) != 0) {
              flip(field).accept(ranges);
            }
          });
    }
    int second = Layouts.PortRange.LAYOUT.size();
    tamper(
        vip,
        "port_ranges",
        once(
            ranges -> {
              if (ranges.getInt(Layouts.PortRange.VIP) != 0) {
                ranges.putInt(second + Layouts.PortRange.VIP, 1); // somebody else's
              }
            }));
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void noticesWhateverOfATunnelIsNotAsItWas(Kind kind) {
    for (Delivery delivery :
        List.of(
            Delivery.pod(node(kind)),
            Delivery.pod(own(kind)),
            Delivery.ipip(node(kind)),
            Delivery.gue(otherFamily(kind)),
            Delivery.L2)) {
      Vip vip = delivered(kind, delivery);
      for (int field = Layouts.Backend.HANDLE;
          field < Layouts.Backend.GENERATION;
          field += field == Layouts.Backend.TAG ? 8 : 1) {
        tamper(vip, "backends", owned(Layouts.Backend.HANDLE, flip(field)));
      }
    }
    Vip hosted = delivered(kind, Delivery.pod(own(kind)));
    tamper(
        hosted,
        "keys",
        bucket -> {
          for (int at = 0; at < bucket.capacity(); at += Layouts.Key.LAYOUT.size()) {
            if ((bucket.get(at + Layouts.Key.PROTOCOL) & 0xff) == Layouts.Key.OF_ENDPOINT) {
              bucket.putInt(at + Layouts.Key.HANDLE, 0);
            }
          }
        });
    tamper(
        hosted,
        "address_filter",
        filter -> {
          for (int at = 0; at < filter.capacity(); at++) {
            filter.put(at, (byte) (filter.get(at) & ~16));
          }
        });
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void noticesWhateverOfTheRingIsNotAsItWas(Kind kind) {
    // freed rings are not cleared: only where all slots are changed is it known to be this one
    tamper(kind, "rings", slots(slot -> slot.putInt(0, 0)));
    tamper(kind, "rings", slots(slot -> slot.putInt(0, slot.getInt(0) + 1)));
    tamper(kind, "rings", slots(slot -> slot.putInt(0, slot.getInt(0) ^ 1 << 20))); // generation
    LAB.program(kind.vipOf(1, 1, 1, 0));
    int first = ringStart();
    for (int number : new int[] {0, 500, 1008}) {
      tamper(kind, "rings", slots(nth(first + number, slot -> slot.putInt(0, 0))));
      tamper(kind, "rings", slots(nth(first + number, slot -> slot.putInt(0, slot.getInt(0) + 1))));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void noticesWhateverOfTheVipIsNotAsItWas(Kind kind) {
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, vip -> vip.putInt(Layouts.Vip.HANDLE, 0)));
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, flip(Layouts.Vip.HANDLE)));
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, flip(Layouts.Vip.ADDRESS)));
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, flip(Layouts.Vip.PORT)));
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, flip(Layouts.Vip.PROTOCOL)));
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, flip(Layouts.Vip.FAMILY)));
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, vip -> vip.putLong(Layouts.Vip.RING, 0)));
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, vip -> vip.putLong(Layouts.Vip.RING, 502)));
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, vip -> vip.putLong(Layouts.Vip.RING, -1)));
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, vip -> vip.putLong(Layouts.Vip.RING, 1 << 30)));
    for (int field :
        new int[] {
          Layouts.Vip.FLAGS,
          Layouts.Vip.END_PORT,
          Layouts.Vip.AFFINITY,
          Layouts.Vip.SOURCES,
          Layouts.Vip.HOSTED
        }) {
      tamper(kind, "vips", once(ofPorts(flip(field))));
    }
    tamper(kind, "vips", once(ofPorts(vip -> vip.put(Layouts.Vip.FLAGS, (byte) 1)))); // no flows
    tamper(kind, "vips", once(ofAddress(flip(Layouts.Vip.FLAGS))));
    tamper(kind, "vips", once(ofAddress(flip(Layouts.Vip.ADDRESS))));
    long beyond = (long) (RING_SLOTS + Layouts.RingLine.SLOTS) << 32 | 503;
    tamper(kind, "vips", owned(Layouts.Vip.HANDLE, vip -> vip.putLong(Layouts.Vip.RING, beyond)));
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void noticesWhateverOfABackendIsNotAsItWas(Kind kind) {
    tamper(kind, "backends", backend -> backend.putInt(Layouts.Backend.HANDLE, 0));
    for (int weight : new int[] {0, 1}) { // one that has no slot in the ring, and one that has
      for (int field :
          new int[] {
            Layouts.Backend.HANDLE,
            Layouts.Backend.ADDRESS,
            Layouts.Backend.PORT,
            Layouts.Backend.FAMILY,
            Layouts.Backend.FLAGS,
            Layouts.Backend.VIP,
            Layouts.Backend.DRAIN_UNTIL,
            Layouts.Backend.TAG,
            Layouts.Backend.MTU,
            Layouts.Backend.NAT_ADDRESS
          }) {
        tamper(kind, "backends", once(weighing(weight, flip(field))));
      }
      tamper(
          kind,
          "backends",
          once(weighing(weight, backend -> backend.putInt(Layouts.Backend.HANDLE, 0))));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void noticesThatAPacketWouldNotBeLookedUpOrNotBeFound(Kind kind) {
    tamper(
        kind,
        "keys",
        bucket -> {
          for (int at = 0; at < bucket.capacity(); at += Layouts.Key.LAYOUT.size()) {
            if (Wire.port(bucket, at + Layouts.Key.PORT) == Kind.VIP_PORT) {
              bucket.putInt(at + Layouts.Key.HANDLE, 0);
            }
          }
        });
    for (int field :
        new int[] {
          Layouts.Key.ADDRESS,
          Layouts.Key.PORT,
          Layouts.Key.PROTOCOL,
          Layouts.Key.FAMILY,
          Layouts.Key.HANDLE
        }) {
      tamper(
          kind,
          "keys",
          bucket -> {
            for (int at = 0; at < bucket.capacity(); at += Layouts.Key.LAYOUT.size()) {
              // a slot that was cleared keeps its former key, and no packet is found by it
              if (bucket.getInt(at + Layouts.Key.HANDLE) != 0
                  && Wire.port(bucket, at + Layouts.Key.PORT) == Kind.VIP_PORT) {
                bucket.put(at + field, (byte) (bucket.get(at + field) ^ 1));
                return;
              }
            }
          });
    }
    tamper(kind, "address_filter", filter -> filter.put(new byte[filter.capacity()]));
  }

  /** Changes a map of a VIP that is programmed, asks for what is there, and changes it back. */
  private static void tamper(Kind kind, String map, Consumer<ByteBuffer> change) {
    tamper(kind.vipOf(1, 1, 1, 0), map, change);
  }

  private static void tamper(Vip vip, String map, Consumer<ByteBuffer> change) {
    LAB.programWhenRested(vip);
    assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
    byte[][] before = RawMap.save(LAB.pin(map));
    assertThat(RawMap.change(LAB.pin(map), change)).as("changed entries of %s", map).isPositive();
    assertThat(LAB.test().readBack(vip.key())).isNotEqualTo(Optional.of(VipImage.desired(vip)));
    RawMap.restore(LAB.pin(map), before);
    assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
  }

  private static Consumer<ByteBuffer> flip(int field) {
    return value -> value.put(field, (byte) (value.get(field) ^ 1));
  }

  private static Consumer<ByteBuffer> owned(int handle, Consumer<ByteBuffer> change) {
    return value -> {
      if (value.getInt(handle) != 0) {
        change.accept(value);
      }
    };
  }

  private static Consumer<ByteBuffer> ofPorts(Consumer<ByteBuffer> change) {
    return value -> {
      if (value.getInt(Layouts.Vip.HANDLE) != 0 && value.get(Layouts.Vip.PROTOCOL) != 0) {
        change.accept(value);
      }
    };
  }

  private static Consumer<ByteBuffer> ofAddress(Consumer<ByteBuffer> change) {
    return value -> {
      if (value.getInt(Layouts.Vip.HANDLE) != 0 && value.get(Layouts.Vip.PROTOCOL) == 0) {
        change.accept(value);
      }
    };
  }

  private static Consumer<ByteBuffer> weighing(int weight, Consumer<ByteBuffer> change) {
    return owned(
        Layouts.Backend.HANDLE,
        backend -> {
          if ((backend.get(Layouts.Backend.FLAGS) & Layouts.Backend.TAKES_NEW_FLOWS) == weight) {
            change.accept(backend);
          }
        });
  }

  /** The first entry that the change makes a difference to, and no other. */
  private static Consumer<ByteBuffer> once(Consumer<ByteBuffer> change) {
    boolean[] done = {false};
    return value -> {
      byte[] before = value.array().clone();
      if (!done[0]) {
        change.accept(value);
        done[0] = !Arrays.equals(before, value.array());
      }
    };
  }

  /** Changes each slot of a line. */
  private static Consumer<ByteBuffer> slots(Consumer<ByteBuffer> change) {
    return line -> {
      for (int slot = 0; slot < Layouts.RingLine.SLOTS; slot++) {
        change.accept(
            line.slice(slot * Integer.BYTES, Integer.BYTES).order(ByteOrder.nativeOrder()));
      }
    };
  }

  private static Consumer<ByteBuffer> nth(int index, Consumer<ByteBuffer> change) {
    int[] at = {0};
    return value -> {
      if (at[0]++ == index) {
        change.accept(value);
      }
    };
  }

  private static int ringStart() {
    int[] start = {0};
    KernelState.forEach(
        LAB.test().pinPath(),
        "vips",
        (vip, index) -> {
          if (vip.getInt(Layouts.Vip.HANDLE) != 0) {
            start[0] = (int) (vip.getLong(Layouts.Vip.RING) >>> 32);
          }
        });
    return start[0];
  }
}
