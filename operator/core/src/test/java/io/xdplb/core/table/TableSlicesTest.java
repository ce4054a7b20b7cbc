// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.ForwardingTableSliceSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Backend;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.Vip;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.api.v1alpha1.UnavailablePolicy;
import io.xdplb.core.table.TableSlices.Stored;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TableSlicesTest {

  private static final String HASH = "0".repeat(64);

  @Test
  void aSmallTableIsOneObject() {
    ForwardingTableSpec whole = table(pods(Limits.SLICE_BACKENDS));
    Stored stored = TableSlices.split("web", whole, 0);
    assertThat(stored.table()).isSameAs(whole);
    assertThat(stored.slices()).isEmpty();
    assertThat(TableSlices.isSplit(stored.table())).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {1025, 5000, 16_384})
  void aLargeTableIsTheSameWhenItIsReadBack(int pods) {
    ForwardingTableSpec whole = table(pods(pods));
    Stored stored = TableSlices.split("web", whole, 0);
    assertThat(TableSlices.isSplit(stored.table())).isTrue();
    assertThat(stored.table().vips()).allMatch(vip -> vip.backends() == null);
    assertThat(stored.slices().keySet()).containsExactlyElementsOf(stored.table().slices());
    assertThat(stored.slices().values())
        .allSatisfy(
            slice -> assertThat(backends(slice)).isBetween(1, Limits.SLICE_BACKENDS * 5 / 4));
    ForwardingTableSpec back = TableSlices.assemble(stored.table(), stored.slices()::get);
    assertThat(Tables.toVips(back)).isEqualTo(Tables.toVips(whole));
    assertThat(back.sourceRanges()).isEqualTo(whole.sourceRanges());
    assertThat(back.unavailablePolicy()).isEqualTo(whole.unavailablePolicy());
    assertThat(back.tableHash()).isEqualTo(whole.tableHash());
  }

  @Test
  void onePodsChangeIsAChangeOfOneSlice() {
    List<Backend> pods = pods(5000);
    Stored before = TableSlices.split("web", table(pods), 0);
    int now = before.slices().size();
    for (int i = 0; i < 50; i++) {
      List<Backend> changed = new ArrayList<>(pods);
      if (i % 2 == 0) {
        changed.remove(97 * i);
      } else {
        changed.set(97 * i, new Backend(pods.get(97 * i).address(), 8080, 0, 300));
      }
      Stored after = TableSlices.split("web", table(changed), now);
      Set<String> written = new HashSet<>(after.slices().keySet());
      written.removeAll(before.slices().keySet());
      assertThat(written).hasSize(1);
    }
  }

  /** VIPs of one listener share what slices hold, and a pod's ports are in the same slice. */
  @Test
  void addressesCostNothingAndPortsStayTogether() {
    List<Vip> vips = new ArrayList<>();
    for (int address = 1; address <= 16; address++) {
      for (int listener = 0; listener < 4; listener++) {
        int port = 8080 + listener;
        vips.add(
            vip(
                "203.0.113." + address,
                "l" + listener,
                80 + listener,
                IntStream.range(0, 100)
                    .mapToObj(i -> new Backend("10.0.0." + i, port, 1, 0))
                    .toList()));
      }
    }
    ForwardingTableSpec whole = new ForwardingTableSpec(HASH, null, null, vips);
    Stored stored = TableSlices.split("web", whole, 0);
    assertThat(stored.table().slices()).hasSize(8);
    assertThat(stored.slices().values().stream().mapToInt(TableSlicesTest::backends).sum())
        .isEqualTo(400);
    for (ForwardingTableSliceSpec slice : stored.slices().values()) {
      assertThat(slice.backends().stream().map(some -> addresses(some.backends())).distinct())
          .hasSize(1);
    }
    ForwardingTableSpec back = TableSlices.assemble(stored.table(), stored.slices()::get);
    assertThat(Tables.toVips(back)).isEqualTo(Tables.toVips(whole));
  }

  /** Few pods on many addresses: some slices are empty, and then the same. */
  @Test
  void emptySlicesAreNoHarm() {
    List<Vip> vips =
        IntStream.range(0, 600)
            .mapToObj(i -> vip("203.0.113.1", "l" + i, 80 + i, pods(2)))
            .toList();
    ForwardingTableSpec whole = new ForwardingTableSpec(HASH, null, null, vips);
    Stored stored = TableSlices.split("web", whole, 16);
    assertThat(stored.table().slices()).hasSize(4);
    assertThat(stored.slices()).hasSizeLessThan(4);
    ForwardingTableSpec back = TableSlices.assemble(stored.table(), stored.slices()::get);
    assertThat(Tables.toVips(back)).isEqualTo(Tables.toVips(whole));
    assertThat(TableSlices.split("web", whole, 4).table()).isEqualTo(stored.table());
  }

  @ParameterizedTest
  @CsvSource({
    "1024, 0, 0",
    "1025, 0, 2",
    "5000, 0, 8",
    "32768, 0, 32", // as new
    "5000, 8, 8",
    "2049, 8, 8",
    "8192, 8, 8", // neither grows nor shrinks
    "8193, 8, 16",
    "2048, 8, 4",
    "513, 2, 2",
    "512, 2, 0",
    "1, 32, 0",
    "0, 32, 0",
    "3000, 5, 4",
    "600, 1, 1",
    "200, 1, 0" // somebody else's numbers
  })
  void theNumberOfSlicesChangesRarely(long backends, int now, int then) {
    assertThat(TableSlices.count(backends, now)).isEqualTo(then);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 231, 232, 233, 253})
  void aSliceHasAValidNameWhateverTheLengthOfItsTables(int length) {
    String table = ("a.b-".repeat(64).substring(0, length - 1) + "c");
    Stored stored = TableSlices.split(table, table(pods(2000)), 0);
    assertThat(stored.slices().keySet())
        .hasSize(2)
        .allSatisfy(
            name ->
                assertThat(name)
                    .hasSizeLessThanOrEqualTo(253)
                    .matches("[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"));
    String other = table.substring(0, length - 1) + "d";
    assertThat(TableSlices.split(other, table(pods(2000)), 0).slices().keySet())
        .doesNotContainAnyElementsOf(stored.slices().keySet());
  }

  private static int backends(ForwardingTableSliceSpec slice) {
    return slice.backends().stream().mapToInt(some -> some.backends().size()).sum();
  }

  private static List<String> addresses(List<Backend> backends) {
    return backends.stream().map(Backend::address).toList();
  }

  private static ForwardingTableSpec table(List<Backend> pods) {
    return new ForwardingTableSpec(
        HASH,
        List.of("198.51.100.0/24"),
        UnavailablePolicy.Drop,
        List.of(vip("203.0.113.1", "http", 80, pods)));
  }

  private static Vip vip(String address, String listener, int port, List<Backend> pods) {
    return new Vip(address, Protocol.TCP, port, listener, 65_537, pods);
  }

  private static List<Backend> pods(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> new Backend("10.1." + i / 250 + "." + i % 250, 8080, 1, 300))
        .toList();
  }
}
