// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Guards that seldom matter, each in the situation that it is for: node 0 of three, by hand. */
class AnnouncerTest {

  private static final Timing TIMING = Timing.DEFAULT;
  private static final Ip X = Ip.parse("203.0.113.1");
  private static final Ip Y = Ip.parse("203.0.113.2");
  private static final long INSTANCE = 9;

  private final DatapathModel datapath = new DatapathModel(INSTANCE, TIMING);
  private final List<Output> done = new ArrayList<>();

  /** What node 0 has told node 2. */
  private final Map<Ip, AddressState> told = new HashMap<>();

  /** Each other agent's run, and the version of its state. */
  private final long[] run = {0, 100, 200};

  private final long[] version = new long[3];
  private long now = 10_000;
  private Announcer agent = start();

  @Test
  void stateOfNoVersionIsNotTakenForApplied() {
    begin();
    done.clear();
    receive(new Message.State(1, 0, 1, 100, INSTANCE, now, 0, 0, 0, 5, false, List.of()));
    assertThat(done).noneMatch(Output.Accept.class::isInstance);
    receive(new Message.State(1, 0, 1, 100, INSTANCE, now, 0, 0, 5, 9, true, List.of()));
    assertThat(done).contains(new Output.Accept(1, 100, 9));
  }

  @Test
  void partsOfAStateMayComeInAnotherOrder() {
    begin();
    done.clear();
    receive(
        new Message.State(1, 0, 1, 100, INSTANCE, now, 0, 0, 5, 9, true, List.of(claim(X, 77))));
    assertThat(done).noneMatch(Output.Accept.class::isInstance);
    receive(new Message.State(1, 0, 1, 100, INSTANCE, now, 0, 0, 0, 5, false, List.of()));
    assertThat(done).contains(new Output.Accept(1, 100, 9));
    assertThat(told.get(X).supports(1, 77)).isTrue();
  }

  @Test
  void whatARunHasClaimedStandsUntilTheNextOneHasSaidAll() {
    begin();
    say(1, claim(X, 77));
    assertThat(told.get(X).supports(1, 77)).isTrue();
    now += 10;
    receive(
        new Message.State(1, 0, 1, 101, INSTANCE, now, 0, 0, 0, 3, false, List.of(claim(Y, 78))));
    perform(agent.eligible(now, Map.of(X, true)));
    assertThat(told.get(X).supports(1, 77)).isTrue();
    receive(new Message.State(1, 0, 1, 101, INSTANCE, now, 0, 0, 3, 4, true, List.of()));
    assertThat(told.get(X).supports(1, 77)).isFalse();
  }

  @Test
  void aRunThatIsOverIsNotHeardAnyMore() {
    begin();
    long early = now;
    pass(50);
    now += 10;
    run[1] = 101;
    version[1] = 0;
    say(1, claim(X, 77));
    assertThat(told.get(X).supports(1, 77)).isTrue();
    receive(new Message.State(1, 0, 1, 100, INSTANCE, early, 0, 0, 0, 9, true, List.of()));
    pass(100);
    assertThat(told.get(X).supports(1, 77)).isTrue();
  }

  @Test
  void aMessageForAnotherInstanceIsNotHeard() {
    begin();
    receive(
        new Message.State(
            1, 0, 1, 100, INSTANCE + 1, now, 0, 0, 0, 9, true, List.of(claim(X, 77))));
    assertThat(told).doesNotContainKey(X);
  }

  @Test
  void aClaimMadeAgainNeedsSupportAgain() {
    begin();
    perform(agent.eligible(now, Map.of(X, true)));
    pass(2_000);
    long first = datapath.claims().get(X).number();
    say(1, supports(X, first));
    assertThat(datapath.claims().get(X).supporters()).isEqualTo(0b11);
    assertThat(done).contains(new Output.Owner(X, true));
    perform(agent.eligible(now, Map.of(X, false)));
    assertThat(datapath.claims()).isEmpty();
    perform(agent.eligible(now, Map.of(X, true)));
    pass(2_000);
    long second = datapath.claims().get(X).number();
    assertThat(second).isNotEqualTo(first);
    assertThat(datapath.claims().get(X).supporters()).isEqualTo(0b1);
    say(1, supports(X, second));
    assertThat(datapath.claims().get(X).supporters()).isEqualTo(0b11);
  }

