// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.AddressPoolSpec;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Block;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Strategy;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Tenancy;
import io.xdplb.core.model.Ip;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class PoolReaderTest {

  private static final List<Block> BLOCKS = List.of(Block.of("203.0.113.0/24"));

  @Test
  void whatIsNotSaidHasItsDefault() {
    Pool pool = read(new AddressPoolSpec(BLOCKS)).pool().orElseThrow();
    assertThat(pool.autoAssign()).isTrue();
    assertThat(pool.priority()).isZero();
    assertThat(pool.strategy()).isEqualTo(Strategy.Sequential);
    assertThat(pool.releaseHold()).isEqualTo(Duration.ZERO);
    assertThat(pool.enforce()).isTrue();
    assertThat(pool.namespaces()).isEmpty();
    assertThat(pool.maxPerNamespace()).isEmpty();
  }

  @Test
  void rangesAndExclusionsCountAsWritten() {
    Pool pool =
        read(new AddressPoolSpec(
                List.of(Block.of("203.0.113.0/28"), Block.of("2001:db8::10", "2001:db8::1f")),
                List.of("203.0.113.0", "203.0.113.12/30", "2001:db8::18/125"),
                null,
                null,
                null,
                "1h30m",
                null))
            .pool()
            .orElseThrow();
    assertThat(pool.addresses().size(true)).isEqualTo(BigInteger.valueOf(16 - 1 - 4));
    assertThat(pool.addresses().size(false)).isEqualTo(BigInteger.valueOf(16 - 8));
    assertThat(pool.addresses().contains(Ip.parse("203.0.113.0"))).isFalse();
    assertThat(pool.addresses().contains(Ip.parse("203.0.113.1"))).isTrue();
    assertThat(pool.releaseHold()).isEqualTo(Duration.ofMinutes(90));
  }

  static Stream<Arguments> bad() {
    return Stream.of(
        Arguments.of(null, "spec.blocks: has no blocks"),
        Arguments.of(new AddressPoolSpec(List.of()), "spec.blocks: has no blocks"),
        Arguments.of(
            new AddressPoolSpec(Collections.singletonList(null)), "spec.blocks[0]: is no block"),
        Arguments.of(
            blocks(new Block("203.0.113.0/24", "203.0.113.1", null)),
            "spec.blocks[0]: is no block"),
        Arguments.of(blocks(new Block(null, "203.0.113.1", null)), "has only one of start and end"),
        Arguments.of(
            blocks(Block.of("203.0.113.1/24")),
            "203.0.113.1/24 has bits beyond the prefix; write 203.0.113.0/24"),
        Arguments.of(blocks(Block.of("203.0.113.0")), "not a block of addresses"),
        Arguments.of(
            blocks(Block.of("203.0.113.9", "203.0.113.1")),
            "203.0.113.9 to 203.0.113.1 is no range: write the lower address of one family first"),
        Arguments.of(blocks(Block.of("203.0.113.9", "2001:db8::1")), "is no range"),
        Arguments.of(
            blocks(Block.of("126.0.0.0", "128.0.0.0")), "has a loopback address, which cannot be"),
        Arguments.of(blocks(Block.of("0.0.0.5", "1.0.0.0")), "has an address of \"this network\""),
        Arguments.of(blocks(Block.of("::/64")), "has the unspecified address"),
        Arguments.of(blocks(Block.of("ff00::/16")), "has a multicast address"),
        Arguments.of(exclude("203.0.113.0/33"), "spec.exclude[0]: the prefix length"),
        Arguments.of(exclude("all"), "spec.exclude[0]: not an IPv4 or IPv6 address"),
        Arguments.of(exclude(null), "spec.exclude[0]: not an IPv4 or IPv6 address"),
        Arguments.of(
            new AddressPoolSpec(BLOCKS, null, null, 1001, null, null, null), "1001 is no priority"),
        Arguments.of(
            new AddressPoolSpec(BLOCKS, null, null, null, null, "2 minutes", null),
            "spec.releaseHold: \"2 minutes\" is not a duration"),
        Arguments.of(
            new AddressPoolSpec(BLOCKS, null, null, null, null, null, new Tenancy(null, null, 0)),
            "spec.tenancy.maxPerNamespace: 0 is no quota"));
  }

  @ParameterizedTest
  @MethodSource
  void bad(AddressPoolSpec spec, String says) {
    PoolReader.Result result = read(spec);
    assertThat(result.pool()).isEmpty();
    assertThat(result.problems()).anySatisfy(p -> assertThat(p.toString()).contains(says));
  }

  private static AddressPoolSpec blocks(Block block) {
    return new AddressPoolSpec(List.of(block));
  }

  private static AddressPoolSpec exclude(String text) {
    return new AddressPoolSpec(
        BLOCKS, Collections.singletonList(text), null, null, null, null, null);
  }

  private static PoolReader.Result read(AddressPoolSpec spec) {
    return PoolReader.read("p", Instant.EPOCH, spec);
  }
}
