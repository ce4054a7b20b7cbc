// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.Attachment.Egress;
import io.xdplb.datapath.DatapathConfig.AttachPreference;
import io.xdplb.libbpf.BpfObject;
import io.xdplb.libbpf.BpfProgram;
import io.xdplb.libbpf.EgressLab;
import io.xdplb.libbpf.Interfaces;
import io.xdplb.libbpf.LibbpfException;
import io.xdplb.libbpf.TcFilter;
import io.xdplb.libbpf.TcxLink;
import io.xdplb.libbpf.TestObjects;
import io.xdplb.libbpf.Xdp;
import io.xdplb.testing.kernel.PassStub;
import io.xdplb.testing.kernel.RequiresBpf;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The second program, on what an interface sends, beside the XDP program. */
@RequiresBpf
class EgressTest {
  private static final int PRIORITY = 1;
  private static final int HANDLE = 0x78646c62;

  private TestObjects.Pins pins;
  private EgressLab lab;
  private BpfObject object;

  @BeforeEach
  void open() throws IOException {
    pins = new TestObjects.Pins();
    lab = new EgressLab();
    object = TestObjects.load("tc");
  }

  @AfterEach
  void close() throws IOException {
    try {
      object.close();
    } finally {
      lab.close(); // with its interfaces, and so all that is attached
      pins.close();
    }
  }

  private <T> T inside(Callable<T> body) {
    return lab.machine().call(body);
  }

  /** One that knows only this way. */
  private Attacher attacher(Egress way) {
    return new Attacher(pins.path("xdplb"), new EgressAttacher(pins.path("xdplb"), List.of(way)));
  }

  private Attachment attach(Attacher attacher, BpfObject of, String egress, String device) {
    return inside(
        () ->
            attacher.attach(
                of.program("passing"),
                Optional.of(of.program(egress)),
                device,
                AttachPreference.NATIVE));
  }

  private Attachment attach(Attacher attacher) {
    return attach(attacher, object, "first", "near");
  }

  private List<Attachment> attachments(Attacher attacher) {
    return inside(attacher::attachments);
  }

  private static Attachment on(String device, Egress way) {
    return new Attachment(device, Attachment.Mode.NATIVE, null, null, way, null);
  }

  private void detach(Attacher attacher, String device) {
    inside(
        () -> {
          attacher.detach(device);
          return null;
        });
  }

  /** The programs on what the interface sends, of whomever. */
  private List<Integer> kernel(String device) {
    return inside(
        () -> {
          List<Integer> ids = new ArrayList<>(TcxLink.egressPrograms(Interfaces.index(device)));
          new TcFilter(Interfaces.index(device), PRIORITY, HANDLE).programId().ifPresent(ids::add);
          return ids;
        });
  }

