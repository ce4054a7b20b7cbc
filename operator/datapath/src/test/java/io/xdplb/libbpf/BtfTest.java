// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.testing.kernel.RequiresBpf;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@RequiresBpf
class BtfTest {
  private static Btf btf;

  @BeforeAll
  static void open() {
    try (BpfObjectSpec spec = TestObjects.open("maps")) {
      btf = spec.btf();
    }
  }

  @Test
  void aStructsMembersHaveOffsetsAndSizes() {
    Btf.Struct backend = btf.struct("backend");
    assertThat(backend.size()).isEqualTo(56);
    assertThat(List.copyOf(backend.members().values()))
        .containsExactly(
            new Btf.Member("addr", 0, 16),
            new Btf.Member("port", 16, 2),
            new Btf.Member("weight", 20, 4),
            new Btf.Member("ifindex", 24, 4),
            new Btf.Member("mac", 24, 6),
            new Btf.Member("packets", 32, 16),
            new Btf.Member("last", 48, 1));
  }

  @Test
  void aTypedefOfAnAnonymousStructIsFound() {
    assertThat(btf.struct("pair").members())
        .containsEntry("second", new Btf.Member("second", 8, 8));
  }

  @Test
  void bitfieldsAreRefused() {
    assertThatThrownBy(() -> btf.struct("flags"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("flags.low is a bitfield: it has no offset");
  }

  @Test
  void enumsAndVariablesAreFound() {
    assertThat(btf.enumeration("verdict_reason"))
        .containsEntry("REASON_NONE", 0L)
        .containsEntry("REASON_POLICY", 7L)
        .containsEntry("REASON_BELOW", -2L)
        .hasSize(3);
    assertThat(btf.variable("first_byte").orElseThrow().section()).isEqualTo(".rodata");
    assertThat(btf.variable("seen").orElseThrow().size()).isEqualTo(4);
    assertThat(btf.variable("nothing")).isEmpty();
    assertThatThrownBy(() -> btf.struct("nothing")).hasMessage("the object has no struct nothing");
  }

  @Test
  void aLayoutThatAgreesPasses() {
    StructLayout.Builder builder = StructLayout.of("backend");
    assertThat(builder.bytes("addr", 16)).isZero();
    assertThat(builder.u16("port")).isEqualTo(16);
    assertThat(builder.u32("weight")).isEqualTo(20);
    assertThat(builder.union("mac", 6, 4)).isEqualTo(24);
    assertThat(builder.alternative("ifindex", 4)).isEqualTo(24);
    assertThat(builder.bytes("packets", 16, 8)).isEqualTo(32);
    assertThat(builder.u8("last")).isEqualTo(48);
    StructLayout layout = builder.build();
    assertThat(layout.size()).isEqualTo(56);
    layout.check(btf);
  }

  @Test
  void everyDifferenceIsNamed() {
    StructLayout.Builder builder = StructLayout.of("pair");
    builder.u32("first");
    builder.u32("second");
    builder.u8("third");
    StructLayout layout = builder.build();
    assertThatThrownBy(() -> layout.check(btf))
        .isInstanceOf(LibbpfException.class)
        .hasMessage(
            "cannot use struct pair: Java and the BPF object disagree about its layout: "
                + "it has 12 bytes in Java, 16 in C; "
                + "first is bytes 0 to 3 in Java, bytes 0 to 1 in C; "
                + "second is bytes 4 to 7 in Java, bytes 8 to 15 in C; "
                + "third is bytes 8 to 8 in Java, absent in C");
    StructLayout absent = StructLayout.of("nothing").build();
    assertThatThrownBy(() -> absent.check(btf)).hasMessageContaining("has no struct nothing");
  }

  @Test
  void anAlignedStructIsPadded() {
    StructLayout.Builder builder = StructLayout.of("line");
    builder.u8("state");
    assertThat(builder.buildAligned(64).size()).isEqualTo(64);
  }

  @Test
  void bytesThatAreNoBtfAreRefused() {
    assertThatThrownBy(() -> Btf.parse(new byte[100])).isInstanceOf(IllegalArgumentException.class);
  }
}
