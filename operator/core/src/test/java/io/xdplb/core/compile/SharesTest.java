// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SharesTest {

  @Test
  void oneGroupGivesWeightOneToEach() {
    assertThat(Shares.of(List.of(group(90, 0, 7))).values()).hasSize(7).containsOnly(1);
    assertThat(Shares.of(List.of(group(1000, 0, 4096))).values()).hasSize(4096).containsOnly(1);
  }

  @Test
  void weightIsThatOfTheGroupHoweverManyEndpointsItHas() {
    Map<BackendKey, Integer> shares = Shares.of(List.of(group(90, 0, 9), group(10, 100, 2)));
    assertThat(shares.get(endpoint(0))).isEqualTo(2);
    assertThat(shares.get(endpoint(100))).isEqualTo(1);
    assertThat(total(shares)).isEqualTo(20);
  }

  @Test
  void fractionsAreExactInSmallWholeNumbers() {
    Map<BackendKey, Integer> shares = Shares.of(List.of(group(1, 0, 2), group(1, 100, 3)));
    assertThat(shares.get(endpoint(0))).isEqualTo(3);
    assertThat(shares.get(endpoint(100))).isEqualTo(2);
  }

  @Test
  void endpointInTwoGroupsAddsUp() {
    Map<BackendKey, Integer> shares = Shares.of(List.of(group(1, 0, 2), group(1, 1, 1)));
    assertThat(shares).isEqualTo(Map.of(endpoint(0), 1, endpoint(1), 3));
  }

  @Test
  void groupWithoutTakersLeavesItsShareToOthers() {
    assertThat(Shares.of(List.of(group(5, 0, 0), group(3, 0, 1))))
        .isEqualTo(Map.of(endpoint(0), 1));
    assertThat(Shares.of(List.of(group(5, 0, 0)))).isEmpty();
    assertThat(Shares.of(List.of())).isEmpty();
  }

  @Test
  void manyTinySharesDoNotTakeOverAGreatOne() {
    Map<BackendKey, Integer> shares = Shares.of(List.of(group(999, 0, 1), group(1, 100, 977)));
    assertThat(total(shares)).isLessThanOrEqualTo(Shares.MAX_UNITS);
    assertThat(shares.values()).allMatch(units -> units >= 1);
    assertThat((double) shares.get(endpoint(0)) / total(shares)).isCloseTo(0.985, within(0.001));
  }

  @Test
  void roundedSharesAddUpAndStayCloseToWhatWasAskedFor() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int rounded = 0;
    for (int round = 0; round < 100; round++) {
      List<Shares.Group> groups = new ArrayList<>();
      int count = 2 + random.nextInt(6);
      for (int g = 0; g < count; g++) {
        groups.add(group(1 + random.nextInt(1000), g * 1000, 1 + random.nextInt(60)));
      }
      Map<BackendKey, Integer> shares = Shares.of(groups);
      long total = total(shares);
      assertThat(total).as("seed %d", seed).isLessThanOrEqualTo(Shares.MAX_UNITS);
      rounded += total == Shares.MAX_UNITS ? 1 : 0;
      double weights = groups.stream().mapToInt(Shares.Group::weight).sum();
      for (Shares.Group group : groups) {
        double got = group.takers().stream().mapToInt(shares::get).sum() / (double) total;
        assertThat(got).as("seed %d", seed).isCloseTo(group.weight() / weights, within(0.005));
      }
    }
    assertThat(rounded).as("seed %d: some cases are rounded", seed).isPositive();
  }

  private static long total(Map<BackendKey, Integer> shares) {
    return shares.values().stream().mapToLong(Integer::longValue).sum();
  }

  private static Shares.Group group(int weight, int first, int count) {
    Set<BackendKey> takers =
        IntStream.range(first, first + count)
            .mapToObj(SharesTest::endpoint)
            .collect(Collectors.toCollection(TreeSet::new));
    return new Shares.Group(weight, takers);
  }

  private static BackendKey endpoint(int number) {
    return new BackendKey(new Ip(0, 0x0a000000L + number, true), 8080);
  }
}
