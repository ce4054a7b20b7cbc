// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.plan.Planner;
import io.xdplb.core.plan.ProgrammedBackend;
import io.xdplb.core.plan.ProgrammedVip;
import io.xdplb.core.table.VipImage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/**
 * Brings single VIPs into the kernel, and remembers what is there so that only differences cost
 * system calls.
 */
final class VipProgrammer {

  /** Differs from every state that a table can ask for, and so is written again. */
  private static final ProgrammedBackend DOUBTFUL =
      new ProgrammedBackend(false, -1, 0, Delivery.NAT);

  private final NodeDatapath datapath;
  private final LongSupplier unixSeconds;
  private final Map<VipKey, ProgrammedVip> programmed = new HashMap<>();

  VipProgrammer(NodeDatapath datapath, LongSupplier unixSeconds) {
    this.datapath = datapath;
    this.unixSeconds = unixSeconds;
    datapath.programmed().forEach(vip -> programmed.put(vip.key(), vip));
  }

  /**
   * Programs the difference between the VIP as it should be and as it is.
   *
   * @throws RuntimeException the datapath's; what succeeded before it stays, and the next call
   *     continues from there
   */
  void program(Vip desired) {
    execute(desired.key(), Optional.of(desired));
  }

  /**
   * Removes a VIP and its flows.
   *
   * @throws RuntimeException as {@link #program}
   */
  void remove(VipKey vip) {
    execute(vip, Optional.empty());
  }

  /** The VIPs of which anything is programmed, adopted ones included. */
  Set<VipKey> programmed() {
    return Set.copyOf(programmed.keySet());
  }

  /**
   * The addresses of which at least one VIP has a backend that takes new flows.
   *
   * @param isReachable whether there is a way to a backend
   */
  Set<Ip> serving(BiPredicate<VipKey, BackendKey> isReachable) {
    return programmed.values().stream()
        .filter(vip -> vip.hasEntry() && vip.hasRing())
        .filter(
            vip ->
                vip.backends().entrySet().stream()
                    .anyMatch(
                        backend ->
                            backend.getValue().takesNewFlows()
                                && isReachable.test(vip.key(), backend.getKey())))
        .map(vip -> vip.key().address())
        .collect(Collectors.toSet());
  }

  /** When a draining backend of the VIP is due for removal, in Unix seconds. */
  OptionalLong nextDeadline(VipKey vip) {
    ProgrammedVip is = programmed.get(vip);
    return is == null ? OptionalLong.empty() : Planner.nextDeadline(is);
  }

  /** What the kernel's maps hold of these VIPs. */
  List<VipImage> readBack(List<Vip> vips) {
    return vips.stream().flatMap(vip -> datapath.readBack(vip.key()).stream()).toList();
  }

  /**
   * Believes nothing of what it remembers of a VIP, except which entries exist: the next {@link
   * #program} writes everything again, in place.
   */
  void distrust(VipKey vip) {
    programmed.computeIfPresent(
        vip,
        (key, is) -> {
          Map<BackendKey, ProgrammedBackend> backends = new HashMap<>(is.backends());
          backends.replaceAll((backend, state) -> state.isDraining() ? state : DOUBTFUL);
          return new ProgrammedVip(key, false, 0, Access.OPEN, Ring.EMPTY.digest(), backends);
        });
  }

  private void execute(VipKey key, Optional<Vip> desired) {
    ProgrammedVip is = programmed.get(key);
    List<Operation> plan = Planner.plan(desired, Optional.ofNullable(is), unixSeconds.getAsLong());
    List<Operation> done = new ArrayList<>();
    try {
      for (Operation operation : plan) {
        datapath.apply(operation);
        done.add(operation);
      }
    } finally {
      is = (is == null ? ProgrammedVip.absent(key) : is).after(done);
      if (is.isAbsent()) {
        programmed.remove(key);
      } else {
        programmed.put(key, is);
      }
    }
  }
}
