// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Vip;
import io.xdplb.core.table.VipImage;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is read back is what a packet finds: equal to the table, or else something is wrong. */
@RequiresBpf
class ReadBackTest {
  private static final int RING_SLOTS = 1 << 14;

  @RegisterExtension
  static final PacketLab LAB =
      new PacketLab(
          pins ->
              new DatapathConfig(
                  pins,
                  PacketLab.NAT_PORTS,
                  16,
                  64,
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
            new Vip(kind.vipKey(), 0, List.of()))) {
      LAB.program(vip);
      assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
    }
    LAB.test().remove(kind.vipKey());
    assertThat(LAB.test().readBack(kind.vipKey())).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void noticesWhateverOfTheRingIsNotAsItWas(Kind kind) {
    // freed rings are not cleared: only where all slots are changed is it known to be this one
    tamper(kind, "rings", slot -> slot.putInt(0, 0));
    tamper(kind, "rings", slot -> slot.putInt(0, slot.getInt(0) + 1));
    tamper(kind, "rings", slot -> slot.putInt(0, slot.getInt(0) ^ 1 << 20)); // generation
    LAB.program(kind.vipOf(1, 1, 1, 0));
    int first = ringStart();
    for (int number : new int[] {0, 500, 1008}) {
      tamper(kind, "rings", nth(first + number, slot -> slot.putInt(0, 0)));
      tamper(kind, "rings", nth(first + number, slot -> slot.putInt(0, slot.getInt(0) + 1)));
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
    long beyond = (long) RING_SLOTS << 32 | 503;
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
    Vip vip = kind.vipOf(1, 1, 1, 0);
    LAB.program(vip);
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
      if (!done[0] && value.getInt(0) != 0) {
        change.accept(value);
        done[0] = !Arrays.equals(before, value.array());
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