  @Test
  void theNextRunGoesOnWithWhatTheDatapathHas() {
    begin();
    perform(agent.eligible(now, Map.of(X, true)));
    pass(2_000);
    say(1, supports(X, datapath.claims().get(X).number()));
    Output.Claim claim = datapath.claims().get(X);
    agent = start();
    perform(agent.membership(now, membership(1, "node0", "node1", "node2")));
    pass(5_000);
    assertThat(datapath.claims().get(X))
        .as("before anybody says that it is eligible")
        .isEqualTo(claim);
    perform(agent.eligible(now, Map.of(X, false)));
    assertThat(datapath.claims()).isEmpty();
  }

  @Test
  void noEarlierMembershipIsTakenThanTheRunBeforeHad() {
    begin();
    perform(agent.membership(now, membership(5, "node0", "node1", "node2")));
    agent = start();
    done.clear();
    perform(agent.membership(now, membership(4, "node0", "node1")));
    receive(new Message.News(membership(4, "node0", "node1")));
    assertThat(done).isEmpty();
    receive(new Message.News(membership(5, "node0", "node1", "node2")));
    assertThat(done).contains(new Output.Vote(0, Long.MAX_VALUE, 5));
  }

  @Test
  void whoRemembersNothingAsksTheApiServer() {
    receive(new Message.News(membership(4, "node0", "node1")));
    assertThat(done).isEmpty();
  }

  @Test
  void supportOfWhoIsNoLongerMemberIsFreeOnlyWhenItsGrantsHaveRunOut() {
    begin();
    say(1, claim(X, 77));
    perform(agent.membership(now, membership(2, "node0", null, "node2")));
    say(2, claim(X, 88));
    pass(TIMING.grant() - 100);
    assertThat(told.get(X).supported()).isEqualTo(AddressState.NOBODY);
    pass(200);
    assertThat(told.get(X).supports(2, 88)).isTrue();

    done.clear();
    perform(agent.membership(now, membership(4, "node0", "node1", "node2")));
    pass(200);
    assertThat(done)
        .filteredOn(o -> o instanceof Output.SendHello h && h.hello().to() == 1)
        .isNotEmpty()
        .allMatch(o -> ((Output.SendHello) o).hello().withdrawn() > 0);
  }

  @Test
  void anEpochIsReachedWhenNoOlderGrantCounts() {
    begin();
    done.clear();
    perform(agent.membership(now, membership(2, "node0", "node1")));
    pass(TIMING.grant());
    assertThat(done).noneMatch(Output.Reached.class::isInstance);
    pass(100);
    assertThat(done).contains(new Output.Reached(2));
  }

  @Test
  void aFrozenAgentFirstLooksAround() {
    begin();
    say(1, claim(X, 77));
    perform(agent.eligible(now, Map.of(X, true)));
    now += 5_000;
    say(2);
    say(2, claim(X, 88));
    assertThat(told.get(X).supports(1, 77)).isTrue();
    assertThat(datapath.claims()).isEmpty();
  }

  @Test
  void theWitnessVoteCountsFromBeforeItWasAskedFor() {
    Seat seat = new Seat("node0", TIMING, 0);
    List<Output> out = new ArrayList<>();
    assertThat(seat.ask(true, 3, 1, now, out)).as("not known yet").isFalse();
    seat.observed(WitnessVote.NEVER_WRITTEN, now, out);
    assertThat(seat.ask(true, 3, 1, now, out)).isTrue();
    seat.observed(new WitnessVote(1, "node0", 3, 1), now + 400, out);
    assertThat(out)
        .containsExactly(
            new Output.AskWitness(new WitnessVote(1, "node0", 3, 1)),
            new Output.Vote(Membership.WITNESS, now + TIMING.witnessFence(), 3));
  }

  @Test
  void theWitnessVoteIsTakenOnlyWhenTheHolderCannotCountIt() {
    Seat seat = new Seat("node0", TIMING, 0);
    List<Output> out = new ArrayList<>();
    seat.observed(new WitnessVote(7, "node1", 3, 1), now, out);
    assertThat(seat.ask(true, 3, 2, now + TIMING.witness() - 1, out)).isFalse();
    seat.observed(new WitnessVote(6, "", 3, 9), now + TIMING.witness() - 1, out);
    assertThat(seat.ask(true, 2, 2, now + TIMING.witness(), out)).as("an older epoch").isFalse();
    assertThat(seat.ask(true, 3, 2, now + TIMING.witness(), out)).isTrue();
    assertThat(out).containsExactly(new Output.AskWitness(new WitnessVote(8, "node0", 3, 2)));
  }

