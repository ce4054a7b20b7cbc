// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PlannerTest {

  private static final VipKey KEY = new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, 80);
  private static final BackendKey A = key(1);
  private static final BackendKey B = key(2);
  private static final BackendKey C = key(3);
  private static final Access CLOSED =
      Access.from(List.of(Cidr.parse("198.51.100.0/24")), UnavailablePolicy.DROP);
  private static final long NOW = 1_000_000;

  @Test
  void newVipIsMadeBackendsFirstThenRingThenEntry() {
    Vip vip = vip(new Backend(A, 1, 0), new Backend(B, 0, 300));
    assertThat(plan(vip, null))
        .containsExactly(
            new Operation.AddBackend(KEY, A, true, 0, Delivery.NAT),
            new Operation.AddBackend(KEY, B, false, 300, Delivery.NAT),
            new Operation.SetRing(KEY, Ring.of(vip)),
            new Operation.AddVip(KEY, 0, Access.OPEN));
  }

  @Test
  void vipWithoutTakersHasNoRing() {
    assertThat(plan(vip(new Backend(A, 0, 0)), null))
        .containsExactly(
            new Operation.AddBackend(KEY, A, false, 0, Delivery.NAT),
            new Operation.AddVip(KEY, 0, Access.OPEN));
    assertThat(plan(vip(), null)).containsExactly(new Operation.AddVip(KEY, 0, Access.OPEN));
  }

  @Test
  void whatIsAsDesiredNeedsNothing() {
    Vip vip = vip(new Backend(A, 1, 0), new Backend(B, 3, 300));
    assertThat(plan(vip, programmed(vip))).isEmpty();
    assertThat(plan(null, null)).isEmpty();
    assertThat(plan(null, ProgrammedVip.absent(KEY))).isEmpty();
  }

  @Test
  void removedVipGoesFirstAndTakesItsDrainingBackendsAlong() {
    ProgrammedVip draining = programmed(vip(new Backend(A, 1, 0), new Backend(B, 1, 300)));
    draining = after(draining, plan(vip(new Backend(A, 1, 0)), draining));
    assertThat(plan(null, draining))
        .containsExactly(
            new Operation.RemoveVip(KEY),
            new Operation.RemoveBackend(KEY, A),
            new Operation.RemoveBackend(KEY, B));
  }

  @Test
  void backendWithoutDrainTimeIsRemovedAfterTheRingHasForgottenIt() {
    Vip then = vip(new Backend(B, 1, 0));
    assertThat(plan(then, programmed(vip(new Backend(A, 1, 0), new Backend(B, 1, 0)))))
        .containsExactly(
            new Operation.SetRing(KEY, Ring.of(then)), new Operation.RemoveBackend(KEY, A));
  }

  @Test
  void backendWithDrainTimeDrainsAndIsRemovedWhenDue() {
    Vip then = vip(new Backend(B, 1, 0));
    ProgrammedVip programmed = programmed(vip(new Backend(A, 1, 300), new Backend(B, 1, 0)));
    List<Operation> plan = plan(then, programmed);
    assertThat(plan)
        .containsExactly(
            new Operation.SetRing(KEY, Ring.of(then)),
            new Operation.DrainBackend(KEY, A, NOW + 300));
    assertThat(Planner.nextDeadline(programmed)).isEmpty();
    ProgrammedVip draining = after(programmed, plan);
    assertThat(Planner.nextDeadline(draining)).hasValue(NOW + 300);
    assertThat(plan(then, draining, NOW + 299)).as("before it is due").isEmpty();
    assertThat(plan(then, draining, NOW + 300))
        .containsExactly(new Operation.RemoveBackend(KEY, A));
  }

  @Test
  void backendThatComesBackWhileDrainingIsPutBackBeforeTheRing() {
    Vip both = vip(new Backend(A, 1, 300), new Backend(B, 1, 0));
    ProgrammedVip draining = programmed(both);
    draining = after(draining, plan(vip(new Backend(B, 1, 0)), draining));
    assertThat(plan(both, draining))
        .containsExactly(
            new Operation.UpdateBackend(KEY, A, true, 300, Delivery.NAT),
            new Operation.SetRing(KEY, Ring.of(both)));
  }

  @Test
  void backendThatStopsTakingFlowsLeavesTheRingFirst() {
    Vip then = vip(new Backend(A, 0, 0), new Backend(B, 1, 0));
    assertThat(plan(then, programmed(vip(new Backend(A, 1, 0), new Backend(B, 1, 0)))))
        .containsExactly(
            new Operation.SetRing(KEY, Ring.of(then)),
            new Operation.UpdateBackend(KEY, A, false, 0, Delivery.NAT));
  }

  @Test
  void weightAloneChangesTheRingAlone() {
    Vip then = vip(new Backend(A, 1, 0), new Backend(B, 3, 0));
    assertThat(plan(then, programmed(vip(new Backend(A, 1, 0), new Backend(B, 1, 0)))))
        .containsExactly(new Operation.SetRing(KEY, Ring.of(then)));
  }

  @Test
  void anotherDeliveryUpdatesTheBackendInPlace() {
    Delivery viaNode = Delivery.pod(Ip.parse("198.51.100.1"));
    assertThat(plan(vip(new Backend(A, 1, 0, viaNode)), programmed(vip(new Backend(A, 1, 0)))))
        .containsExactly(new Operation.UpdateBackend(KEY, A, true, 0, viaNode));
  }

  @Test
  void drainingBackendKeepsItsDelivery() {
    Delivery viaNode = Delivery.pod(Ip.parse("198.51.100.1"));
    ProgrammedVip both = programmed(vip(new Backend(A, 1, 300, viaNode), new Backend(B, 1, 0)));
    ProgrammedVip draining = after(both, plan(vip(new Backend(B, 1, 0)), both));
    assertThat(draining.backends().get(A))
        .isEqualTo(new ProgrammedBackend(false, 300, NOW + 300, viaNode));
  }

  /** A block that is taken out must not see one more flow than it has to. */
  @Test
  void accessOfALiveVipChangesBeforeAllElse() {
    ProgrammedVip open = programmed(vip(new Backend(A, 1, 0)));
    Vip closed = new Vip(KEY, 1009, 60, CLOSED, List.of(new Backend(B, 1, 0)));
    assertThat(plan(closed, open))
        .containsExactly(
            new Operation.UpdateVip(KEY, 60, CLOSED),
            new Operation.AddBackend(KEY, B, true, 0, Delivery.NAT),
            new Operation.SetRing(KEY, Ring.of(closed)),
            new Operation.RemoveBackend(KEY, A));
    assertThat(plan(closed, after(open, plan(closed, open)))).isEmpty();
  }

  @Test
  void newVipIsPublishedWithItsAccess() {
    Vip closed = new Vip(KEY, 0, 60, CLOSED, List.of());
    assertThat(plan(closed, null)).containsExactly(new Operation.AddVip(KEY, 60, CLOSED));
  }

  @Test
  void accessOfAVipWithoutEntryIsRefused() {
    assertThatThrownBy(
            () -> ProgrammedVip.absent(KEY).after(new Operation.UpdateVip(KEY, 0, CLOSED)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the VIP has no entry");
  }

  @Test
  void anotherVipIsRefused() {
    VipKey other = new VipKey(KEY.address(), Protocol.UDP, 80);
    assertThatThrownBy(() -> plan(vip(), ProgrammedVip.absent(other)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("UDP 203.0.113.10:80");
  }

  /**
   * Any sequence of desired states, each plan cut off anywhere and made anew, ends as desired, and
   * at no moment does a packet find a slot without a backend that takes new flows.
   */
  @Test
  void anySequenceEndsAsDesiredAndIsWholeAtEachStep() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int drains = 0;
    for (int round = 0; round < 300; round++) {
      FakeKernel kernel = new FakeKernel("seed " + seed);
      Optional<ProgrammedVip> programmed = Optional.empty();
      long now = NOW;
      for (int step = 0; step < 15; step++) {
        Optional<Vip> desired = randomVip(random);
        now += random.nextInt(40);
        List<Operation> plan = Planner.plan(desired, programmed, now);
        if (random.nextInt(3) == 0) {
          plan = plan.subList(0, random.nextInt(plan.size() + 1));
          programmed = execute(plan, kernel, programmed);
          plan = Planner.plan(desired, programmed, now);
        }
        programmed = execute(plan, kernel, programmed);
        kernel.assertHolds(desired, programmed, now);
        assertThat(Planner.plan(desired, programmed, now)).as("seed %d", seed).isEmpty();
        drains += kernel.draining();
      }
    }
    assertThat(drains).as("seed %d: backends drained", seed).isPositive();
  }

  private static Optional<ProgrammedVip> execute(
      List<Operation> plan, FakeKernel kernel, Optional<ProgrammedVip> programmed) {
    ProgrammedVip state = programmed.orElse(ProgrammedVip.absent(KEY));
    for (Operation operation : plan) {
      kernel.execute(operation);
      state = state.after(operation);
    }
    return state.isAbsent() ? Optional.empty() : Optional.of(state);
  }

  private static Optional<Vip> randomVip(Random random) {
    if (random.nextInt(8) == 0) {
      return Optional.empty();
    }
    List<Backend> backends = new ArrayList<>();
    for (int i = 1; i <= 6; i++) {
      if (random.nextBoolean()) {
        Delivery delivery =
            random.nextInt(3) == 0 ? Delivery.pod(Ip.parse("198.51.100.1")) : Delivery.NAT;
        backends.add(
            new Backend(key(i), random.nextInt(3), random.nextBoolean() ? 0 : 30, delivery));
      }
    }
    return Optional.of(
        new Vip(
            KEY,
            Maglev.sizeFor(backends.stream().mapToLong(Backend::weight).sum()),
            60 * random.nextInt(2),
            random.nextBoolean() ? CLOSED : Access.OPEN,
            backends));
  }

  private static List<Operation> plan(Vip desired, ProgrammedVip programmed) {
    return plan(desired, programmed, NOW);
  }

  private static List<Operation> plan(Vip desired, ProgrammedVip programmed, long now) {
    return Planner.plan(Optional.ofNullable(desired), Optional.ofNullable(programmed), now);
  }

  private static ProgrammedVip programmed(Vip vip) {
    return after(ProgrammedVip.absent(KEY), plan(vip, null));
  }

  private static ProgrammedVip after(ProgrammedVip programmed, List<Operation> plan) {
    for (Operation operation : plan) {
      programmed = programmed.after(operation);
    }
    return programmed;
  }

  static Vip vip(Backend... backends) {
    List<Backend> all = List.of(backends);
    return new Vip(KEY, Maglev.sizeFor(all.stream().mapToLong(Backend::weight).sum()), all);
  }

  private static BackendKey key(int number) {
    return new BackendKey(Ip.parse("10.0.0." + number), 8080);
  }
}