  private List<Path> pinned() throws IOException {
    if (!Files.exists(pins.path("xdplb"))) {
      return List.of();
    }
    try (Stream<Path> all = Files.walk(pins.path("xdplb"))) {
      return all.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private int id(String program) {
    return object.program(program).id();
  }

  private long count(String program) {
    return EgressLab.count(object, program);
  }

  @ParameterizedTest
  @EnumSource
  void bothProgramsAreAttachedAndDetached(Egress way) throws Exception {
    Attacher attacher = attacher(way);
    assertThat(attach(attacher)).isEqualTo(on("near", way));
    assertThat(attachments(attacher)).containsExactly(on("near", way));
    assertThat(kernel("near")).containsExactly(id("first"));
    lab.send(10);
    assertThat(count("first")).isEqualTo(10);

    detach(attacher, "near");
    detach(attacher, "near"); // does nothing
    assertThat(attachments(attacher)).isEmpty();
    assertThat(kernel("near")).isEmpty();
    assertThat(inside(() -> Xdp.query(Interfaces.index("near")))).isEmpty();
    assertThat(pinned()).isEmpty();
    lab.send(10);
    assertThat(count("first")).isEqualTo(10);
  }

  @ParameterizedTest
  @EnumSource
  void nextAgentSwapsBothAndNoPacketIsMissed(Egress way) throws Exception {
    attach(attacher(way));
    int xdp = inside(() -> Xdp.query(Interfaces.index("near"))).get(0).programId();
    long counted = 0;
    try (EgressLab.Traffic traffic = lab.traffic()) {
      traffic.await(100);
      for (int agent = 0; agent < 20; agent++) {
        BpfObject former = object;
        object = TestObjects.load("tc");
        try (former) {
          // An agent of today does not know how the former one did it, and prefers tcx.
          Attacher next = new Attacher(pins.path("xdplb"));
          assertThat(attachments(next)).containsExactly(on("near", way));
          assertThat(attach(next)).isEqualTo(on("near", way));
          assertThat(kernel("near")).containsExactly(id("first"));
          traffic.await(100); // those that were on their way have passed the former program
          counted += EgressLab.count(former, "first");
        }
      }
      long sent = traffic.end();
      counted += count("first");
      System.out.printf("%s: 20 agents, %d datagrams, %d counted%n", way, sent, counted);
      assertThat(counted).isEqualTo(sent);
    }
    assertThat(inside(() -> Xdp.query(Interfaces.index("near"))).get(0).programId())
        .isNotEqualTo(xdp)
        .isEqualTo(id("passing"));
    detach(attacher(way), "near");
    assertThat(kernel("near")).isEmpty();
    assertThat(pinned()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void programsOfOthersStayAndRun(Egress way) throws Exception {
    try (BpfObject foreign = TestObjects.load("tc");
        TcxLink tcx = inside(() -> TcxLink.attachEgress(foreign.program("first"), lab.ifindex()))) {
      TcFilter clsact = new TcFilter(lab.ifindex(), 1, 1);
      inside(
          () -> {
            TcFilter.ensureQdisc(lab.ifindex());
            clsact.put(foreign.program("second"));
            return null;
          });
      Attacher attacher = attacher(way);
      assertThat(attach(attacher)).isEqualTo(on("near", way));
      lab.send(10);
      assertThat(attach(attacher, object, "second", "near")).isEqualTo(on("near", way));
      lab.send(10);
      detach(attacher, "near");
      lab.send(10);
      assertThat(count("first")).isEqualTo(10);
      assertThat(count("second")).isEqualTo(10);
      assertThat(EgressLab.count(foreign, "first")).isEqualTo(30);
      assertThat(EgressLab.count(foreign, "second")).isEqualTo(30);
      assertThat(inside(clsact::programId)).hasValue(foreign.program("second").id());
      assertThat(kernel("near")).containsExactly(foreign.program("first").id());
      assertThat(tcx.info().ifindex()).isEqualTo(lab.ifindex());
    }
  }

  @ParameterizedTest
  @EnumSource
  void programThatSomebodyTookOffIsMissedAndPutBack(Egress way) throws Exception {
    Attacher attacher = attacher(way);
    attach(attacher);
    List<Runnable> takeOff =
        way == Egress.TCX
            ? List.of(
                () -> {
                  try (TcxLink link = TcxLink.openPinned(pins.path("xdplb").resolve("tcx/near"))) {
                    link.detach();
                  }
                })
            : List.of(
                () -> lab.machine().run("tc", "qdisc", "del", "dev", "near", "clsact"),
                () -> lab.machine().run("tc", "filter", "del", "dev", "near", "egress"),
                () ->
                    inside(
                        () -> {
                          new TcFilter(lab.ifindex(), PRIORITY, HANDLE).put(object.program("last"));
                          return null;
                        }));
    for (Runnable somebody : takeOff) {
      somebody.run();
      Attachment missed = attachments(attacher).get(0);
      assertThat(missed.mode()).isEqualTo(Attachment.Mode.NATIVE);
      assertThat(missed.egress()).isNull();
      assertThat(missed.egressMessage()).contains("somebody has", "near");
      assertThat(attach(attacher)).isEqualTo(on("near", way));
      assertThat(kernel("near")).containsExactly(id("first"));
      assertThat(attachments(attacher)).containsExactly(on("near", way));
    }
    // and the other way round: the XDP program was taken off, the egress program is still there
    lab.machine().run("bpftool", "link", "detach", "pinned", pins.path("xdplb") + "/links/near");
    Attachment half = attachments(attacher).get(0);
    assertThat(half.attached()).isFalse();
    assertThat(half.egress()).isEqualTo(way);
    detach(attacher, "near");
    assertThat(kernel("near")).isEmpty();
    assertThat(pinned()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void interfaceThatGoesAndComesBackIsAttachedAnew(Egress way) throws Exception {
    Attacher attacher = attacher(way);
    attach(attacher);
    lab.machine().ip("link del near");
    Attachment gone = attachments(attacher).get(0);
    assertThat(gone.attached()).isFalse();
    assertThat(gone.egress()).isNull();
    assertThat(gone.egressMessage()).contains("near", "the interface has gone");
    assertThat(attach(attacher).reason()).isEqualTo("NoInterface");
    lab.addVeth();
    assertThat(attachments(attacher).get(0).egress()).isNull();
    assertThat(attach(attacher)).isEqualTo(on("near", way));
    lab.send(10);
    assertThat(count("first")).isEqualTo(10);
    lab.machine().ip("link del near");
    detach(attacher, "near");
    assertThat(pinned()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void pinsFollowInterfacesThatAreRenamed(Egress way) throws Exception {
    lab.machine().ip("link add left type veth peer name right", "link set left up");
    Attacher attacher = attacher(way);
    attach(attacher);
    attach(attacher, object, "second", "left");
    // they exchange their names
    lab.machine().ip("link set near name tmp", "link set left name near", "link set tmp name left");
    assertThat(attachments(attacher)).containsExactly(on("left", way), on("near", way));
    assertThat(attach(attacher, object, "first", "left")).isEqualTo(on("left", way));
    assertThat(kernel("left")).containsExactly(id("first"));
    assertThat(kernel("near")).containsExactly(id("second"));
    assertThat(attach(attacher, object, "second", "near")).isEqualTo(on("near", way));
    assertThat(attachments(attacher)).containsExactly(on("left", way), on("near", way));
    assertThat(pinned().stream().map(pin -> pin.getFileName().toString()).distinct())
        .containsExactly("left", "near");
    // one goes, and the other takes its name
    lab.machine().ip("link del near", "link set left name near");
    assertThat(attachments(attacher)).containsExactly(on("near", way));
    assertThat(attach(attacher)).isEqualTo(on("near", way));
    assertThat(kernel("near")).containsExactly(id("first"));
    detach(attacher, "left"); // does nothing
    assertThat(attachments(attacher)).containsExactly(on("near", way));
    lab.machine().ip("link set near name later");
    detach(attacher, "later");
    assertThat(kernel("later")).isEmpty();
    assertThat(pinned()).isEmpty();
  }

  @Test
  void clsactIsTakenWhereTcxIsRefused() throws Exception {
    List<BpfObject> others = new ArrayList<>();
    List<TcxLink> full = new ArrayList<>();
    try {
      int ifindex = lab.ifindex();
      inside(
          () -> {
            try {
              while (true) {
                others.add(TestObjects.load("tc")); // the kernel takes no program twice
                BpfProgram other = others.get(others.size() - 1).program("first");
                full.add(TcxLink.attachEgress(other, ifindex));
              }
            } catch (LibbpfException e) {
              assertThat(e.errnoName()).isEqualTo("ERANGE");
              return null;
            }
          });
      Attacher attacher = new Attacher(pins.path("xdplb"));
      Attachment attachment = attach(attacher);
      assertThat(attachment.egress()).isEqualTo(Egress.CLSACT);
      assertThat(attachment.egressMessage()).contains("ERANGE", "tcx", "near");
      assertThat(attachments(attacher)).containsExactly(on("near", Egress.CLSACT));
      lab.send(10);
      assertThat(count("first")).isEqualTo(10);
      Attachment tcxOnly = attach(attacher(Egress.TCX));
      assertThat(tcxOnly).as("what is there is kept").isEqualTo(on("near", Egress.CLSACT));
    } finally {
      full.forEach(TcxLink::close);
      others.forEach(BpfObject::close);
    }
  }

  @Test
  void ingressQdiscThatWouldRunTheProgramOnTheWrongSideIsRefused() throws Exception {
    lab.machine().run("tc", "qdisc", "add", "dev", "near", "ingress");
    Attacher attacher = attacher(Egress.CLSACT);
    Attachment refused = attach(attacher);
    assertThat(refused.mode()).isEqualTo(Attachment.Mode.NATIVE);
    assertThat(refused.egress()).isNull();
    assertThat(refused.egressMessage()).contains("near", "ingress qdisc", "clsact");
    assertThat(lab.machine().run("tc", "filter", "show", "dev", "near", "ingress")).isEmpty();
    lab.machine().run("tc", "qdisc", "del", "dev", "near", "ingress");
    assertThat(attach(attacher)).isEqualTo(on("near", Egress.CLSACT));
    detach(attacher, "near");
  }

  @ParameterizedTest
  @EnumSource
  void agentWithoutAnEgressProgramTakesOffThatOfAFormerOne(Egress way) {
    attach(attacher(way));
    Attacher attacher = new Attacher(pins.path("xdplb"));
    Attachment attachment =
        inside(
            () ->
                attacher.attach(
                    object.program("passing"), Optional.empty(), "near", AttachPreference.NATIVE));
    assertThat(attachment).isEqualTo(on("near", null));
    assertThat(attachments(attacher)).containsExactly(on("near", null));
    assertThat(kernel("near")).isEmpty();
    detach(attacher, "near");
  }

  @Test
  @SuppressWarnings("try") // it is there, no more
  void egressIsLeftAloneWhereTheXdpProgramIsRefused() throws Exception {
    try (PassStub foreign = PassStub.attach(lab.machine(), "near")) {
      Attachment refused = attach(new Attacher(pins.path("xdplb")));
      assertThat(refused.reason()).isEqualTo("XdpConflict");
      assertThat(refused.egress()).isNull();
      assertThat(kernel("near")).isEmpty();
      assertThat(pinned()).isEmpty();
    }
  }

  @Test
  void agentThatEndedInTheMidstOfASwapIsFollowedByTheNext() throws Exception {
    attach(attacher(Egress.CLSACT));
    // the next program is pinned and is the filter's, and its pin has not got its name yet
    object.program("second").pin(pins.path("xdplb").resolve("clsact/near next"));
    inside(
        () -> {
          new TcFilter(lab.ifindex(), PRIORITY, HANDLE).put(object.program("second"));
          return null;
        });
    Attacher attacher = new Attacher(pins.path("xdplb"));
    assertThat(attachments(attacher)).containsExactly(on("near", Egress.CLSACT));
    assertThat(attach(attacher)).isEqualTo(on("near", Egress.CLSACT));
    assertThat(kernel("near")).containsExactly(id("first"));
    assertThat(pinned()).hasSize(2);
    detach(attacher, "near");
    assertThat(pinned()).isEmpty();
  }
}
