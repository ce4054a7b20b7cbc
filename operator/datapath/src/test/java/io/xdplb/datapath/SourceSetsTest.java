// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.table.VipImage;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Sets of source ranges in the kernel's trie. */
@RequiresBpf
class SourceSetsTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static Vip vip(Kind kind, Access access) {
    Vip vip = kind.vipOf(1, 1);
    return new Vip(vip.key(), vip.ringSize(), 0, access, vip.backends());
  }

  private static Access from(String... ranges) {
    return Access.from(
        List.of(ranges).stream().map(Cidr::parse).toList(), UnavailablePolicy.REJECT);
  }

  private static int entries() {
    return KernelState.read(LAB.test().pinPath()).sources();
  }

  private static Set<Integer> sets() {
    Set<Integer> sets = new TreeSet<>();
    try (BpfMap map = BpfMap.openPinned(LAB.pin("source_ranges"))) {
      map.keys().forEach(key -> sets.add(natively(key).getInt(Layouts.Source.SET)));
    }
    return sets;
  }

  private static ByteBuffer natively(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void setIsReplacedByAnotherAndTheFormerOneGoes(Kind kind) {
    List<Access> all =
        List.of(
            from(kind.ipv6 ? "2001:db8:c::/48" : "192.0.2.0/24"),
            from("0.0.0.0/0", "::/0"),
            from("0.0.0.0/32", "::/128", "0.0.0.0/1", "::/1"),
            Access.from(List.of(), UnavailablePolicy.DROP),
            from(kind.ipv6 ? "10.0.0.0/8" : "2001:db8::/32"), // none of the VIP's family
            Access.OPEN);
    Set<Integer> before = Set.of();
    for (Access access : all) {
      Vip vip = vip(kind, access);
      List<Operation> plan = LAB.test().program(vip);
      assertThat(plan)
          .hasAtLeastOneElementOfType(
              all.get(0) == access ? Operation.AddVip.class : Operation.UpdateVip.class);
      assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
      Set<Integer> now = sets();
      Set<Integer> former = before;
      assertThat(now).hasSize(access == Access.OPEN ? 0 : 1).noneMatch(former::contains);
      assertThat(now).allMatch(set -> (set & 1) == (kind.ipv6 ? 1 : 0));
      before = now;
      LAB.test().reopen();
      assertThat(LAB.test().program(vip)).as("the next agent finds it").isEmpty();
    }
  }

  @Test
  void randomSetsAreReadBackAsTheyAreAndLeaveNothingBehind() {
    long seed = System.nanoTime();
    System.out.println(getClass().getSimpleName() + " seed " + seed);
    Random random = new Random(seed);
    try (BpfMap map = BpfMap.openPinned(LAB.pin("source_ranges"))) {
      SourceSets sets = new SourceSets(map);
      int[] numbers = new int[40];
      List<List<Cidr>> ranges = new ArrayList<>();
      for (int i = 0; i < numbers.length; i++) {
        ranges.add(ranges(i % 2 == 1, random.nextInt(30), random));
        numbers[i] = sets.add(ranges.get(i), i % 2 == 1);
      }
      for (int i = 0; i < numbers.length; i++) {
        assertThat(SourceSets.read(map, numbers[i], i % 2 == 1))
            .as("set %d of seed %d", i, seed)
            .contains(ranges.get(i));
      }
      for (int i = 0; i < numbers.length; i += 2) {
        sets.remove(numbers[i], false);
        assertThat(SourceSets.read(map, numbers[i], false)).isEmpty();
      }
      for (int i = 1; i < numbers.length; i += 2) {
        assertThat(SourceSets.read(map, numbers[i], true)).contains(ranges.get(i));
        sets.remove(numbers[i], true);
      }
    }
    assertThat(entries()).isZero();
  }

  private static List<Cidr> ranges(boolean ipv6, int count, Random random) {
    Set<Cidr> ranges = new TreeSet<>();
    for (int i = 0; i < count; i++) {
      long low = random.nextInt(3) == 0 ? 0 : random.nextLong();
      Ip ip =
          ipv6
              ? new Ip(random.nextBoolean() ? 0 : random.nextLong(), low, false)
              : new Ip(0, low & 0xffff_ffffL, true);
      ranges.add(new Cidr(ip, random.nextInt(ipv6 ? 129 : 33)));
    }
    return List.copyOf(ranges);
  }

  @Test
  void sizesOfAnApiAreMadeInMilliseconds() {
    Random random = new Random(256);
    Access access = Access.from(ranges(false, 256, random), UnavailablePolicy.REJECT);
    LAB.program(vip(Kind.TCP4, Access.OPEN));
    long start = System.nanoTime();
    LAB.test().datapath().apply(new Operation.UpdateVip(Kind.TCP4.vipKey(), 0, access));
    long nanos = System.nanoTime() - start;
    System.out.printf(
        "%d source ranges: %d µs%n",
        access.sourceRanges().orElseThrow().size(), TimeUnit.NANOSECONDS.toMicros(nanos));
    assertThat(nanos).as("ns").isLessThan(TimeUnit.SECONDS.toNanos(1));
    assertThat(LAB.test().readBack(Kind.TCP4.vipKey()).orElseThrow().access()).isEqualTo(access);
  }

  @Test
  void nextAgentRemovesSetsThatNobodyRefersToAndNotUsedNumbersAreFresh() {
    Vip vip = vip(Kind.TCP4, from("192.0.2.0/24"));
    LAB.program(vip);
    int whole = entries();
    try (BpfMap map = BpfMap.openPinned(LAB.pin("source_ranges"))) {
      ByteBuffer key = natively(new byte[Layouts.Source.LAYOUT.size()]);
      key.putInt(Layouts.Source.PREFIX_LENGTH, 40).putInt(Layouts.Source.SET, 4000);
      map.put(key.array(), new byte[4]);
    }
    LAB.test().reopen();
    assertThat(entries()).isEqualTo(whole);
    LAB.program(vip(Kind.TCP4, from("192.0.3.0/24")));
    assertThat(sets()).allMatch(set -> set > 4000);
  }

  @Test
  void whatSomebodyAddsToASetOrTakesOutOfItIsNoticed() {
    Vip vip = vip(Kind.TCP6, from("2001:db8::/32", "2001:db8:c::/48"));
    LAB.program(vip);
    try (BpfMap map = BpfMap.openPinned(LAB.pin("source_ranges"))) {
      for (byte[] key : map.keys()) {
        byte[] value = map.lookup(key).orElseThrow();
        map.delete(key);
        assertThat(LAB.test().readBack(vip.key()))
            .as("without %s", natively(key).getInt(0))
            .isNotEqualTo(Optional.of(VipImage.desired(vip)));
        map.put(key, value);
        assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
      }
      byte[] any = map.keys().iterator().next();
      for (int length : new int[] {32, 33, 150}) { // ::/0, ::/1, a long one
        byte[] key = any.clone();
        natively(key).putInt(Layouts.Source.PREFIX_LENGTH, length);
        natively(key).putLong(Layouts.Source.ADDRESS, 0).putLong(Layouts.Source.ADDRESS + 8, 0);
        map.create(key, new byte[4]);
        assertThat(LAB.test().readBack(vip.key()))
            .as("with one of length %d", length)
            .isNotEqualTo(Optional.of(VipImage.desired(vip)));
        map.delete(key);
      }
      assertThat(LAB.test().readBack(vip.key())).contains(VipImage.desired(vip));
    }
  }
}
