// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@RequiresBpf
class XdpLinkTest {
  private TestNamespace namespace;
  private BpfObject object;

  @BeforeEach
  void makeVeth() {
    namespace = new TestNamespace();
    // Without IPv6 the kernel sends nothing of its own accord: frames can be counted.
    namespace.shell("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
    namespace.shell(
        "ip link add near type veth peer name far; ip link set near up; ip link set far up");
    object = TestObjects.load("maps");
  }

  @AfterEach
  void removeNamespace() {
    try {
      object.close();
    } finally {
      namespace.close();
    }
  }

  private interface Body {
    void run(int ifindex) throws Exception;
  }

  private void inside(Body body) throws Exception {
    namespace.call(
        () -> {
          body.run(Interfaces.index("near"));
          return null;
        });
  }

  @ParameterizedTest
  @EnumSource(names = {"NATIVE", "GENERIC"})
  void aProgramIsAttachedInTheModeAskedFor(XdpMode mode) throws Exception {
    inside(
        ifindex -> {
          assertThat(Xdp.query(ifindex)).isEmpty();
          BpfProgram drop = object.program("drop");
          try (XdpLink link = XdpLink.attach(drop, ifindex, mode)) {
            assertThat(Xdp.query(ifindex)).containsExactly(new Xdp.Attachment(mode, drop.id()));
            assertThat(link.mode()).contains(mode);
            assertThat(link.info().programId()).isEqualTo(drop.id());
            assertThat(link.info().ifindex()).isEqualTo(ifindex);
            assertThat(link.info().id()).isPositive();
          }
          assertThat(Xdp.query(ifindex)).as("after the only descriptor was closed").isEmpty();
        });
  }

  @Test
  void theProgramIsReplacedAtomicallyAndOnlyIfItIsTheExpectedOne() throws Exception {
    inside(
        ifindex -> {
          BpfProgram drop = object.program("drop");
          BpfProgram pass = object.program("pass");
          try (XdpLink link = XdpLink.attach(drop, ifindex, XdpMode.NATIVE)) {
            link.update(pass, drop);
            assertThat(link.info().programId()).isEqualTo(pass.id());
            assertThat(Xdp.query(ifindex))
                .containsExactly(new Xdp.Attachment(XdpMode.NATIVE, pass.id()));
            assertThatThrownBy(() -> link.update(object.program("balance"), drop))
                .isInstanceOf(LibbpfException.class)
                .hasMessageContaining("EPERM")
                .hasMessageContaining(
                    "program id " + pass.id() + " is attached, expected was " + drop);
            link.update(drop);
            assertThat(link.info().programId()).isEqualTo(drop.id());
          }
        });
  }

  @Test
  void aSecondAttachIsRefusedNamingTheFirst() throws Exception {
    inside(
        ifindex -> {
          BpfProgram drop = object.program("drop");
          try (XdpLink link = XdpLink.attach(drop, ifindex, XdpMode.NATIVE)) {
            assertThatThrownBy(
                    () -> XdpLink.attach(object.program("pass"), ifindex, XdpMode.NATIVE))
                .isInstanceOf(LibbpfException.class)
                .hasMessageContaining("in native mode to interface near (ifindex " + ifindex + ")")
                .hasMessageContaining("EBUSY (Device or resource busy)")
                .hasMessageContaining("there is program id " + drop.id() + " in NATIVE mode");
            assertThatThrownBy(
                    () -> XdpLink.attach(object.program("pass"), ifindex, XdpMode.GENERIC))
                .hasMessageContaining("there is program id " + drop.id() + " in NATIVE mode");
            assertThat(link.info().programId()).isEqualTo(drop.id());
          }
        });
  }

  @Test
  void anInterfaceThatDoesNotExistIsExplained() throws Exception {
    inside(
        ifindex ->
            assertThatThrownBy(
                    () -> XdpLink.attach(object.program("drop"), 999_999, XdpMode.NATIVE))
                .isInstanceOf(LibbpfException.class)
                .hasMessageContaining("interface ? (ifindex 999999)")
                .hasMessageContaining("there is no such interface"));
  }

  @Test
  void aDriverWithoutNativeModeIsExplained() throws Exception {
    inside(
        ifindex ->
            assertThatThrownBy(
                    () ->
                        XdpLink.attach(
                            object.program("drop"), Interfaces.index("lo"), XdpMode.NATIVE))
                .hasMessageContaining("EOPNOTSUPP")
                .hasMessageContaining("use generic mode"));
  }

  @Test
  void aPinnedLinkSurvivesItsCloseAndIsAdopted() throws Exception {
    try (TestObjects.Pins pins = new TestObjects.Pins()) {
      Path pin = pins.path("link");
      inside(
          ifindex -> {
            int drop = object.program("drop").id();
            try (XdpLink link = XdpLink.attach(object.program("drop"), ifindex, XdpMode.NATIVE)) {
              link.pin(pin);
            }
            assertThat(Xdp.query(ifindex))
                .containsExactly(new Xdp.Attachment(XdpMode.NATIVE, drop));
            try (XdpLink link = XdpLink.openPinned(pin)) {
              assertThat(link.info().programId()).isEqualTo(drop);
              link.update(object.program("pass"), object.program("drop"));
            }
            Files.delete(pin);
            Awaitility.await()
                .alias("nothing attached after unpinning")
                .pollInSameThread()
                .atMost(Duration.ofSeconds(5))
                .until(() -> Xdp.query(ifindex).isEmpty());
          });
    }
  }

  @Test
  void aDetachedLinkAttachesNothingAndCannotBeUpdated() throws Exception {
    inside(
        ifindex -> {
          try (XdpLink link = XdpLink.attach(object.program("drop"), ifindex, XdpMode.NATIVE)) {
            link.detach();
            assertThat(Xdp.query(ifindex)).isEmpty();
            assertThat(link.info().ifindex()).isZero();
            assertThat(link.mode()).isEmpty();
            assertThatThrownBy(() -> link.update(object.program("pass")))
                .hasMessageContaining("the link is detached, or its interface has gone");
          }
        });
  }

  @Test
  void liveFramesAreReallyCarriedOut() throws Exception {
    inside(
        ifindex -> {
          // A frame sent back by XDP_TX leaves the veth and is received at its other end, where
          // native XDP must run for that.
          try (XdpLink sender = XdpLink.attach(object.program("pass"), ifindex, XdpMode.NATIVE);
              XdpLink receiver =
                  XdpLink.attach(object.program("drop"), Interfaces.index("far"), XdpMode.NATIVE)) {
            Btf.Variable counter = object.btf().variable("start").orElseThrow();
            try (MapMemory ring = object.map("ring").mmap();
                MapMemory globals = object.map(counter.section()).mmap()) {
              ring.buffer().putLong(0, XdpAction.TX.ordinal());
              int before = globals.buffer().getInt(counter.offset());
              TestRun run =
                  TestRun.on(TestObjects.packet(60)).receivedOn(ifindex, 0).times(1000).live(64);
              TestRun.Result result = object.program("balance").testRun(run);
              assertThat(result.data()).isEmpty();
              Awaitility.await()
                  .atMost(Duration.ofSeconds(5))
                  .untilAsserted(
                      () ->
                          assertThat(globals.buffer().getInt(counter.offset()) - before)
                              .as("frames dropped at the other end")
                              .isEqualTo(1000));
            }
          }
        });
  }

  @Test
  void onlyAProgramForFragmentsIsAttachedWhereFramesAreLarge() throws Exception {
    namespace.shell("ip link set near mtu 9000; ip link set far mtu 9000");
    try (BpfObjectSpec spec = TestObjects.open("maps")) {
      spec.program("drop").xdpFrags();
      try (BpfObject frags = spec.load()) {
        inside(
            ifindex -> {
              assertThatThrownBy(
                      () -> XdpLink.attach(object.program("drop"), ifindex, XdpMode.NATIVE))
                  .hasMessageContaining("ERANGE")
                  .hasMessageContaining("its MTU");
              XdpLink.attach(frags.program("drop"), ifindex, XdpMode.NATIVE).close();
            });
      }
    }
  }
}
