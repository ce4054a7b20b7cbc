// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.libbpf.Interfaces;
import io.xdplb.libbpf.Xdp;
import io.xdplb.libbpf.XdpMode;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.PassStub;
import io.xdplb.testing.kernel.RequiresBpf;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The program on interfaces of every sort, and those on which it cannot be. */
@RequiresBpf
class AttachTest {
  private Netns machine;
  private Netns wire;
  private TestDatapath test;

  @BeforeEach
  void open() {
    machine = Netns.create("lb");
    wire = Netns.create("wire");
    Netns.veth(machine, "eth0", wire, "lb0");
    test =
        TestDatapath.open(
            new Host(machine, "lb", "eth0", "198.51.100.1", "2001:db8:0:1::1"),
            DatapathConfig.AttachPreference.AUTO);
  }

  @AfterEach
  void close() {
    test.close();
    wire.close();
    machine.close();
  }

  private <T> T inside(Callable<T> body) {
    return machine.call(body);
  }

  private Attachment attach(String device) {
    return inside(() -> test.datapath().attach(device));
  }

  private List<Attachment> attachments() {
    return inside(() -> test.datapath().attachments());
  }

  private List<Xdp.Attachment> kernel(String device) {
    return inside(() -> Xdp.query(Interfaces.index(device)));
  }

  private static Attachment on(String device, Attachment.Mode mode) {
    return new Attachment(device, mode, null, null, Attachment.Egress.TCX, null);
  }

  /** Row 54: a device on top of another has no native mode; not every kernel has VLANs. */
  @Test
  void row54_deviceOnTopOfAnotherIsAttachedInGenericModeAndSaysWhy() {
    machine.ip("link add link eth0 name up0 type macvlan mode bridge", "link set up0 up");
    Attachment upper = attach("up0");
    assertThat(upper.mode()).isEqualTo(Attachment.Mode.GENERIC);
    assertThat(upper.reason()).isEqualTo("NoNativeMode");
    assertThat(upper.message()).contains("up0").contains("EOPNOTSUPP");
    assertThat(kernel("up0")).extracting(Xdp.Attachment::mode).containsExactly(XdpMode.GENERIC);
    inside(
        () -> {
          test.datapath().detach("up0");
          return null;
        });
  }

  @Test
  void row54_nativeModeWhereTheDriverHasItAndGenericWhereNot() {
    machine.ip("link add br0 type bridge", "link set br0 up"); // a bridge has no native XDP
    Attachment bridge = attach("br0");
    assertThat(bridge.mode()).isEqualTo(Attachment.Mode.GENERIC);
    assertThat(bridge.reason()).isEqualTo("NoNativeMode");
    assertThat(bridge.message()).contains("EOPNOTSUPP");
    assertThat(attachments())
        .containsExactly(on("br0", Attachment.Mode.GENERIC), on("eth0", Attachment.Mode.NATIVE));
    assertThat(kernel("br0")).extracting(Xdp.Attachment::mode).containsExactly(XdpMode.GENERIC);
    assertThat(kernel("eth0")).extracting(Xdp.Attachment::mode).containsExactly(XdpMode.NATIVE);
    inside(
        () -> {
          test.datapath().detach("br0");
          test.datapath().detach("br0"); // does nothing
          return null;
        });
    assertThat(kernel("br0")).isEmpty();
    assertThat(attachments()).containsExactly(on("eth0", Attachment.Mode.NATIVE));
  }

