// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import static io.xdplb.libbpf.TestObjects.number;
import static io.xdplb.libbpf.TestObjects.u32;
import static io.xdplb.libbpf.TestObjects.u64;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@RequiresBpf
class BpfMapTest {
  private static final int RING = 65_537;

  private BpfObject object;

  @BeforeEach
  void load() {
    object = TestObjects.load("maps");
  }

  @AfterEach
  void close() {
    object.close();
  }

  @Test
  void createReplaceAndPutMeanWhatTheySay() {
    BpfMap many = object.map("many");
    assertErrno(Errno.ENOENT, () -> many.replace(u32(1), u64(1)));
    many.create(u32(1), u64(1));
    assertErrno(Errno.EEXIST, () -> many.create(u32(1), u64(2)));
    assertThat(many.lookup(u32(1))).contains(u64(1));
    many.replace(u32(1), u64(3));
    assertThat(many.lookup(u32(1))).contains(u64(3));
    many.put(u32(1), u64(4));
    many.put(u32(2), u64(5));
    assertThat(many.lookup(u32(1))).contains(u64(4));
    assertThat(many.lookup(u32(2))).contains(u64(5));
  }

  @Test
  void anAbsentKeyIsEmptyAndLeavesTheCallersArrayAlone() {
    byte[] value = u64(42);
    assertThat(object.map("many").lookup(u32(9))).isEmpty();
    assertThat(object.map("many").lookup(u32(9), value)).isFalse();
    assertThat(value).isEqualTo(u64(42));
  }

  @Test
  void deletionIsStrictOrLenient() {
    BpfMap many = object.map("many");
    many.put(u32(1), u64(1));
    many.delete(u32(1));
    assertErrno(Errno.ENOENT, () -> many.delete(u32(1)));
    assertThat(many.deleteIfPresent(u32(1))).isFalse();
    many.put(u32(1), u64(1));
    assertThat(many.deleteIfPresent(u32(1))).isTrue();
    assertThat(many.lookup(u32(1))).isEmpty();
    assertErrno(Errno.EINVAL, () -> object.map("ring").deleteIfPresent(u32(1)));
  }

  @Test
  void aFullMapSaysHowManyEntriesItHas() {
    BpfMap backends = object.map("backends");
    byte[] value = new byte[backends.info().valueBytes()];
    for (int i = 0; i < 8; i++) {
      backends.create(u32(i), value);
    }
    assertThatThrownBy(() -> backends.create(u32(8), value))
        .hasMessageStartingWith("cannot create a key in hash map backends (id ")
        .hasMessageEndingWith("E2BIG (Argument list too long): it has room for 8 entries");
  }

