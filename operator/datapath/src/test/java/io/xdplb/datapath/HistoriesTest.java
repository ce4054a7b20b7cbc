// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.table.VipImage;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Former owners of slots in the kernel's maps: how they come, stay, are adopted, and go. */
@RequiresBpf
class HistoriesTest {
  private static final int DAY = 24 * 3600;
  private static final int DRAIN = 3600;
  private static final Kind KIND = Kind.TCP4;
  private static final Delivery POD = Delivery.pod(Ip.parse(KIND.backend(9)));
  private static final Delivery SERVER = Delivery.ipip(Ip.parse(KIND.backend(9)));

  @RegisterExtension static final PacketLab LAB = new PacketLab();

  /** {@link Kind#vipOf} with another delivery. */
  private static Vip vip(Delivery delivery, int drainSeconds, int... weights) {
    Vip vip = KIND.vipOf(drainSeconds, weights);
    List<Backend> backends = new ArrayList<>();
    for (Backend backend : vip.backends()) {
      backends.add(new Backend(backend.key(), backend.weight(), drainSeconds, delivery));
    }
    return new Vip(vip.key(), vip.ringSize(), backends);
  }

  /** Former owners of a slot in which only remembered flows are looked for. */
  private static final List<Integer> NOBODY = List.of(-1);

  /** The owner of a slot, and those before it, as numbers of backends; 0 for one that has gone. */
  private record Slot(int current, List<Integer> former) {}

  private static Map<Slot, Integer> slots() {
    Map<Integer, Integer> numbers = new HashMap<>();
    List<long[]> ring = new ArrayList<>();
    Map<Integer, List<Integer>> lines = new HashMap<>();
    KernelState.forEach(
        LAB.test().pinPath(),
        "backends",
        (value, index) ->
            BackendLine.read(value, 0)
                .ifPresent(
                    line ->
                        numbers.put(
                            line.handle(),
                            PacketLab.backendNumber(KIND, line.key().address().toString()))));
    KernelState.forEach(
        LAB.test().pinPath(),
        "vips",
        (value, index) ->
            VipLine.read(value, 0)
                .filter(line -> line.key().isPresent())
                .ifPresent(line -> ring.add(new long[] {line.ring() >>> 32, (int) line.ring()})));
    KernelState.forEach(
        LAB.test().pinPath(),
        "histories",
        (value, index) -> {
          List<Integer> owners = new ArrayList<>();
          for (int i = 0; i < Layouts.History.OWNERS && value.getInt(4 * i) != 0; i++) {
            owners.add(numbers.getOrDefault(value.getInt(4 * i), 0));
          }
          lines.put(index, owners.isEmpty() ? NOBODY : owners);
        });
    Map<Slot, Integer> slots = new HashMap<>();
    if (ring.get(0)[1] == 0) {
      return slots;
    }
    Path maps = Maps.mapPins(LAB.test().pinPath());
    try (BpfMap rings = BpfMap.openPinned(maps.resolve("rings"));
        BpfMap histories = BpfMap.openPinned(maps.resolve("ring_histories"));
        RingStretch stretch =
            new RingStretch(rings, histories, (int) ring.get(0)[0], (int) ring.get(0)[1])) {
      for (long slot : stretch.read()) {
        int history = RingSlot.history(slot);
        slots.merge(
            new Slot(
                numbers.getOrDefault(RingSlot.current(slot), 0),
                history == 0 ? List.of() : lines.get(history)),
            1,
            Integer::sum);
      }
    }
    return slots;
  }

  private static Set<List<Integer>> formerOwners() {
    Set<List<Integer>> former = new TreeSet<>(Comparator.comparing(List::toString));
    slots().keySet().forEach(slot -> former.add(slot.former()));
    return former;
  }

  private static int lines() {
    return LAB.test().datapath().histories().lines();
  }

