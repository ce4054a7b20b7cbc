// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@RequiresBpf
class TcxLinkTest {
  private EgressLab lab;
  private BpfObject object;

  @BeforeEach
  void open() {
    lab = new EgressLab();
    object = TestObjects.load("tc");
  }

  @AfterEach
  void close() {
    try {
      object.close();
    } finally {
      lab.close();
    }
  }

  private interface Body {
    void run(int ifindex) throws Exception;
  }

  private void inside(Body body) throws Exception {
    lab.machine()
        .call(
            () -> {
              body.run(Interfaces.index("near"));
              return null;
            });
  }

  private long count(String program) {
    return EgressLab.count(object, program);
  }

  @Test
  void packetsThatLeaveAreSeenUntilTheLinkIsDetached() throws Exception {
    inside(
        ifindex -> {
          assertThat(TcxLink.egressPrograms(ifindex)).isEmpty();
          BpfProgram first = object.program("first");
          try (TcxLink link = TcxLink.attachEgress(first, ifindex)) {
            assertThat(TcxLink.egressPrograms(ifindex)).containsExactly(first.id());
            assertThat(link.attached()).isTrue();
            assertThat(link.info().programId()).isEqualTo(first.id());
            assertThat(link.info().ifindex()).isEqualTo(ifindex);
            lab.send(100);
            assertThat(count("first")).isEqualTo(100);
            link.detach();
            assertThat(link.attached()).isFalse();
            assertThat(link.info().ifindex()).isZero();
            assertThatThrownBy(() -> link.update(object.program("second")))
                .hasMessageContaining("the link is detached, or its interface has gone");
          }
          assertThat(TcxLink.egressPrograms(ifindex)).isEmpty();
          lab.send(100);
          assertThat(count("first")).isEqualTo(100);
        });
  }

  @Test
  void noPacketIsLostOrSeenTwiceWhileTheProgramIsReplaced() throws Exception {
    inside(
        ifindex -> {
          try (TcxLink link = TcxLink.attachEgress(object.program("first"), ifindex);
              EgressLab.Traffic traffic = lab.traffic()) {
            for (int i = 0; i < 200; i++) {
              link.update(object.program(i % 2 == 0 ? "second" : "first"));
              traffic.await(10);
            }
            long sent = traffic.end();
            System.out.printf(
                "tcx: 200 replacements, %d datagrams, %d + %d counted%n",
                sent, count("first"), count("second"));
            assertThat(count("first")).isPositive();
            assertThat(count("second")).isPositive();
            assertThat(count("first") + count("second")).isEqualTo(sent);
          }
        });
  }

  @Test
  void aPinnedLinkIsOpenedAgainAndTakesTheProgramOfAnotherObject() throws Exception {
    try (TestObjects.Pins pins = new TestObjects.Pins()) {
      Path pin = pins.path("link");
      inside(
          ifindex -> {
            try (TcxLink link = TcxLink.attachEgress(object.program("first"), ifindex)) {
              link.pin(pin);
            }
            lab.send(10);
            assertThat(count("first")).isEqualTo(10);
            try (BpfObject next = TestObjects.load("tc");
                TcxLink link = TcxLink.openPinned(pin)) {
              assertThat(link.info().programId()).isEqualTo(object.program("first").id());
              link.update(next.program("first"), object.program("first"));
              assertThatThrownBy(
                      () -> link.update(object.program("second"), object.program("first")))
                  .isInstanceOf(LibbpfException.class)
                  .hasMessageContaining("EPERM")
                  .hasMessageContaining(
                      "program id " + next.program("first").id() + " is attached");
              lab.send(10);
              assertThat(EgressLab.count(next, "first")).isEqualTo(10);
              assertThat(count("first")).isEqualTo(10);
              link.detach();
            }
          });
    }
  }

  @Test
  void otherLinksAreNotTakenForOne() throws Exception {
    try (TestObjects.Pins pins = new TestObjects.Pins()) {
      Path pin = pins.path("link");
      inside(
          ifindex -> {
            try (XdpLink link =
                XdpLink.attach(object.program("passing"), ifindex, XdpMode.GENERIC)) {
              link.pin(pin);
            }
          });
      assertThatThrownBy(() -> TcxLink.openPinned(pin))
          .isInstanceOf(LibbpfException.class)
          .hasMessageContaining("it is a link of type 6");
    }
  }

  @Test
  void programsOfOthersStayAndCannotKeepPacketsFromOne() throws Exception {
    inside(
        ifindex -> {
          try (BpfObject foreign = TestObjects.load("tc");
              TcxLink ends = TcxLink.attachEgress(foreign.program("last"), ifindex);
              TcxLink link = TcxLink.attachEgress(object.program("first"), ifindex)) {
            assertThat(TcxLink.egressPrograms(ifindex))
                .containsExactly(object.program("first").id(), foreign.program("last").id());
            lab.send(10);
            link.update(object.program("second"));
            lab.send(10);
            link.detach();
            lab.send(10);
            assertThat(count("first")).isEqualTo(10);
            assertThat(count("second")).isEqualTo(10);
            assertThat(EgressLab.count(foreign, "last")).isEqualTo(30);
            assertThat(ends.attached()).isTrue();
          }
        });
  }

  @Test
  void anInterfaceThatIsGoneOrElsewhereIsTold() throws Exception {
    inside(
        ifindex -> {
          try (TcxLink link = TcxLink.attachEgress(object.program("first"), ifindex);
              Netns other = Netns.create("other")) {
            lab.machine().ip("link set near netns " + other.name());
            assertThat(link.attached()).as("moved to another namespace").isFalse();
            other.ip("link del near");
            assertThat(link.attached()).isFalse();
            assertThat(link.info().ifindex()).isZero();
            assertThatThrownBy(() -> link.update(object.program("second")))
                .hasMessageContaining("the link is detached, or its interface has gone");
            link.detach(); // does nothing
          }
          assertThatThrownBy(() -> TcxLink.attachEgress(object.program("first"), ifindex))
              .isInstanceOf(LibbpfException.class)
              .hasMessageContaining("ENODEV")
              .hasMessageContaining("there is no such interface");
        });
  }

  @Test
  void aProgramThatIsNotForTcIsRefused() throws Exception {
    inside(
        ifindex -> {
          assertThatThrownBy(() -> TcxLink.attachEgress(object.program("passing"), ifindex))
              .isInstanceOf(LibbpfException.class)
              .hasMessageContaining("EINVAL")
              .hasMessageContaining("it is no TC program");
          assertThat(TcxLink.egressPrograms(ifindex)).isEqualTo(List.of());
        });
  }
}