  @Test
  void wrongSizesNeverReachTheKernel() {
    BpfMap many = object.map("many");
    assertThatThrownBy(() -> many.put(new byte[3], u64(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a key of 3 bytes")
        .hasMessageContaining("needs 4");
    assertThatThrownBy(() -> many.lookup(u32(1), new byte[7]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a value of 7 bytes");
    assertThatThrownBy(() -> many.updateBatch(new byte[8], new byte[8], 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("8 bytes are too few for 2 times 8");
    assertThatThrownBy(() -> many.deleteBatch(new byte[8], -1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void keysAreIterated() {
    BpfMap many = object.map("many");
    assertThat(many.nextKey(null)).isEmpty();
    Set<Long> expected = new HashSet<>();
    for (int i = 0; i < 100; i++) {
      many.put(u32(i), u64(i));
      expected.add((long) i);
    }
    List<Long> seen = new ArrayList<>();
    many.keys().forEach(key -> seen.add(number(key)));
    assertThat(seen).hasSize(100).containsAll(expected);
    assertThat(object.map("ring").nextKey(u32(41))).contains(u32(42));
    assertThat(object.map("ring").nextKey(u32(RING - 1))).isEmpty();
  }

  @Test
  void deletingWhileIteratingEnds() {
    BpfMap many = object.map("many");
    for (int i = 0; i < 100; i++) {
      many.put(u32(i), u64(i));
    }
    many.keys().forEach(many::deleteIfPresent);
    many.keys().forEach(many::deleteIfPresent);
    assertThat(many.nextKey(null)).isEmpty();
  }

  @Test
  void aPerCpuEntryHasAValueForEachPossibleCpu() {
    BpfMap runs = object.map("runs");
    int cpus = Libbpf.possibleCpus();
    assertThat(runs.info().perCpu()).isTrue();
    assertThat(runs.info().valueBytes()).isEqualTo(8 * cpus);
    object.program("balance").testRun(TestRun.on(TestObjects.packet(60)).times(1000));
    byte[][] counts = runs.lookupPerCpu(u32(0)).orElseThrow();
    assertThat(counts).hasNumberOfRows(cpus);
    long sum = 0;
    for (byte[] count : counts) {
      sum += number(count);
    }
    assertThat(sum).isEqualTo(1000);

    ByteBuffer values = ByteBuffer.allocate(8 * cpus).order(ByteOrder.nativeOrder());
    for (int cpu = 0; cpu < cpus; cpu++) {
      values.putInt(8 * cpu, cpu + 7);
    }
    runs.put(u32(3), values.array());
    byte[][] read = runs.lookupPerCpu(u32(3)).orElseThrow();
    for (int cpu = 0; cpu < cpus; cpu++) {
      assertThat(number(read[cpu])).isEqualTo(cpu + 7);
    }
    assertThatThrownBy(() -> object.map("many").lookupPerCpu(u32(0)))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void batchesOfAHashMapAreWrittenReadAndDeleted() {
    BpfMap many = object.map("many");
    int count = 50_000;
    byte[] keys = numbers(0, count, 4);
    many.updateBatch(keys, numbers(1000, count, 8), count);

    Set<Long> seen = new HashSet<>();
    BatchReader batch = many.lookupBatch(1);
    while (batch.next()) {
      for (int i = 0; i < batch.count(); i++) {
        assertThat(number(batch.value(i))).isEqualTo(number(batch.key(i)) + 1000);
        assertThat(seen.add(number(batch.key(i)))).isTrue();
      }
    }
    assertThat(batch.next()).isFalse();
    assertThat(seen).hasSize(count);

    many.deleteBatch(keys, count - 1);
    assertThat(many.nextKey(null)).contains(u32(count - 1));
    assertThat(many.nextKey(u32(count - 1))).isEmpty();
  }

  @Test
  void aRefusedBatchSaysHowFarItCame() {
    BpfMap many = object.map("many");
    many.put(u32(0), u64(0));
    many.put(u32(1), u64(1));
    assertThatThrownBy(() -> many.deleteBatch(numbers(0, 3, 4), 3))
        .hasMessageEndingWith(
            "ENOENT (No such file or directory): the key is absent; " + "2 were done before");
    assertThat(many.nextKey(null)).isEmpty();
  }

  @Test
  void batchesOfAnArrayAndOfPerCpuValues() {
    BpfMap ring = object.map("ring");
    ring.updateBatch(numbers(0, RING, 4), numbers(7, RING, 8), RING);
    BatchReader batch = ring.lookupBatch(1000);
    int next = 0;
    while (batch.next()) {
      for (int i = 0; i < batch.count(); i++, next++) {
        assertThat(number(batch.key(i))).isEqualTo(next);
        assertThat(number(batch.value(i))).isEqualTo(next + 7);
      }
    }
    assertThat(next).isEqualTo(RING);

    object.program("balance").testRun(TestRun.on(TestObjects.packet(60)).times(10));
    BatchReader runs = object.map("runs").lookupBatch(3);
    int entries = 0;
    long sum = 0;
    while (runs.next()) {
      entries += runs.count();
      for (int i = 0; i < runs.count(); i++) {
        ByteBuffer value = ByteBuffer.wrap(runs.value(i)).order(ByteOrder.nativeOrder());
        for (int cpu = 0; cpu < Libbpf.possibleCpus(); cpu++) {
          sum += value.getInt(8 * cpu);
        }
      }
    }
    assertThat(entries).isEqualTo(4);
    assertThat(sum).isEqualTo(10);
  }

  @Test
  void memoryAndSystemCallsSeeTheSameValues() {
    BpfMap ring = object.map("ring");
    try (MapMemory memory = ring.mmap()) {
      assertThat(memory.buffer().capacity()).isEqualTo(8 * RING);
      assertThat(memory.buffer().order()).isEqualTo(ByteOrder.nativeOrder());
      memory.buffer().putLong(memory.stride() * 65_536, 123_456_789_012L);
      assertThat(ring.lookup(u32(65_536))).contains(u64(123_456_789_012L));
      ring.put(u32(3), u64(77));
      assertThat(memory.buffer().getLong(3 * memory.stride())).isEqualTo(77);

      memory.buffer().putLong(0, XdpAction.TX.ordinal());
      assertThat(object.program("balance").testRun(TestObjects.packet(60)).action())
          .isEqualTo(XdpAction.TX);
    }
  }

  @Test
  void aClosedMappingIsRefused() {
    MapMemory memory = object.map("ring").mmap();
    memory.close();
    memory.close();
    assertThatThrownBy(memory::buffer).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void onlyMmapableArraysOfUnderTwoGibAreMapped() {
    assertThatThrownBy(() -> object.map("many").mmap())
        .isInstanceOf(LibbpfException.class)
        .hasMessageContaining("it was not created with BPF_F_MMAPABLE");
    MapInfo huge = new MapInfo(2, 1, "huge", 4, 60, 40_000_000, MapInfo.MMAPABLE);
    assertThatThrownBy(() -> MapMemory.length(huge, huge.maxEntries()))
        .isInstanceOf(LibbpfException.class)
        .hasMessageContaining("its values have 2560000000 bytes, and at most 2 GiB");
  }

  @Test
  void aFrozenMapCannotBeWritten() {
    BpfMap many = object.map("many");
    many.put(u32(1), u64(1));
    many.freeze();
    assertThatThrownBy(() -> many.put(u32(1), u64(2)))
        .hasMessageContaining("EPERM")
        .hasMessageContaining("the map is frozen");
    assertThat(many.lookup(u32(1))).contains(u64(1));
  }

  @Test
  void aPinnedMapOutlivesItsObject() throws Exception {
    try (TestObjects.Pins pins = new TestObjects.Pins()) {
      object.map("many").put(u32(5), u64(6));
      object.map("many").pin(pins.path("many"));
      assertThatThrownBy(() -> object.map("ring").pin(pins.path("many")))
          .hasMessageContaining("EEXIST");
      object.close();
      try (BpfMap many = BpfMap.openPinned(pins.path("many"))) {
        assertThat(many.lookup(u32(5))).contains(u64(6));
      }
      assertThatThrownBy(() -> BpfMap.openPinned(pins.path("absent")))
          .hasMessageContaining("ENOENT")
          .hasMessageContaining("nothing is pinned there");
    }
  }

  @Test
  void aClosedMapIsNotUsed() {
    BpfMap many = object.map("many");
    object.close();
    assertThatThrownBy(() -> many.lookup(u32(1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("map many is closed");
  }

  private static byte[] numbers(int first, int count, int size) {
    ByteBuffer numbers = ByteBuffer.allocate(count * size).order(ByteOrder.nativeOrder());
    for (int i = 0; i < count; i++) {
      if (size == 4) {
        numbers.putInt(first + i);
      } else {
        numbers.putLong(first + i);
      }
    }
    return numbers.array();
  }

  private static void assertErrno(int errno, Runnable operation) {
    LibbpfException e = catchThrowableOfType(LibbpfException.class, operation::run);
    assertThat(e).as("refused with %s", Errno.name(errno)).isNotNull();
    assertThat(e.errno()).as(e.getMessage()).isEqualTo(errno);
  }
}
