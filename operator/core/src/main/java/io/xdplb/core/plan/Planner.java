// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.plan;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What to do so that one VIP is programmed as desired.
 *
 * <p>The order is the one that a packet needs: backends before the ring that names them, the ring
 * before the VIP that refers to it, and the reverse on removal; who may use a VIP that is there
 * already is changed before all else. Between any two operations each slot of the ring names a
 * backend that has an entry and takes new flows. A plan that was interrupted is continued by making
 * a new one from what is programmed by then.
 */
public final class Planner {

  private Planner() {}

  /**
   * Makes a plan.
   *
   * @param desired the VIP as it should be; empty to remove it with all flows, at once
   * @param programmed the same VIP as it is; empty if nothing of it is programmed
   * @param nowSeconds the time, never 0 or less, by any clock that goes on after a restart of the
   *     caller; the drain deadlines in {@code programmed} are of the same clock
   * @return in the order of execution; empty if there is nothing to do
   * @throws IllegalArgumentException if the two are different VIPs, or the desired ring size does
   *     not fit the backends
   */
  public static List<Operation> plan(
      Optional<Vip> desired, Optional<ProgrammedVip> programmed, long nowSeconds) {
    if (desired.isEmpty()) {
      return programmed.map(Planner::removal).orElse(List.of());
    }
    Vip vip = desired.get();
    ProgrammedVip now = programmed.orElseGet(() -> ProgrammedVip.absent(vip.key()));
    if (!now.key().equals(vip.key())) {
      throw new IllegalArgumentException(now.key() + " is programmed, not " + vip.key());
    }
    return change(vip, now, nowSeconds);
  }

  /** When the next draining backend of a VIP is due for removal: a plan is to be made then. */
  public static OptionalLong nextDeadline(ProgrammedVip programmed) {
    return programmed.backends().values().stream()
        .filter(ProgrammedBackend::isDraining)
        .mapToLong(ProgrammedBackend::drainUntilSeconds)
        .min();
  }

  private static List<Operation> removal(ProgrammedVip programmed) {
    List<Operation> plan = new ArrayList<>();
    if (programmed.hasEntry() || programmed.hasRing()) {
      plan.add(new Operation.RemoveVip(programmed.key()));
    }
    for (BackendKey backend : programmed.backends().keySet().stream().sorted().toList()) {
      plan.add(new Operation.RemoveBackend(programmed.key(), backend));
    }
    return plan;
  }

  private static List<Operation> change(Vip vip, ProgrammedVip programmed, long nowSeconds) {
    VipKey key = vip.key();
    List<Operation> beforeRing = new ArrayList<>();
    List<Operation> afterRing = new ArrayList<>();
    Map<BackendKey, ProgrammedBackend> leaving = new HashMap<>(programmed.backends());
    for (Backend backend : vip.backends()) {
      ProgrammedBackend is = leaving.remove(backend.key());
      boolean takes = backend.weight() > 0;
      int drainSeconds = backend.drainSeconds();
      Delivery delivery = backend.delivery();
      if (is == null) {
        beforeRing.add(new Operation.AddBackend(key, backend.key(), takes, drainSeconds, delivery));
      } else if (!is.equals(new ProgrammedBackend(takes, drainSeconds, 0, delivery))) {
        // The ring may name a backend only while it takes new flows.
        (takes ? beforeRing : afterRing)
            .add(new Operation.UpdateBackend(key, backend.key(), takes, drainSeconds, delivery));
      }
    }
    leaving.entrySet().stream()
        .sorted(Map.Entry.comparingByKey(Comparator.naturalOrder()))
        .forEach(entry -> leave(key, entry.getKey(), entry.getValue(), nowSeconds, afterRing));

    List<Operation> plan = new ArrayList<>();
    if (programmed.hasEntry() && !hasSettings(programmed, vip)) {
      plan.add(new Operation.UpdateVip(key, vip.affinitySeconds(), vip.access()));
    }
    plan.addAll(beforeRing);
    Ring ring = Ring.of(vip);
    if (!ring.digest().equals(programmed.ringDigest())) {
      plan.add(new Operation.SetRing(key, ring));
    }
    if (!programmed.hasEntry()) {
      plan.add(new Operation.AddVip(key, vip.affinitySeconds(), vip.access()));
    }
    plan.addAll(afterRing);
    return plan;
  }

  private static boolean hasSettings(ProgrammedVip programmed, Vip vip) {
    return programmed.affinitySeconds() == vip.affinitySeconds()
        && programmed.access().equals(vip.access());
  }

  private static void leave(
      VipKey key, BackendKey backend, ProgrammedBackend is, long nowSeconds, List<Operation> plan) {
    if (is.isDraining()) {
      if (is.drainUntilSeconds() <= nowSeconds) {
        plan.add(new Operation.RemoveBackend(key, backend));
      }
    } else if (is.drainSeconds() > 0) {
      plan.add(new Operation.DrainBackend(key, backend, nowSeconds + is.drainSeconds()));
    } else {
      plan.add(new Operation.RemoveBackend(key, backend));
    }
  }
}
