// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.testing.kernel.RequiresBpf;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@RequiresBpf
class TcFilterTest {
  private static final int HANDLE = 0x9abcdef0;

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
    void run(TcFilter filter) throws Exception;
  }

  private void inside(Body body) throws Exception {
    lab.machine()
        .call(
            () -> {
              body.run(new TcFilter(Interfaces.index("near"), 1, HANDLE));
              return null;
            });
  }

  private long count(String program) {
    return EgressLab.count(object, program);
  }

  private OptionalInt id(String program) {
    return OptionalInt.of(object.program(program).id());
  }

  private String filters() {
    return lab.machine().run("tc", "filter", "show", "dev", "near", "egress");
  }

  @Test
  void packetsThatLeaveAreSeenUntilTheFilterIsRemoved() throws Exception {
    inside(
        filter -> {
          assertThat(filter.programId()).as("without a qdisc").isEmpty();
          filter.remove(); // does nothing
          assertThatThrownBy(() -> filter.put(object.program("first")))
              .isInstanceOf(LibbpfException.class)
              .hasMessageContaining("EINVAL")
              .hasMessageContaining(
                  "filter 0x9abcdef0 of priority 1 on the egress of interface near")
              .hasMessageContaining("Parent Qdisc doesn't exists");
          TcFilter.ensureQdisc(filter.ifindex());
          TcFilter.ensureQdisc(filter.ifindex()); // does nothing
          assertThat(filter.programId()).as("without a filter").isEmpty();
          filter.remove();
          filter.put(object.program("first"));
          assertThat(filter.programId()).isEqualTo(id("first"));
          assertThat(filters()).contains("pref 1 bpf", "handle 0x9abcdef0", "direct-action");
          lab.send(100);
          assertThat(count("first")).isEqualTo(100);
          filter.remove();
          assertThat(filter.programId()).isEmpty();
          assertThat(filters()).isEmpty();
          lab.send(100);
          assertThat(count("first")).isEqualTo(100);
        });
  }

  @Test
  void noPacketIsLostOrSeenTwiceWhileTheProgramIsReplaced() throws Exception {
    inside(
        filter -> {
          TcFilter.ensureQdisc(filter.ifindex());
          filter.put(object.program("first"));
          try (EgressLab.Traffic traffic = lab.traffic()) {
            for (int i = 0; i < 200; i++) {
              filter.put(object.program(i % 2 == 0 ? "second" : "first"));
              traffic.await(10);
            }
            long sent = traffic.end();
            System.out.printf(
                "clsact: 200 replacements, %d datagrams, %d + %d counted%n",
                sent, count("first"), count("second"));
            assertThat(count("first")).isPositive();
            assertThat(count("second")).isPositive();
            assertThat(count("first") + count("second")).isEqualTo(sent);
          }
        });
  }

  @Test
  void filtersOfOthersStay() throws Exception {
    inside(
        filter -> {
          try (BpfObject foreign = TestObjects.load("tc")) {
            TcFilter.ensureQdisc(filter.ifindex());
            TcFilter samePriority = new TcFilter(filter.ifindex(), 1, 1);
            TcFilter after = new TcFilter(filter.ifindex(), 7, HANDLE);
            samePriority.put(foreign.program("first"));
            after.put(foreign.program("last"));
            filter.put(object.program("first"));
            lab.send(10);
            filter.put(object.program("second"));
            lab.send(10);
            filter.remove();
            lab.send(10);
            assertThat(count("first")).isEqualTo(10);
            assertThat(count("second")).isEqualTo(10);
            assertThat(EgressLab.count(foreign, "first")).isEqualTo(30);
            assertThat(EgressLab.count(foreign, "last")).isEqualTo(30);
            assertThat(samePriority.programId()).hasValue(foreign.program("first").id());
          }
        });
  }

  @Test
  void aPriorityThatAFilterOfAnotherProtocolHasIsRefused() throws Exception {
    try (TestObjects.Pins pins = new TestObjects.Pins()) {
      String pin = pins.path("foreign").toString();
      object.program("last").pin(pins.path("foreign"));
      inside(
          filter -> {
            TcFilter.ensureQdisc(filter.ifindex());
            String add = "tc filter add dev near egress protocol ip prio 1 bpf da object-pinned ";
            lab.machine().run((add + pin).split(" "));
            String before = filters();
            assertThatThrownBy(() -> filter.put(object.program("first")))
                .isInstanceOf(LibbpfException.class)
                .hasMessageContaining("EINVAL")
                .hasMessageContaining("tc filter show dev near egress");
            assertThat(filter.programId()).isEmpty();
            filter.remove();
            assertThat(filters()).isEqualTo(before).contains("protocol ip pref 1 bpf");
          });
    }
  }

  @Test
  void anInterfaceThatIsGoneHasNoFilter() throws Exception {
    inside(
        filter -> {
          TcFilter.ensureQdisc(filter.ifindex());
          filter.put(object.program("first"));
          lab.machine().ip("link del near");
          assertThat(filter.programId()).isEmpty();
          filter.remove();
          assertThatThrownBy(() -> TcFilter.ensureQdisc(filter.ifindex()))
              .hasMessageContaining("ENODEV");
          assertThatThrownBy(() -> filter.put(object.program("first")))
              .hasMessageContaining("ENODEV");
        });
  }
}
