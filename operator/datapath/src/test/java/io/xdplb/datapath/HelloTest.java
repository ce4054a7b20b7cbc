// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.announce.Hello;
import io.xdplb.core.announce.Output;
import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Hellos: what they grant is noted, and they come back with our time. */
@RequiresBpf
class HelloTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int FROM = 5;
  private static final long RUN = 0x1122_3344_5566_7788L;
  private static final int PORT = 6079;

  private AnnounceLab lan;
  private long instance;

  @BeforeEach
  void open() {
    lan = new AnnounceLab(LAB);
    instance = lan.announcements().state().instance();
    lan.announcements().write(new Output.Accept(FROM, RUN, 10));
  }

  @AfterEach
  void close() {
    lan.close();
  }

  private Hello hello(long epoch, long run, long withdrawn, long of, long seen) {
    return new Hello(false, FROM, Lan.SLOT, epoch, run, withdrawn, -42, of, seen);
  }

  private static Frame frame(Kind kind, byte[] payload) {
    return Frame.udp(kind.backend(3), 40_001, kind.balancer(), PORT).payload(payload);
  }

  /** It comes back, with nothing changed but what must be; answers our time in it. */
  private long reflects(Kind kind, Hello hello) {
    return reflects(kind, hello, frame(kind, Lan.tagged(hello)));
  }

  private long reflects(Kind kind, Hello hello, Frame frame) {
    long before = Lan.now();
    byte[] answer = LAB.sent(frame);
    byte[] payload = Arrays.copyOfRange(answer, answer.length - Hello.LENGTH, answer.length);
    long now = Hello.decode(payload).seen();
    assertThat(now).isBetween(before, Lan.now());
    byte[] expected = Lan.tagged(hello.reflect(instance, now));
    PacketLab.same(
        frame
            .macs(PacketLab.MAC, "02:00:00:00:00:0a")
            .from(kind.balancer(), PORT)
            .to(kind.backend(3), 40_001)
            .payload(expected)
            .bytes(),
        answer);
    return now;
  }

  private void is(long until, long epoch) {
    assertThat(lan.announcements().until(FROM)).isEqualTo(until);
    assertThat(lan.announcements().epoch(FROM)).isEqualTo(epoch);
  }

  private void counted(AnnounceCounts before, int taken, int refused, int bad) {
    AnnounceCounts now = lan.announcements().counts();
    assertThat(now.hellosTaken() - before.hellosTaken()).isEqualTo(taken);
    assertThat(now.hellosRefused() - before.hellosRefused()).isEqualTo(refused);
    assertThat(now.hellosBad() - before.hellosBad()).isEqualTo(bad);
  }

  @ParameterizedTest
  @EnumSource(names = {"UDP4", "UDP6"})
  void grantIsNotedAndTheHelloComesBack(Kind kind) {
    AnnounceCounts before = lan.announcements().counts();
    reflects(kind, hello(4, RUN, 10, instance, 1000));
    is(1000 + Lan.FENCE, 4);
    reflects(kind, hello(5, RUN, 9, instance, 1001));
    is(1001 + Lan.FENCE, 5);
    counted(before, 2, 0, 0);
  }

  @ParameterizedTest
  @EnumSource(names = {"UDP4", "UDP6"})
  void whatIsOldTakesNothingBack(Kind kind) {
    reflects(kind, hello(4, RUN, 10, instance, 1000));
    reflects(kind, hello(4, RUN, 10, instance, 999));
    is(1000 + Lan.FENCE, 4);
    reflects(kind, hello(3, RUN, 10, instance, 1100));
    is(1100 + Lan.FENCE, 4);
    reflects(kind, hello(9, RUN, 10, instance, -5));
    is(1100 + Lan.FENCE, 9);
  }

  @ParameterizedTest
  @EnumSource(names = {"UDP4", "UDP6"})
  void whatGrantsNothingComesBackAllTheSame(Kind kind) {
    AnnounceCounts before = lan.announcements().counts();
    reflects(kind, hello(4, RUN + 1, 10, instance, 1000));
    reflects(kind, hello(4, 0, 10, instance, 1000));
    reflects(kind, hello(4, RUN, 10, instance ^ 1, 1000));
    reflects(kind, hello(4, RUN, 10, 0, 1000));
    reflects(kind, hello(4, RUN, 11, instance, 1000));
    reflects(kind, new Hello(false, 6, Lan.SLOT, 4, RUN, 10, 1, instance, 1000)); // another's run
    is(0, 0);
    counted(before, 0, 6, 0);
    lan.announcements().write(new Output.Accept(FROM, RUN, 11));
    reflects(kind, hello(4, RUN, 11, instance, 1000));
    is(1000 + Lan.FENCE, 4);
    lan.announcements().write(new Output.Accept(FROM, RUN + 1, 0));
    reflects(kind, hello(5, RUN, 0, instance, 2000));
    is(1000 + Lan.FENCE, 4);
  }

  /** The grants of who has no run that is taken. */
  @Test
  void runZeroIsNobodys() {
    lan.announcements().write(new Output.Accept(FROM, 0, 0));
    reflects(Kind.UDP4, hello(4, RUN, 0, instance, 1000));
    is(0, 0);
  }

  @ParameterizedTest
  @EnumSource(names = {"UDP4", "UDP6"})
  void badOnesAreDropped(Kind kind) {
    AnnounceCounts before = lan.announcements().counts();
    byte[] good = Lan.tagged(hello(4, RUN, 10, instance, 1000));
    int bad = 0;
    for (int bit = 48; bit < good.length * 8; bit++) { // from, to, and all behind it
      byte[] wrong = good.clone();
      wrong[bit / 8] ^= (byte) (1 << bit % 8);
      lan.withholds(frame(kind, wrong).bytes());
      bad++;
    }
    for (Hello hello :
        List.of(
            new Hello(false, 63, Lan.SLOT, 4, RUN, 10, 1, instance, 1000),
            new Hello(false, 64 + FROM, Lan.SLOT, 4, RUN, 10, 1, instance, 1000),
            new Hello(false, -1, Lan.SLOT, 4, RUN, 10, 1, instance, 1000),
            new Hello(false, FROM, Lan.SLOT + 1, 4, RUN, 10, 1, instance, 1000),
            new Hello(false, FROM, 0, 4, RUN, 10, 1, instance, 1000))) {
      lan.withholds(frame(kind, Lan.tagged(hello)).bytes());
      bad++;
    }
    for (int length : new int[] {8, 9, 63, 65, 128}) {
      lan.withholds(frame(kind, Arrays.copyOf(good, length)).bytes());
      bad++;
    }
    counted(before, 0, 0, bad);
    is(0, 0);
  }

  @ParameterizedTest
  @EnumSource(names = {"UDP4", "UDP6"})
  void allElseIsTheAgents(Kind kind) {
    AnnounceCounts before = lan.announcements().counts();
    Hello hello = hello(4, RUN, 10, instance, 1000);
    LAB.passes(frame(kind, Lan.tagged(hello.reflect(instance, 1000))));
    byte[] good = Lan.tagged(hello);
    for (int bit = 0; bit < 48; bit++) { // magic, version, kind
      byte[] other = good.clone();
      other[bit / 8] ^= (byte) (1 << bit % 8);
      LAB.passes(frame(kind, other));
    }
    LAB.passes(frame(kind, new byte[1412]));
    for (int length = 0; length < 8; length++) {
      LAB.passes(frame(kind, Arrays.copyOf(good, length)));
    }
    LAB.passes(frame(kind, good).to(kind.balancer(), PORT - 1));
    LAB.passes(frame(kind, good).to(kind.balancer(), PORT + 1)); // the tunnel's: no GUE
    LAB.passes(frame(kind, good).to(kind.backend(4), PORT));
    LAB.passes(Frame.tcp(kind.backend(3), 40_001, kind.balancer(), PORT).payload(good));
    LAB.passes(frame(kind, good).fragment(0, true));
    if (kind.ipv6) {
      LAB.passes(frame(kind, good).extension(Frame.DESTINATION_OPTIONS));
    } else {
      LAB.passes(frame(kind, good).ipOptions(new byte[] {1, 1, 1, 1}));
    }
    byte[] whole = frame(kind, good).bytes();
    for (int length = 14; length < whole.length; length++) {
      LAB.passes(Arrays.copyOf(whole, length));
    }
    counted(before, 0, 0, 0);
    is(0, 0);
  }

  @ParameterizedTest
  @EnumSource(names = {"UDP4", "UDP6"})
  void checksumIsComputedWhateverItWas(Kind kind) {
    Hello hello = hello(4, RUN, 10, instance, 1000);
    Frame frame = frame(kind, Lan.tagged(hello));
    byte[] answer = LAB.sent(frame.patchLayer4(6, 0x12, 0x34));
    byte[] payload = Arrays.copyOfRange(answer, answer.length - Hello.LENGTH, answer.length);
    PacketLab.same(
        frame
            .macs(PacketLab.MAC, "02:00:00:00:00:0a")
            .from(kind.balancer(), PORT)
            .to(kind.backend(3), 40_001)
            .payload(payload)
            .bytes(),
        answer);
    if (!kind.ipv6) {
      assertThat(LAB.sent(frame.withoutChecksum())).hasSameSizeAs(answer);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"UDP4", "UDP6"})
  void tagsStay(Kind kind) {
    byte[] frame = frame(kind, Lan.tagged(hello(4, RUN, 10, instance, 1000))).bytes();
    TestRun.Result result = LAB.run(VlanTest.tagged(frame, 0x8100, 77));
    assertThat(result.action()).isEqualTo(XdpAction.TX);
    assertThat(Arrays.copyOfRange(result.data(), 12, 16)).containsExactly(0x81, 0, 0, 77);
    is(1000 + Lan.FENCE, 4);
  }

  /** Another machine's address, though a VIP's: the port has no meaning there. */
  @ParameterizedTest
  @EnumSource(names = {"UDP4", "UDP6"})
  void atAVipItIsAPortAsAnyOther(Kind kind) {
    LAB.program(BalanceTest.silent(kind.vipOf(1)));
    Frame frame = frame(kind, Lan.tagged(hello(4, RUN, 10, instance, 1000)));
    LAB.drops(DropReason.NO_LISTENER, frame.to(kind.vip(10), PORT));
  }

  @Test
  void theKeyAndTheSlotMayChange() {
    Announcements announcements = lan.announcements();
    announcements.configure(Lan.SLOT, 1, 2, Lan.FENCE);
    lan.withholds(frame(Kind.UDP4, Lan.tagged(hello(4, RUN, 10, instance, 1000))).bytes());
    announcements.configure(Lan.SLOT + 1, Lan.TAGS.key0(), Lan.TAGS.key1(), 77);
    lan.withholds(frame(Kind.UDP4, Lan.tagged(hello(4, RUN, 10, instance, 1000))).bytes());
    Hello hello = new Hello(false, FROM, Lan.SLOT + 1, 4, RUN, 10, 1, instance, 1000);
    reflects(Kind.UDP4, hello);
    is(1077, 4);
    assertThat(announcements.state().instance()).isEqualTo(instance);
    assertThat(Ip.parse(Kind.UDP4.balancer())).isIn(LAB.test().datapath().addresses());
  }
}
