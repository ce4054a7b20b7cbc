// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.announce.DatapathState;
import io.xdplb.core.announce.Hello;
import io.xdplb.core.announce.Output;
import io.xdplb.core.announce.WitnessVote;
import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which votes count, and what an agent writes and finds. */
@RequiresBpf
class AnnouncementsTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final String VIP4 = "203.0.113.10";
  private static final String VIP6 = "2001:db8:0:2:0:0:0:a";
  private static final String CLIENT6 = "2001:db8:0:1:0:0:0:aa";
  private static final byte[] REQUEST = Lan.request("198.51.100.10", VIP4);
  private static final long FAR = 1000;
  private static final int WITNESS = 63;

  private AnnounceLab lan;
  private Announcements announcements;

  @BeforeEach
  void open() {
    lan = new AnnounceLab(LAB);
    announcements = lan.announcements();
  }

  @AfterEach
  void close() {
    lan.close();
  }

  private void claim(long supporters) {
    announcements.write(new Output.Claim(Ip.parse(VIP4), supporters, 7));
  }

  private void vote(int slot, long until, long epoch) {
    announcements.write(new Output.Vote(slot, until, epoch));
  }

  private boolean answers() {
    XdpAction action = LAB.run(REQUEST).action();
    assertThat(action).isIn(XdpAction.TX, XdpAction.DROP);
    return action == XdpAction.TX;
  }

  private static long bits(int... slots) {
    long mask = 0;
    for (int slot : slots) {
      mask |= 1L << slot;
    }
    return mask;
  }

  @ParameterizedTest
  @CsvSource({"-1, false", "0, true", "1, true", "2, false", "-2, false", "1000, false"})
  void votesOfThisEpochAndTheNextCount(long ahead, boolean count) {
    for (long epoch : new long[] {5, 1L << 40}) {
      claim(bits(0));
      announcements.write(new Output.Count(epoch, 1, bits(0)));
      vote(0, Lan.now() + FAR, epoch + ahead);
      assertThat(answers()).isEqualTo(count);
    }
  }

  @Test
  void votesCountUntilTheyRunOut() {
    claim(bits(1));
    announcements.write(new Output.Count(1, 1, bits(1)));
    long until = Lan.now() + 200;
    vote(1, until, 1);
    boolean answered = true;
    long latest = 0;
    long firstRefused = Long.MAX_VALUE;
    for (long now = Lan.now(); now < until + 100; now = Lan.now()) {
      answered = answers();
      long after = Lan.now();
      if (answered) {
        latest = now; // it was answered then or later
      } else {
        firstRefused = Math.min(firstRefused, after); // it was refused then or earlier
      }
      LockSupport.parkNanos(100_000);
    }
    assertThat(answered).isFalse();
    assertThat(latest).isBetween(until - 50, until - 1);
    assertThat(firstRefused).isBetween(until, until + 50);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 31, 32, 33, 62})
  void eachSlotHasOneVote(int slot) {
    for (int other = 0; other < 63; other++) {
      vote(other, other == slot ? Lan.now() + FAR : Lan.now() - 1, 1);
    }
    announcements.write(new Output.Count(1, 1, -1));
    claim(-1);
    assertThat(answers()).isTrue();
    claim(~bits(slot));
    assertThat(answers()).isFalse();
    claim(bits(slot));
    assertThat(answers()).isTrue();
    announcements.write(new Output.Count(1, 2, -1));
    assertThat(answers()).isFalse();
    announcements.write(new Output.Count(1, 1, ~bits(slot)));
    assertThat(answers()).isFalse();
  }

  @Test
  void asManyAsTheQuorum() {
    for (int votes = 0; votes <= 63; votes++) {
      for (int slot = 0; slot < 63; slot++) {
        vote(slot, slot < votes ? Long.MAX_VALUE : 0, 9);
      }
      claim(-1);
      for (int quorum : new int[] {1, 2, 32, 63}) {
        announcements.write(new Output.Count(9, quorum, ~bits(WITNESS)));
        assertThat(answers()).as("%d of %d", votes, quorum).isEqualTo(votes >= quorum);
      }
    }
  }

  /** Its vote is for all that its holder claims. */
  @Test
  void theWitnessSupportsAll() {
    claim(bits(0));
    announcements.write(new Output.Count(1, 2, bits(0, 1, WITNESS)));
    vote(0, Long.MAX_VALUE, 1);
    assertThat(answers()).isFalse();
    vote(WITNESS, Lan.now() + FAR, 1);
    assertThat(answers()).isTrue();
    announcements.write(new Output.Count(1, 2, bits(0, 1)));
    assertThat(answers()).isFalse();
    announcements.write(new Output.Count(1, 2, bits(0, 1, WITNESS)));
    vote(WITNESS, Lan.now() - 1, 1);
    assertThat(answers()).isFalse();
    assertThat(announcements.until(WITNESS)).isPositive();
  }

  @Test
  void aHellosVoteCounts() {
    long instance = announcements.state().instance();
    claim(bits(5));
    announcements.write(new Output.Count(1, 1, bits(5)));
    assertThat(answers()).isFalse();
    announcements.write(new Output.Accept(5, 77, 0));
    Hello hello = new Hello(false, 5, Lan.SLOT, 1, 77, 0, 0, instance, Lan.now());
    LAB.sent(hello(hello));
    assertThat(answers()).isTrue();
  }

  private static Frame hello(Hello hello) {
    Kind kind = Kind.UDP4;
    return Frame.udp(kind.backend(3), 40_001, kind.balancer(), Announcements.HELLO_PORT)
        .payload(Lan.tagged(hello));
  }

  /** Where nothing was ever written nobody is answered, whatever is claimed. */
  @Test
  void newMapsAnswerNobody() {
    TestDatapath fresh =
        TestDatapath.open(
            new Host(LAB.netns(), "lb", "lo", Kind.TCP4.balancer(), Kind.TCP6.balancer()),
            DatapathConfig.AttachPreference.GENERIC);
    try (fresh;
        Announcements none = Announcements.open(fresh.pinPath())) {
      DatapathState state = none.state();
      assertThat(state)
          .isEqualTo(
              new DatapathState(
                  state.instance(), 0, new Output.Count(0, 1, 0), Map.of(), Map.of(), 0));
      assertThat(state.instance()).isNotZero().isNotEqualTo(announcements.state().instance());
      none.write(Lan.claim(VIP4));
      none.write(new Output.Claim(Ip.parse("203.0.113.11"), -1, 7));
      TestRun request = TestRun.on(REQUEST).receivedOn(lan.ifindex(), 0);
      assertThat(fresh.datapath().program().testRun(request).action()).isEqualTo(XdpAction.PASS);
      none.ports(List.of(new LanPort(lan.ifindex(), 0, Lan.mac(Lan.PORT_MAC))));
      assertThat(fresh.datapath().program().testRun(request).action()).isEqualTo(XdpAction.PASS);
      Hello hello = new Hello(false, 5, 0, 1, 0, 0, 0, state.instance(), 1);
      TestRun run = TestRun.on(hello(hello).bytes()).receivedOn(lan.ifindex(), 0);
      assertThat(fresh.datapath().program().testRun(run).action()).isEqualTo(XdpAction.PASS);
      none.configure(Lan.SLOT, Lan.TAGS.key0(), Lan.TAGS.key1(), Lan.FENCE);
      none.write(new Output.Vote(Lan.SLOT, Long.MAX_VALUE, 1));
      // nobody has said yet how many are enough
      assertThat(fresh.datapath().program().testRun(request).action()).isEqualTo(XdpAction.DROP);
    }
  }

  @Test
  void aLaterAgentFindsWhatWasThere() {
    announcements.write(new Output.Claim(Ip.parse(VIP4), 0x8000_0000_0000_0005L, -7));
    announcements.write(new Output.Claim(Ip.parse(VIP6), 6, 8));
    announcements.answerOn(Ip.parse(VIP6), 0b10);
    announcements.write(new Output.Accept(4, 44, 5));
    announcements.write(new Output.Accept(62, -1, 5));
    announcements.write(new Output.Accept(7, 70, 5));
    announcements.write(new Output.Accept(7, 0, 0));
    vote(WITNESS, 123_456, 8);
    vote(WITNESS, 123_457, 6);
    announcements.write(new Output.Count(9, 2, bits(1, 2, WITNESS)));
    DatapathState expected =
        new DatapathState(
            announcements.state().instance(),
            8,
            new Output.Count(9, 2, bits(1, 2, WITNESS)),
            Map.of(
                Ip.parse(VIP4),
                new Output.Claim(Ip.parse(VIP4), 0x8000_0000_0000_0005L, -7),
                Ip.parse(VIP6),
                new Output.Claim(Ip.parse(VIP6), 6, 8)),
            Map.of(4, 44L, 62, -1L),
            123_457);
    assertThat(announcements.state()).isEqualTo(expected);
    LAB.test().reopen();
    try (Announcements later = Announcements.open(LAB.test().pinPath())) {
      assertThat(later.state()).isEqualTo(expected);
      assertThat(later.epoch(WITNESS)).isEqualTo(6);
      // it answers where the former one did
      later.write(new Output.Count(9, 1, -1));
      vote(1, Long.MAX_VALUE, 9);
      LAB.program(Kind.TCP6.vipOf(1));
      later.write(new Output.Claim(Ip.parse(VIP6), 2, 8));
      byte[] asked = Lan.solicitation(CLIENT6, VIP6).bytes();
      LAB.passes(asked);
      later.answerOn(Ip.parse(VIP6), Announcements.ALL_PORTS);
      lan.answers(Lan.advertisement(VIP6, CLIENT6).bytes(), asked);
    }
  }

  @Test
  void familiesAreDifferentAddresses() {
    // the same words: 203.0.113.10 and cb00:710a::
    lan.claim("cb00:710a:0:0:0:0:0:0");
    LAB.passes(REQUEST);
    lan.claim(VIP4);
    assertThat(answers()).isTrue();
    lan.unclaim("cb00:710a:0:0:0:0:0:0");
    assertThat(answers()).isTrue();
  }

  @Test
  void badInputIsRefused() {
    for (Output output :
        List.of(
            new Output.Reached(1),
            new Output.Owner(Ip.parse(VIP4), true),
            new Output.AskWitness(new WitnessVote(1, "a", 2, 3)),
            new Output.Vote(64, 1, 1),
            new Output.Vote(-1, 1, 1),
            new Output.Accept(63, 1, 1),
            new Output.Count(1, 0, 1))) {
      assertThatThrownBy(() -> announcements.write(output))
          .as("%s", output)
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> announcements.configure(63, 0, 0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("slot 63, fence 1 ms");
    assertThatThrownBy(() -> announcements.configure(0, 0, 0, 0))
        .isInstanceOf(IllegalArgumentException.class);
    LanPort port = new LanPort(1, 0, new byte[6]);
    assertThatThrownBy(() -> announcements.ports(List.of(port, new LanPort(1, 0, new byte[6]))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two LAN ports on one LAN");
    List<LanPort> many = new ArrayList<>();
    for (int vlan = 0; vlan < 65; vlan++) {
      many.add(new LanPort(1, vlan, new byte[6]));
    }
    assertThatThrownBy(() -> announcements.ports(many))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("65 LAN ports, and there can be 64");
    announcements.ports(many.subList(0, 64));
    announcements.ports(many.subList(1, 65)); // all others
    assertThatThrownBy(() -> new LanPort(1, 4095, new byte[6]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("VLAN 4095");
    assertThatThrownBy(() -> Announcements.open(Path.of("/sys/fs/bpf/xdplb-test-none")))
        .isInstanceOf(DatapathException.class)
        .hasMessageContaining("open the datapath first");
  }

  @Test
  void noMoreClaimsThanThereIsRoomFor() {
    List<Ip> addresses = new ArrayList<>();
    for (int i = 0; i < 1024; i++) { // the lab's --max-vips
      addresses.add(new Ip(0x2001_0db8_0000_0000L, i, false));
      announcements.write(new Output.Claim(addresses.get(i), 1, i));
    }
    assertThat(announcements.state().claims()).hasSize(1024);
    assertThatThrownBy(() -> lan.claim(VIP4))
        .isInstanceOf(DatapathException.class)
        .hasMessageContaining("raise --max-vips")
        .extracting(e -> ((DatapathException) e).reason())
        .isEqualTo(DatapathException.Reason.MapFull);
    announcements.write(
        new Output.Claim(addresses.get(3), 2, 3)); // those that are there may change
    announcements.write(new Output.Unclaim(addresses.get(4)));
    lan.claim(VIP4);
    assertThat(answers()).isTrue();
  }

  /**
   * By neither of two counts the votes suffice; with the epoch of one and the members of the other
   * they do.
   */
  @Test
  void countsAreReplacedAsAWhole() throws Exception {
    claim(-1);
    vote(0, Long.MAX_VALUE, 1);
    vote(1, Long.MAX_VALUE, 100);
    List<Output> counts =
        List.of(new Output.Count(1, 1, bits(1)), new Output.Count(100, 1, bits(0)));
    announcements.write(counts.get(0));
    AnnounceCounts before = announcements.counts();
    AtomicBoolean ended = new AtomicBoolean();
    FutureTask<Void> writing =
        new FutureTask<>(
            () -> {
              while (!ended.get()) {
                counts.forEach(announcements::write);
              }
              return null;
            });
    new Thread(writing, "writer").start();
    try {
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
      TestRun requests = TestRun.on(REQUEST).receivedOn(lan.ifindex(), 0).times(1000);
      while (System.nanoTime() < end) {
        LAB.test().datapath().program().testRun(requests);
      }
    } finally {
      ended.set(true);
    }
    writing.get();
    AnnounceCounts after = announcements.counts();
    assertThat(after.arpAnswered()).isEqualTo(before.arpAnswered());
    assertThat(after.arpWithheld()).isGreaterThan(before.arpWithheld() + 10_000);
  }

  // ---- the same as the protocol's model

  /** The pseudo-code in docs/announcing.md. */
  private static final class Model {
    final long instance;
    final Map<Ip, Output.Claim> claims = new HashMap<>();
    final long[] run = new long[64];
    final long[] applied = new long[64];
    final long[] until = new long[64];
    final long[] epoch = new long[64];
    Output.Count count;

    Model(Announcements announcements) {
      instance = announcements.state().instance();
      count = announcements.state().config();
      for (int slot = 0; slot < 64; slot++) {
        until[slot] = announcements.until(slot);
        epoch[slot] = announcements.epoch(slot);
      }
    }

    void receive(Hello hello) {
      int from = hello.from();
      if (hello.instance() == instance
          && hello.run() == run[from]
          && hello.withdrawn() <= applied[from]) {
        epoch[from] = Math.max(epoch[from], hello.epoch());
        until[from] = Math.max(until[from], hello.seen() + Lan.FENCE);
      }
    }

    XdpAction answers(Ip address, long now) {
      Output.Claim claim = claims.get(address);
      if (claim == null) {
        return XdpAction.PASS;
      }
      int votes = 0;
      for (int slot = 0; slot < 64; slot++) {
        boolean supports = slot == WITNESS || (claim.supporters() >> slot & 1) != 0;
        long ahead = epoch[slot] - count.epoch();
        if (supports
            && (count.members() >> slot & 1) != 0
            && until[slot] > now
            && (ahead == 0 || ahead == 1)) {
          votes++;
        }
      }
      return votes >= count.quorum() ? XdpAction.TX : XdpAction.DROP;
    }

    void write(Output output) {
      if (output instanceof Output.Claim claim) {
        claims.put(claim.address(), claim);
      } else if (output instanceof Output.Unclaim unclaim) {
        claims.remove(unclaim.address());
      } else if (output instanceof Output.Accept accept) {
        run[accept.slot()] = accept.run();
        applied[accept.slot()] = accept.applied();
      } else if (output instanceof Output.Count newCount) {
        count = newCount;
      } else if (output instanceof Output.Vote vote) {
        until[vote.slot()] = vote.until();
        epoch[vote.slot()] = vote.epoch();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void theKernelDoesWhatTheModelDoes(long seed) {
    Random random = new Random(seed);
    Model model = new Model(announcements);
    LAB.program(Kind.TCP6.vipOf(1));
    int[] slots = {0, 1, 2, Lan.SLOT, 30, 31, 32, 62};
    Map<XdpAction, Integer> seen = new HashMap<>();
    for (int step = 0; step < 3000; step++) {
      int slot = slots[random.nextInt(slots.length)];
      long now = Lan.now();
      long epoch = 1 + random.nextInt(4);
      // nothing runs out in the next seconds, as the kernel's instant is not known to the
      // millisecond
      long time = now + (random.nextInt(3) == 0 ? -1000 : 20_000) + random.nextInt(500);
      Ip address = Ip.parse(random.nextBoolean() ? VIP4 : VIP6);
      long some = random.nextLong() | (random.nextBoolean() ? random.nextLong() : 0);
      Output output =
          switch (random.nextInt(14)) {
            case 0 -> new Output.Unclaim(address);
            case 1, 2 -> new Output.Claim(address, some, step);
            case 3 -> new Output.Count(epoch, 1 + random.nextInt(4), some);
            case 4 -> new Output.Vote(random.nextInt(64), time, epoch);
            case 5 -> new Output.Accept(slot, random.nextInt(3), random.nextInt(4));
            default -> null;
          };
      if (output != null) {
        announcements.write(output);
        model.write(output);
      } else {
        Hello hello =
            new Hello(
                false,
                slot,
                Lan.SLOT,
                epoch,
                random.nextInt(3),
                random.nextInt(4),
                now,
                random.nextInt(8) == 0 ? random.nextLong() : model.instance,
                time - Lan.FENCE);
        LAB.sent(hello(hello));
        model.receive(hello);
      }
      for (int i = 0; i < 64; i++) {
        assertThat(announcements.until(i))
            .as("step %d, slot %d", step, i)
            .isEqualTo(model.until[i]);
        assertThat(announcements.epoch(i))
            .as("step %d, slot %d", step, i)
            .isEqualTo(model.epoch[i]);
      }
      XdpAction expected4 = model.answers(Ip.parse(VIP4), Lan.now());
      assertThat(LAB.run(REQUEST).action()).as("step %d", step).isEqualTo(expected4);
      seen.merge(expected4, 1, Integer::sum);
      assertThat(announcements.answers(Ip.parse(VIP4), Lan.now()))
          .isEqualTo(expected4 == XdpAction.TX);
      XdpAction expected6 = model.answers(Ip.parse(VIP6), Lan.now());
      byte[] asked = Lan.solicitation(CLIENT6, VIP6).bytes();
      assertThat(LAB.run(asked).action()).as("step %d", step).isEqualTo(expected6);
    }
    assertThat(seen).containsKeys(XdpAction.PASS, XdpAction.DROP, XdpAction.TX);
    assertThat(seen.values()).allMatch(times -> times > 100);
  }
}
