// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import static io.xdplb.libbpf.TestObjects.u32;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

@RequiresBpf
class BpfObjectTest {

  @Test
  void findsMapsAndProgramsByTheirNamesInC() {
    try (BpfObject object = TestObjects.load("maps")) {
      assertThat(object.programs()).containsOnlyKeys("balance", "drop", "pass");
      assertThat(object.maps())
          .containsOnlyKeys("backends", "many", "runs", "ring", ".rodata", ".data", ".bss");
      assertThatThrownBy(() -> object.map("backend"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("maps has no map backend; it has [")
          .hasMessageContaining("backends");
      assertThatThrownBy(() -> object.program("none")).hasMessageContaining("balance");
    }
  }

  @Test
  void theVerifiersLogIsShownAndKept() {
    try (BpfObjectSpec spec = TestObjects.open("refused")) {
      LibbpfException e = catchThrowableOfType(LibbpfException.class, spec::load);
      assertThat(e.errno()).isEqualTo(Errno.EACCES);
      assertThat(e.errnoName()).isEqualTo("EACCES");
      assertThat(e.attempted()).isEqualTo("load");
      assertThat(e.subject()).isEqualTo("BPF object refused");
      assertThat(e.verifierLog())
          .contains("invalid access to packet")
          .contains("processed 2 insns");
      assertThat(e)
          .hasMessageStartingWith("cannot load BPF object refused: EACCES (Permission denied)")
          .hasMessageContaining("reads_beyond_the_packet")
          .hasMessageContaining("invalid access to packet");
    }
  }

  @Test
  void aProgramThatIsNotLoadedIsNotVerified() {
    try (BpfObjectSpec spec = TestObjects.open("refused")) {
      spec.program("reads_beyond_the_packet").autoload(false);
      try (BpfObject object = spec.load()) {
        assertThat(object.programs()).containsOnlyKeys("harmless");
      }
    }
  }

  @Test
  void bytesThatAreNoObjectAreRefused() {
    assertThatThrownBy(() -> BpfObject.open("text", "hello".getBytes()))
        .isInstanceOf(LibbpfException.class)
        .hasMessageStartingWith("cannot open BPF object text: ")
        .hasMessageContaining("its 5 bytes must be an ELF file made by clang")
        .hasMessageContaining("libbpf said");
  }

  @Test
  void aSpecIsUsedUpByLoadAndByClose() {
    BpfObjectSpec loaded = TestObjects.open("maps");
    BpfMapSpec map = loaded.map("many");
    loaded.load().close();
    assertThatThrownBy(loaded::load).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> map.maxEntries(1)).isInstanceOf(IllegalStateException.class);
    loaded.close();
    BpfObjectSpec closed = TestObjects.open("maps");
    closed.close();
    assertThatThrownBy(() -> closed.set("limit", 1)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void mapSizesAreSetBeforeTheLoad() {
    try (BpfObjectSpec spec = TestObjects.open("maps")) {
      spec.map("many").maxEntries(17);
      assertThat(spec.map("many").info().maxEntries()).isEqualTo(17);
      try (BpfObject object = spec.load()) {
        assertThat(object.map("many").info().maxEntries()).isEqualTo(17);
        assertThat(object.map("many").info().name()).isEqualTo("many");
        assertThat(object.map("many").info().typeName()).isEqualTo("hash");
        assertThat(object.map("many").info().id()).isPositive();
      }
    }
  }

  @Test
  void globalVariablesAreSetBeforeTheLoad() {
    try (BpfObjectSpec spec = TestObjects.open("maps")) {
      spec.set("first_byte", 0xab).set("limit", 60).set("start", -3);
      try (BpfObject object = spec.load()) {
        TestRun.Result small = object.program("balance").testRun(TestObjects.packet(60));
        assertThat(small.action()).isEqualTo(XdpAction.PASS);
        assertThat(small.data()[0]).isEqualTo((byte) 0xab);
        assertThat(object.program("balance").testRun(TestObjects.packet(61)).action())
            .isEqualTo(XdpAction.DROP);
        object.program("drop").testRun(TestObjects.packet(60));
        Btf.Variable start = object.btf().variable("start").orElseThrow();
        assertThat(start.section()).isEqualTo(".data");
        byte[] data = object.map(".data").lookup(u32(0)).orElseThrow();
        assertThat(ByteBuffer.wrap(data).order(ByteOrder.nativeOrder()).getInt(start.offset()))
            .isEqualTo(-2);
      }
    }
  }

  @Test
  void aGlobalVariableThatIsAbsentOrTooSmallIsRefused() {
    try (BpfObjectSpec spec = TestObjects.open("maps")) {
      assertThatThrownBy(() -> spec.set("limits", 1))
          .hasMessage("maps has no global variable limits");
      assertThatThrownBy(() -> spec.set("limit", 65536))
          .hasMessage("65536 does not fit variable limit of 2 bytes");
      assertThatThrownBy(() -> spec.set("limit", -32769)).hasMessageContaining("does not fit");
      assertThatThrownBy(() -> spec.set("limit", new byte[3]))
          .hasMessage("3 bytes for variable limit of maps, which has 2");
    }
  }

  @Test
  void aPinnedMapIsAdoptedWithItsContents() throws Exception {
    try (TestObjects.Pins pins = new TestObjects.Pins()) {
      Path pin = pins.path("many");
      int id;
      try (BpfObjectSpec spec = TestObjects.open("maps")) {
        spec.map("many").pinnedAt(pin);
        try (BpfObject object = spec.load()) {
          id = object.map("many").info().id();
          object.map("many").put(u32(1), TestObjects.u64(11));
        }
      }
      try (BpfObjectSpec spec = TestObjects.open("maps")) {
        spec.map("many").pinnedAt(pin);
        try (BpfObject object = spec.load()) {
          assertThat(object.map("many").info().id()).isEqualTo(id);
          assertThat(object.map("many").lookup(u32(1))).contains(TestObjects.u64(11));
          assertThat(object.program("pass").info().mapIds()).contains(id);
        }
      }
    }
  }

  @Test
  void aPinnedMapOfAnotherLayoutIsRefusedNamingBothSides() throws Exception {
    try (TestObjects.Pins pins = new TestObjects.Pins()) {
      Path pin = pins.path("backends");
      try (BpfObjectSpec spec = TestObjects.open("smaller")) {
        spec.map("backends").pinnedAt(pin);
        spec.load().close();
      }
      try (BpfObjectSpec spec = TestObjects.open("maps")) {
        spec.map("backends").pinnedAt(pin).maxEntries(9);
        assertThatThrownBy(spec::load)
            .isInstanceOf(LibbpfException.class)
            .hasMessageContaining("the map pinned at " + pin)
            .hasMessageContaining("value size 4 (the object: 56), max entries 8 (the object: 9)");
      }
    }
  }

  @Test
  void aPinThatIsNoMapIsRefused() throws Exception {
    try (TestObjects.Pins pins = new TestObjects.Pins();
        BpfObject object = TestObjects.load("maps");
        BpfObjectSpec spec = TestObjects.open("maps")) {
      object.program("drop").pin(pins.path("drop"));
      spec.map("many").pinnedAt(pins.path("drop"));
      assertThatThrownBy(spec::load).hasMessageContaining("what is pinned there is a bpf-prog");
    }
  }

  @Test
  void aFailedLoadLeavesNoPins() throws Exception {
    try (TestObjects.Pins pins = new TestObjects.Pins();
        BpfObjectSpec spec = TestObjects.open("maps")) {
      spec.map("backends").pinnedAt(pins.path("backends"));
      spec.map("ring").pinnedAt(pins.path("no-folder").resolve("ring"));
      assertThatThrownBy(spec::load)
          .isInstanceOf(LibbpfException.class)
          .hasMessageContaining("ENOENT")
          .hasMessageContaining("its folder does not exist");
      assertThat(pins.names()).isEmpty();
    }
  }

  @Test
  void pinningOutsideABpfFileSystemSaysSo() {
    try (BpfObject object = TestObjects.load("maps")) {
      assertThatThrownBy(() -> object.map("many").pin(Path.of("/tmp/xdplb-test-no-bpffs")))
          .hasMessageContaining("the path must be on a BPF file system");
    }
  }
}