  @ParameterizedTest
  @EnumSource(
      value = DatapathConfig.AttachPreference.class,
      names = {"NATIVE", "GENERIC"})
  void preferenceIsNotExceeded(DatapathConfig.AttachPreference preference) {
    machine.ip("link add br0 type bridge", "link set br0 up");
    Host host = new Host(machine, "lb", "eth0", "198.51.100.1", "2001:db8:0:1::1");
    inside(
        () -> {
          test.datapath().detach("eth0");
          return null;
        });
    try (TestDatapath other = TestDatapath.open(host, preference)) {
      XdpMode expected =
          preference == DatapathConfig.AttachPreference.NATIVE ? XdpMode.NATIVE : XdpMode.GENERIC;
      assertThat(kernel("eth0")).extracting(Xdp.Attachment::mode).containsExactly(expected);
      Attachment bridge = inside(() -> other.datapath().attach("br0"));
      if (preference == DatapathConfig.AttachPreference.NATIVE) {
        assertThat(bridge.attached()).isFalse();
        assertThat(bridge.reason()).isEqualTo("AttachRefused");
        assertThat(kernel("br0")).isEmpty();
      } else {
        assertThat(bridge).isEqualTo(on("br0", Attachment.Mode.GENERIC));
      }
      inside(
          () -> {
            other.datapath().detach("br0");
            return null;
          });
    }
  }

  @Test
  @SuppressWarnings("try") // it is there, no more
  void row53_foreignProgramIsNamedAndNeverReplaced() {
    Netns.veth(machine, "eth1", wire, "lb1");
    try (PassStub foreign = PassStub.attach(machine, "eth1")) {
      List<Xdp.Attachment> before = kernel("eth1");
      assertThat(before).hasSize(1);
      Attachment refused = attach("eth1");
      assertThat(refused.attached()).isFalse();
      assertThat(refused.reason()).isEqualTo("XdpConflict");
      assertThat(refused.message())
          .contains("id " + before.get(0).programId())
          .contains("eth1")
          .contains("bpftool");
      assertThat(kernel("eth1")).isEqualTo(before);
      assertThat(attachments()).containsExactly(on("eth0", Attachment.Mode.NATIVE));
    }
    assertThat(attach("eth1")).isEqualTo(on("eth1", Attachment.Mode.NATIVE)); // it has gone
    inside(
        () -> {
          test.datapath().detach("eth1");
          return null;
        });
  }

  @Test
  void interfaceThatGoesAndComesBackIsAttachedAnew() {
    assertThat(attach("eth7").reason()).isEqualTo("NoInterface");
    machine.ip("link del eth0");
    Attachment gone = attachments().get(0);
    assertThat(gone.attached()).isFalse();
    assertThat(gone.reason()).isEqualTo("Detached");
    assertThat(attach("eth0").reason()).isEqualTo("NoInterface");
    Netns.veth(machine, "eth0", wire, "lb0");
    assertThat(attach("eth0")).isEqualTo(on("eth0", Attachment.Mode.NATIVE));
    assertThat(kernel("eth0")).hasSize(1);
    assertThat(attachments()).containsExactly(on("eth0", Attachment.Mode.NATIVE));
  }

  @Test
  void nextAgentSwapsTheProgramUnderTheSameLink() {
    int before = kernel("eth0").get(0).programId();
    test.stop();
    assertThat(kernel("eth0").get(0).programId()).isEqualTo(before); // nobody is there, it runs
    test.reopen();
    assertThat(kernel("eth0")).hasSize(1);
    assertThat(kernel("eth0").get(0).programId()).isNotEqualTo(before);
  }

  @Test
  void interfaceThatWasRenamedKeepsItsProgramAndIsKnownByItsNewName() {
    int before = kernel("eth0").get(0).programId();
    machine.ip("link set eth0 down", "link set eth0 name lan.7", "link set lan.7 up");
    assertThat(attachments()).containsExactly(on("lan.7", Attachment.Mode.NATIVE));
    assertThat(attach("eth0").reason()).isEqualTo("NoInterface");
    Netns.veth(machine, "eth0", wire, "lb1"); // another one with the old name
    test.reopen(); // the next agent, with eth0
    assertThat(kernel("lan.7").get(0).programId()).isEqualTo(before);
    assertThat(attach("lan.7")).isEqualTo(on("lan.7", Attachment.Mode.NATIVE));
    assertThat(kernel("lan.7")).hasSize(1);
    assertThat(kernel("lan.7").get(0).programId()).isEqualTo(kernel("eth0").get(0).programId());
    assertThat(attachments())
        .containsExactly(on("eth0", Attachment.Mode.NATIVE), on("lan.7", Attachment.Mode.NATIVE));
    inside(
        () -> {
          test.datapath().detach("lan.7");
          return null;
        });
    assertThat(kernel("lan.7")).isEmpty();
    assertThat(kernel("eth0")).hasSize(1);
  }

