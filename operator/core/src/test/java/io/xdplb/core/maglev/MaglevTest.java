// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.maglev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MaglevTest {

  @ParameterizedTest
  @CsvSource({
    "0,0",
    "1,1009",
    "10,1009",
    "11,4001",
    "40,4001",
    "41,16001",
    "160,16001",
    "161,65537",
    "655,65537",
    "656,65537",
    "1000000000000,65537"
  })
  void sizeHasHundredSlotsPerUnitAndIsCapped(long units, int size) {
    assertThat(Maglev.sizeFor(units)).isEqualTo(size);
  }

  @Test
  void everySizeIsPrimeAndLargeEnough() {
    for (long units = 1; units <= 655; units++) {
      int size = Maglev.sizeFor(units);
      assertThat(BigInteger.valueOf(size).isProbablePrime(50)).as("%d", size).isTrue();
      assertThat((long) size).isGreaterThanOrEqualTo(100 * units);
      assertThat(Maglev.isRingSize(size)).isTrue();
    }
    assertThat(Maglev.isRingSize(0)).isFalse();
    assertThat(Maglev.isRingSize(997)).isFalse();
    assertThat(Maglev.isRingSize(1001)).as("7 × 11 × 13").isFalse();
    assertThat(Maglev.isRingSize(65539)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 10, 50, 100, 655, 2000})
  void equalWeightsShareEquallyToOneSlot(int count) {
    List<Backend> backends = backends(count, 1);
    int size = Maglev.sizeFor(count);
    int[] slots = count(Maglev.ring(backends, size), count);
    assertThat(Arrays.stream(slots).min().orElseThrow()).isBetween(size / count, size / count + 1);
    assertThat(Arrays.stream(slots).max().orElseThrow()).isBetween(size / count, size / count + 1);
  }

  /** PACKETS.md row 38: the share of the ring. */
  @Test
  void weightsOneToThreeShareWithinTwoPoints() {
    List<Backend> backends = List.of(backend(1, 1), backend(2, 3));
    int size = Maglev.sizeFor(4);
    assertThat(count(Maglev.ring(backends, size), 2)[1] * 100.0 / size).isCloseTo(75, within(1.0));
  }

  /** PACKETS.md row 38: weight 0. */
  @Test
  void weightZeroHasNoSlot() {
    List<Backend> backends = List.of(backend(1, 0), backend(2, 3), backend(3, 0));
    assertThat(Maglev.ring(backends, 1009)).containsOnly(1).hasSize(1009);
    assertThat(Maglev.ring(List.of(backend(1, 0)), 0)).isEmpty();
    assertThat(Maglev.ring(List.of(), 0)).isEmpty();
  }

  @Test
  void anyWeightsShareExactlyToAFewSlots() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      int count = 1 + random.nextInt(40);
      List<Backend> backends =
          IntStream.range(0, count)
              .mapToObj(i -> backend(random.nextInt(1 << 24) * 64 + i, 1 + random.nextInt(100)))
              .toList();
      long total = backends.stream().mapToLong(Backend::weight).sum();
      int size = Maglev.sizeFor(total);
      int[] slots = count(Maglev.ring(backends, size), count);
      for (int i = 0; i < count; i++) {
        double share = (double) backends.get(i).weight() / total;
        assertThat((double) slots[i])
            .as("seed %d, weight %d of %d", seed, backends.get(i).weight(), total)
            .isCloseTo(size * share, within(1.5 + share * count / 2));
      }
    }
  }

  @Test
  void greatDifferencesOfWeightKeepTheirShares() {
    List<Backend> backends = new ArrayList<>(backends(500, 1));
    backends.add(backend(9999, 4500));
    int[] slots = count(Maglev.ring(backends, 65537), 501);
    assertThat(slots[500] / 65537.0).isCloseTo(0.9, within(0.001));
    assertThat(Arrays.stream(slots).min().orElseThrow()).isBetween(12, 14);
  }

  @Test
  void orderOfTheListDoesNotMatter() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<Backend> backends = new ArrayList<>();
    for (int i = 0; i < 30; i++) {
      backends.add(backend(i, 1 + i % 4));
    }
    List<BackendKey> expected = keys(backends, Maglev.ring(backends, 8009));
    for (int i = 0; i < 20; i++) {
      Collections.shuffle(backends, random);
      assertThat(keys(backends, Maglev.ring(backends, 8009)))
          .as("seed %d", seed)
          .isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @CsvSource({"2,1009", "5,1009", "10,1009", "30,4001", "100,16001", "655,65537"})
  void removingOneMovesLittleMoreThanItsShare(int count, int size) {
    List<Backend> all = backends(count, 1);
    List<BackendKey> before = keys(all, Maglev.ring(all, size));
    double worst = 0;
    for (int victim = 0; victim < Math.min(count, 20); victim++) {
      List<Backend> rest = new ArrayList<>(all);
      BackendKey gone = rest.remove(victim).key();
      List<BackendKey> after = keys(rest, Maglev.ring(rest, size));
      int moved = 0;
      for (int slot = 0; slot < size; slot++) {
        if (!before.get(slot).equals(gone) && !before.get(slot).equals(after.get(slot))) {
          moved++;
        }
      }
      worst = Math.max(worst, 100.0 * moved / size);
    }
    System.out.printf("Maglev: one of %d removed, %.2f %% of other slots moved%n", count, worst);
    assertThat(worst).isLessThan(6);
  }

  /**
   * Nodes of different versions and architectures must agree: this may never change. The digests
   * were computed by a second implementation, in another language.
   */
  @Test
  void ringsNeverChangeFromVersionToVersion() {
    VipKey key4 = new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, 80);
    VipKey key6 = new VipKey(Ip.parse("2001:db8:1::10"), Protocol.TCP, 80);
    Vip ipv4 = new Vip(key4, 4001, List.of(backend(1, 1), backend(2, 3)));
    assertThat(sha256(Ring.of(ipv4))).isEqualTo("fa3101d1de93580a9e631ebd11ecb2ab");
    Vip ipv6 =
        new Vip(
            key6,
            1009,
            IntStream.rangeClosed(1, 10)
                .mapToObj(
                    i -> new BackendKey(Ip.parse("2001:db8::" + Integer.toHexString(i)), 8080))
                .map(k -> new Backend(k, 1, 0))
                .toList());
    assertThat(sha256(Ring.of(ipv6))).isEqualTo("1b88638421f5c0394cd92d7a4223b620");
  }

  @Test
  void impossibleRingsAreRefused() {
    List<Backend> one = List.of(backend(1, 1));
    assertThatThrownBy(() -> Maglev.ring(one, 0)).hasMessageContaining("no ring of 0 slots");
    assertThatThrownBy(() -> Maglev.ring(one, 1000)).hasMessageContaining("no ring of 1000 slots");
    assertThatThrownBy(() -> Maglev.ring(List.of(), 1009)).hasMessageContaining("for 0 backends");
    assertThatThrownBy(() -> Maglev.ring(backends(1010, 1), 1009)).hasMessageContaining("1010 b");
    assertThatThrownBy(() -> Maglev.ring(List.of(backend(1, -1)), 1009)).hasMessageContaining("-1");
  }

  /** The bounds are ten times what it takes on a quiet machine. */
  @Test
  void fillingIsFast() {
    List<Backend> ten = backends(10, 1);
    List<Backend> many = backends(655, 1);
    System.out.printf(
        "Maglev: 10 backends, 1009 slots: %.1f µs; 655 backends, 65537 slots: %.2f ms%n",
        medianMicros(ten, 1009, 5000), medianMicros(many, 65537, 40) / 1000);
    assertThat(medianMicros(ten, 1009, 2000)).isLessThan(500);
    assertThat(medianMicros(many, 65537, 20)).isLessThan(50_000);
  }

  private static double medianMicros(List<Backend> backends, int size, int times) {
    long[] nanos = new long[times];
    long sum = 0;
    for (int i = 0; i < times; i++) {
      long start = System.nanoTime();
      sum += Maglev.ring(backends, size)[i % size];
      nanos[i] = System.nanoTime() - start;
    }
    assertThat(sum).isPositive();
    Arrays.sort(nanos);
    return nanos[times / 2] / 1000.0;
  }

  private static int[] count(int[] ring, int backends) {
    int[] slots = new int[backends];
    for (int backend : ring) {
      slots[backend]++;
    }
    return slots;
  }

  private static List<BackendKey> keys(List<Backend> backends, int[] ring) {
    return Arrays.stream(ring).mapToObj(i -> backends.get(i).key()).toList();
  }

  private static List<Backend> backends(int count, int weight) {
    return IntStream.range(0, count).mapToObj(i -> backend(i, weight)).toList();
  }

  private static Backend backend(int number, int weight) {
    return new Backend(
        new BackendKey(new Ip(0, (10L << 24 | number & 0xffffff) & 0xffffffffL, true), 8080),
        weight,
        0);
  }

  /** Of backends and slots; in these rings every backend has slots. */
  private static String sha256(Ring ring) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      for (BackendKey backend : ring.backends()) {
        sha256.update(backend.address().bytes());
        sha256.update(ByteBuffer.allocate(2).putShort((short) backend.port()).flip());
      }
      ByteBuffer bytes = ByteBuffer.allocate(4 + 4 + ring.size() * 4);
      bytes.putInt(ring.backends().size()).putInt(ring.size());
      for (int slot : ring.slots()) {
        bytes.putInt(slot);
      }
      sha256.update(bytes.flip());
      return HexFormat.of().formatHex(sha256.digest(), 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
