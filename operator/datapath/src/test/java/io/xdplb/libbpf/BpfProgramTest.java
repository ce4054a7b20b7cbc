// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@RequiresBpf
class BpfProgramTest {
  private BpfObject object;

  @BeforeEach
  void load() {
    try (BpfObjectSpec spec = TestObjects.open("maps")) {
      object = spec.set("first_byte", 0xcd).load();
    }
  }

  @AfterEach
  void close() {
    object.close();
  }

  @Test
  void aTestRunAnswersVerdictBytesAndTime() {
    byte[] packet = TestObjects.packet(100);
    TestRun.Result dropped = object.program("drop").testRun(packet);
    assertThat(dropped.action()).isEqualTo(XdpAction.DROP);
    assertThat(dropped.data()).isEqualTo(packet);

    TestRun.Result passed = object.program("balance").testRun(TestRun.on(packet).times(100_000));
    assertThat(passed.action()).isEqualTo(XdpAction.PASS);
    byte[] expected = packet.clone();
    expected[0] = (byte) 0xcd;
    assertThat(passed.data()).isEqualTo(expected);
    assertThat(passed.nanos()).isBetween(1L, 100_000L);
    assertThat(packet[0]).as("the caller's packet").isZero();
  }

  @Test
  void aTestRunCanNameTheReceivingInterface() {
    int loopback = Interfaces.index("lo");
    TestRun run = TestRun.on(TestObjects.packet(60)).receivedOn(loopback, 0);
    assertThat(object.program("balance").testRun(run).action()).isEqualTo(XdpAction.PASS);
    Btf.Variable seen = object.btf().variable("seen").orElseThrow();
    byte[] globals = object.map(seen.section()).lookup(TestObjects.u32(0)).orElseThrow();
    assertThat(globals[seen.offset()]).isEqualTo((byte) loopback);
  }

  @Test
  void aPacketTheKernelRefusesIsExplained() {
    assertThatThrownBy(() -> object.program("drop").testRun(new byte[5]))
        .isInstanceOf(LibbpfException.class)
        .hasMessageMatching(
            "cannot run on a packet of 5 bytes program drop \\(id \\d+\\): EINVAL .*"
                + "the packet is too short or too long.*");
  }

  @Test
  void theKernelsAccountOfAProgramIsRead() throws Exception {
    BpfProgram balance = object.program("balance");
    ProgramInfo info = balance.info();
    assertThat(info.name()).isEqualTo("balance");
    assertThat(info.typeName()).isEqualTo("xdp");
    assertThat(info.id()).isEqualTo(balance.id()).isPositive();
    assertThat(info.verifiedInstructions()).isBetween(10, 1000);
    assertThat(info.mapIds())
        .contains(object.map("runs").info().id(), object.map("ring").info().id())
        .doesNotContain(object.map("many").info().id());
    assertThat(object.program("drop").info().mapIds())
        .contains(object.map(".data").info().id())
        .doesNotContain(object.map("runs").info().id());
  }

  @Test
  void runsAreCountedWhileStatisticsAreEnabled() {
    BpfProgram drop = object.program("drop");
    TestRun run = TestRun.on(TestObjects.packet(60)).times(500);
    try (RunStatistics statistics = RunStatistics.enable()) {
      drop.testRun(run);
      assertThat(statistics).isNotNull();
    }
    assertThat(drop.info().runCount()).isEqualTo(500);
    assertThat(drop.info().runTime()).isPositive();
  }

  @Test
  void aPinnedProgramOutlivesItsObject() throws Exception {
    try (TestObjects.Pins pins = new TestObjects.Pins()) {
      Path pin = pins.path("drop");
      int id = object.program("drop").id();
      object.program("drop").pin(pin);
      object.close();
      try (BpfProgram drop = BpfProgram.openPinned(pin)) {
        assertThat(drop.id()).isEqualTo(id);
        assertThat(drop.testRun(TestObjects.packet(60)).action()).isEqualTo(XdpAction.DROP);
      }
      assertThatThrownBy(() -> BpfMap.openPinned(pin))
          .hasMessageContaining("what is pinned there is a bpf-prog");
      assertThatThrownBy(() -> XdpLink.openPinned(pin)).isInstanceOf(LibbpfException.class);
      Files.delete(pin);
      assertThatThrownBy(() -> BpfProgram.openPinned(pin)).hasMessageContaining("ENOENT");
    }
  }
}