  @Test
  void theDatapathCountsWhatItMay() {
    DatapathModel model = new DatapathModel(INSTANCE, TIMING);
    model.write(new Output.Count(5, 2, 0b011));
    model.write(new Output.Vote(0, Long.MAX_VALUE, 5));
    model.write(new Output.Claim(X, 0b111, 1));
    model.write(new Output.Accept(1, 100, 7));
    model.write(new Output.Accept(2, 200, 7));
    assertThat(countsAfter(model, new Hello(false, 1, 0, 5, 101, 7, 0, INSTANCE, now))).isFalse();
    assertThat(countsAfter(model, new Hello(false, 1, 0, 5, 100, 8, 0, INSTANCE, now))).isFalse();
    assertThat(countsAfter(model, new Hello(false, 1, 0, 5, 100, 7, 0, 8, now))).isFalse();
    assertThat(countsAfter(model, new Hello(false, 1, 0, 4, 100, 7, 0, INSTANCE, now))).isFalse();
    assertThat(countsAfter(model, new Hello(false, 2, 0, 5, 200, 7, 0, INSTANCE, now)))
        .as("a vote of no member")
        .isFalse();
    long old = now - TIMING.fence();
    assertThat(countsAfter(model, new Hello(false, 1, 0, 6, 100, 7, 0, INSTANCE, old))).isFalse();
    assertThat(countsAfter(model, new Hello(false, 1, 0, 6, 100, 7, 0, INSTANCE, old + 1)))
        .isTrue();
    assertThat(countsAfter(model, new Hello(false, 1, 0, 7, 100, 7, 0, INSTANCE, now))).isFalse();
    model.write(new Output.Vote(0, Long.MAX_VALUE, 6));
    model.write(new Output.Count(6, 2, 0b011));
    assertThat(model.answers(X, now)).isTrue();
  }

  private boolean countsAfter(DatapathModel model, Hello hello) {
    model.write(new Output.Vote(hello.from(), 0, 0));
    assertThat(model.receive(hello, now)).isEqualTo(hello.reflect(INSTANCE, now));
    return model.answers(X, now);
  }

  // --- by hand

  private Announcer start() {
    return new Announcer("node0", 1_000_000 + now, TIMING, datapath.state(), now);
  }

  /** Node 0 has its membership, and has heard of the others. */
  private void begin() {
    perform(agent.membership(now, membership(1, "node0", "node1", "node2")));
    pass(TIMING.grant() + 200);
  }

  private static Membership membership(long epoch, String... names) {
    List<Member> members = new ArrayList<>();
    for (int slot = 0; slot < names.length; slot++) {
      if (names[slot] != null) {
        members.add(new Member(slot, names[slot], Ip.parse("198.51.100." + slot)));
      }
    }
    return new Membership(epoch, true, members, false);
  }

  private static AddressState claim(Ip ip, long number) {
    return new AddressState(ip, true, true, number, AddressState.NOBODY, 0);
  }

  private static AddressState supports(Ip ip, long number) {
    return new AddressState(ip, false, false, 0, 0, number);
  }

  /** Time goes by; the other datapaths answer and the other agents are heard. */
  private void pass(long millis) {
    for (long end = now + millis; now < end; ) {
      now += 50;
      perform(agent.tick(now, datapath));
      say(1);
      say(2);
    }
  }

  /** A new version of another agent's state. */
  private void say(int from, AddressState... changes) {
    long since = version[from];
    version[from] += changes.length;
    receive(
        new Message.State(
            from,
            0,
            1,
            run[from],
            INSTANCE,
            now,
            0,
            0,
            since,
            version[from],
            true,
            List.of(changes)));
  }

  private void receive(Message message) {
    perform(agent.received(now, message));
  }

  private void perform(List<Output> outputs) {
    for (Output output : outputs) {
      done.add(output);
      datapath.write(output);
      if (output instanceof Output.SendHello hello) {
        Hello reflection = hello.hello().reflect(hello.hello().to(), 20_000 + now);
        perform(agent.reflected(now, reflection));
      } else if (output instanceof Output.Send send
          && send.to() == 2
          && send.message() instanceof Message.State state) {
        state.changes().forEach(change -> told.put(change.address(), change));
      }
    }
  }
}