  /** As if slots had moved so many seconds earlier. */
  private static void age(int seconds) {
    int[] second = {0};
    LAB.configure(config -> second[0] = config.getInt(Layouts.Config.SECOND));
    RawMap.change(
        LAB.pin("histories"),
        line -> {
          if (line.getInt(Layouts.History.OWNER) != 0) {
            int moved = line.getInt(Layouts.History.MOVED);
            line.putInt(Layouts.History.MOVED, moved - seconds * second[0]);
          }
        });
  }

  @Test
  void slotThatMovesHasTheOwnersThatItHadNewestFirst() {
    LAB.program(vip(POD, DRAIN, 1, 1));
    assertThat(formerOwners()).containsExactly(List.of());
    LAB.program(vip(POD, DRAIN, 1, 1, 1));
    Map<Slot, Integer> slots = slots();
    assertThat(slots.keySet())
        .contains(
            new Slot(1, List.of()),
            new Slot(2, List.of()),
            new Slot(3, List.of(1)),
            new Slot(3, List.of(2)));
    assertThat(slots.get(new Slot(3, List.of(1)))).isBetween(100, 250);
    assertThat(lines()).as("lines: shared by all slots of the same owners").isLessThan(5);
    LAB.program(vip(POD, DRAIN, 0, 1, 1));
    assertThat(formerOwners()).contains(List.of(), List.of(1), List.of(2));
    LAB.program(vip(POD, DRAIN, 0, 0, 1));
    assertThat(formerOwners()).contains(List.of(2, 1));
  }

  @Test
  void backendThatFailedIsNoFormerOwner() {
    LAB.program(vip(POD, 0, 1, 1, 1));
    LAB.program(vip(POD, 0, 1, 1));
    assertThat(formerOwners()).contains(List.of(0));
    LAB.test().datapath().settle();
    assertThat(formerOwners()).doesNotContain(List.of(0));
  }

  @Test
  void flowsGoOnWhileNobodyTakesNewOnesAndAfterwards() {
    LAB.program(vip(POD, DRAIN, 1, 1));
    for (Vip none : List.of(vip(POD, DRAIN, 0, 0), vip(POD, DRAIN, -1, -1))) {
      LAB.program(none);
      assertThat(slots().keySet())
          .containsExactlyInAnyOrder(new Slot(0, List.of(1)), new Slot(0, List.of(2)));
      assertThat(LAB.test().readBack(none.key())).contains(VipImage.desired(none));
      LAB.test().reopen();
      LAB.test().datapath().settle();
      assertThat(slots().keySet())
          .containsExactlyInAnyOrder(new Slot(0, List.of(1)), new Slot(0, List.of(2)));
      assertThat(LAB.test().program(none)).as("nothing is left to do").isEmpty();
    }
    LAB.program(vip(POD, DRAIN, -1, -1, 1));
    assertThat(slots().keySet())
        .containsExactlyInAnyOrder(new Slot(3, List.of(1)), new Slot(3, List.of(2)));
    LAB.program(vip(POD, DRAIN, 1, 1, -1));
    assertThat(formerOwners()).as("back where they were").containsExactly(List.of(3));
  }

  @Test
  void slotsWithoutAnyOwnerLeftAreGivenBack() {
    LAB.program(vip(POD, 0, 1, 1));
    Vip empty = new Vip(KIND.vipKey(), 0, List.of());
    LAB.program(empty);
    assertThat(slots()).containsOnlyKeys(new Slot(0, List.of(0)));
    LAB.test().datapath().settle();
    assertThat(slots()).isEmpty();
    assertThat(LAB.test().readBack(empty.key())).contains(VipImage.desired(empty));
    assertThat(lines()).isZero();
  }

  @Test
  void ringOfAnotherSizeInheritsTheFormerOwners() {
    LAB.program(vip(POD, DRAIN, 1, 1));
    Vip large = vip(POD, DRAIN, 10, 10);
    assertThat(large.ringSize()).isEqualTo(4001);
    LAB.program(large);
    assertThat(LAB.test().readBack(large.key())).contains(VipImage.desired(large));
    assertThat(formerOwners()).contains(List.of(), List.of(1), List.of(2));
    LAB.program(vip(POD, DRAIN, 1, 1));
    assertThat(formerOwners()).contains(List.of(1), List.of(2));
  }