  @Test
  void interfaceThatWentToAnotherNamespaceIsNotTakenForOneHere() {
    try (Netns other = Netns.create("other")) {
      machine.ip("link set eth0 netns " + other.name());
      Attachment gone = attachments().get(0);
      assertThat(gone.attached()).isFalse();
      assertThat(gone.reason()).isEqualTo("Detached");
      Netns.veth(machine, "eth0", wire, "lb1");
      assertThat(attach("eth0")).isEqualTo(on("eth0", Attachment.Mode.NATIVE));
      assertThat(attachments()).containsExactly(on("eth0", Attachment.Mode.NATIVE));
    }
  }

  @Test
  void interfaceNamesMayHaveDots() {
    Netns.veth(machine, "eth0.100", wire, "lb1"); // and a BPF file system's names may not
    assertThat(attach("eth0.100")).isEqualTo(on("eth0.100", Attachment.Mode.NATIVE));
    assertThat(attachments()).contains(on("eth0.100", Attachment.Mode.NATIVE));
    inside(
        () -> {
          test.datapath().detach("eth0.100");
          return null;
        });
  }

  @Test
  void row47_portsThatTheHostsOwnConnectionsUseAreRefusedAndNothingIsLeft() {
    Path pins = Path.of("/sys/fs/bpf/xdplb-test-" + ProcessHandle.current().pid() + "-refused");
    machine.sysctl("net.ipv4.ip_local_port_range", "20000 40000");
    for (PortRange ports :
        List.of(
            new PortRange(10000, 20000),
            new PortRange(40000, 50000),
            new PortRange(25000, 26000),
            new PortRange(1024, 65535))) {
      DatapathConfig config =
          new DatapathConfig(pins, ports, 64, 64, 4096, 4096, DatapathConfig.AttachPreference.AUTO);
      assertThatThrownBy(() -> inside(() -> Datapath.open(config)))
          .cause()
          .isInstanceOf(DatapathException.class)
          .hasMessageContaining(ports.toString())
          .hasMessageContaining("20000-40000")
          .extracting(e -> ((DatapathException) e).reason())
          .isEqualTo(DatapathException.Reason.NatPortsOverlap);
      assertThat(Files.exists(pins)).isFalse();
    }
    test.stop();
    machine.sysctl("net.ipv4.ip_local_port_range", "32768 60999");
    test.reopen();
  }

  @Test
  void datapathThatIsRefusedWhileLoadingLeavesNoPins() throws IOException {
    Path pins = Path.of("/sys/fs/bpf/xdplb-test-" + ProcessHandle.current().pid() + "-small");
    int slots = 0; // a map needs one
    DatapathConfig config =
        new DatapathConfig(
            pins, PacketLab.NAT_PORTS, 64, 64, slots, 4096, DatapathConfig.AttachPreference.AUTO);
    try {
      assertThatThrownBy(() -> inside(() -> Datapath.open(config)))
          .hasMessageContaining("map rings with 0 entries");
      assertThat(Files.exists(pins)).isFalse();
    } finally {
      Files.deleteIfExists(pins.resolve("maps"));
      Files.deleteIfExists(pins);
    }
  }

  @Test
  void pinPathThatIsNotOnABpfFileSystemIsRefused() {
    Path pins = Path.of("/run/xdplb-test-" + ProcessHandle.current().pid());
    DatapathConfig config = DatapathConfig.defaults(pins);
    assertThatThrownBy(() -> inside(() -> Datapath.open(config)))
        .cause()
        .isInstanceOf(DatapathException.class)
        .hasMessageContaining("/sys/fs/bpf");
    assertThat(Files.exists(pins)).isFalse();
  }
}