  @Test
  void nextAgentFindsTheHistoriesAndKeepsThem() {
    LAB.program(vip(POD, DRAIN, 1, 1));
    LAB.program(vip(POD, DRAIN, 1, 1, 1));
    Map<Slot, Integer> before = slots();
    LAB.test().reopen();
    assertThat(slots()).isEqualTo(before);
    assertThat(lines()).isPositive();
    LAB.program(vip(POD, DRAIN, 1, 1, 0));
    assertThat(formerOwners()).contains(List.of(), List.of(3));
    LAB.test().remove(KIND.vipKey());
    assertThat(lines()).isZero();
  }

  @Test
  void agentsAreAskedForADay() {
    LAB.program(vip(POD, DRAIN, 1, 1));
    LAB.program(vip(POD, DRAIN, 1, 1, 1));
    age(DAY - 60);
    LAB.test().datapath().settle();
    assertThat(formerOwners()).containsExactlyInAnyOrder(List.of(), List.of(1), List.of(2));
    age(60 + 1);
    LAB.test().datapath().settle();
    assertThat(formerOwners()).containsExactly(List.of());
    assertThat(lines()).isZero();
  }

  @Test
  void afterTheDrainOfAServerOnlyItsRememberedFlowsAreLookedFor() {
    LAB.program(vip(SERVER, 600, 1, 1));
    LAB.program(vip(SERVER, 600, 1, 1, 1));
    Map<Slot, Integer> before = slots();
    int kept = before.get(new Slot(1, List.of())) + before.get(new Slot(2, List.of()));
    age(590);
    LAB.test().datapath().settle();
    assertThat(formerOwners()).containsExactlyInAnyOrder(List.of(), List.of(1), List.of(2));
    age(11);
    LAB.test().datapath().settle();
    Map<Slot, Integer> after = slots();
    assertThat(formerOwners()).containsExactlyInAnyOrder(List.of(), NOBODY);
    assertThat(after.get(new Slot(3, NOBODY))).isPositive();
    assertThat(after.get(new Slot(1, List.of())) + after.get(new Slot(2, List.of())))
        .isEqualTo(kept);
  }

  /** As many slots as there can be, a tenth of which moves. */
  @Test
  void largestRingIsChangedInMilliseconds() {
    List<Backend> backends = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      Ip address = Ip.parse("10.7." + (i >> 8) + "." + (i & 0xff));
      backends.add(new Backend(new BackendKey(address, 8080), 1, DRAIN, POD));
    }
    Datapath datapath = LAB.test().datapath();
    Ring all = Ring.of(new Vip(KIND.vipKey(), Maglev.MAX_SIZE, backends));
    Ring most = Ring.of(new Vip(KIND.vipKey(), Maglev.MAX_SIZE, backends.subList(0, 450)));
    for (Backend backend : backends) {
      datapath.apply(new Operation.AddBackend(KIND.vipKey(), backend.key(), true, DRAIN, POD));
    }
    long[] nanos = new long[30];
    for (int i = 0; i < nanos.length; i++) {
      Ring ring = i % 2 == 0 ? all : most;
      long start = System.nanoTime();
      datapath.apply(new Operation.SetRing(KIND.vipKey(), ring));
      nanos[i] = System.nanoTime() - start;
    }
    long start = System.nanoTime();
    datapath.settle();
    long settling = System.nanoTime() - start;
    System.out.printf(
        "%d slots, a tenth moves: %s µs; settling %d µs; %s%n",
        Maglev.MAX_SIZE,
        Arrays.toString(Arrays.stream(nanos).map(TimeUnit.NANOSECONDS::toMicros).toArray()),
        TimeUnit.NANOSECONDS.toMicros(settling),
        datapath.histories());
    assertThat(Arrays.stream(nanos).skip(1).min().orElseThrow())
        .as("ns")
        .isLessThan(TimeUnit.MILLISECONDS.toNanos(100));
    assertThat(datapath.histories().ownersForgotten()).isZero();
  }
}
