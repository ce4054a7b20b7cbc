// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.plan;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.VipKey;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A VIP as it is programmed, whole or, after an interruption, in part.
 *
 * @param key of the VIP
 * @param hasEntry whether the VIP table has its entry, so that its packets are ours
 * @param affinitySeconds see {@link io.xdplb.core.model.Vip#affinitySeconds}; 0 without an entry
 * @param access who may use it; {@link Access#OPEN} without an entry
 * @param ringDigest {@link Ring#digest} of the ring; that of {@link Ring#EMPTY} where there is none
 * @param backends those with an entry, draining ones included
 */
public record ProgrammedVip(
    VipKey key,
    boolean hasEntry,
    int affinitySeconds,
    Access access,
    String ringDigest,
    Map<BackendKey, ProgrammedBackend> backends) {

  private static final String NO_RING = Ring.EMPTY.digest();

  public ProgrammedVip {
    backends = Map.copyOf(backends);
  }

  /** A VIP of which nothing is programmed. */
  public static ProgrammedVip absent(VipKey key) {
    return new ProgrammedVip(key, false, 0, Access.OPEN, NO_RING, Map.of());
  }

  /** Whether nothing is programmed. */
  public boolean isAbsent() {
    return !hasEntry && !hasRing() && backends.isEmpty();
  }

  /** Whether it has a backend that takes new flows. */
  public boolean hasRing() {
    return !ringDigest.equals(NO_RING);
  }

  /** What it is after one more operation has succeeded; see {@link #after(Collection)}. */
  public ProgrammedVip after(Operation operation) {
    return after(List.of(operation));
  }

  /**
   * What it is after more operations have succeeded, in this order. A VIP may have thousands of
   * backends, so they are copied once, however many operations there are.
   *
   * @throws IllegalArgumentException if an operation is of another VIP, drains a backend that is
   *     not programmed, or updates a VIP that has no entry
   */
  public ProgrammedVip after(Collection<Operation> operations) {
    Change change = new Change(this);
    operations.forEach(change::apply);
    return change.result();
  }

  /** A VIP while operations are applied to it. */
  private static final class Change {
    private final Map<BackendKey, ProgrammedBackend> backends;
    private ProgrammedVip vip;

    Change(ProgrammedVip vip) {
      this.vip = vip;
      backends = new HashMap<>(vip.backends());
    }

    ProgrammedVip result() {
      return new ProgrammedVip(
          vip.key, vip.hasEntry, vip.affinitySeconds, vip.access, vip.ringDigest, backends);
    }

    void apply(Operation operation) {
      if (!operation.vip().equals(vip.key)) {
        throw new IllegalArgumentException(operation + " is not of " + vip.key);
      }
      // A switch over a sealed interface needs Java 21.
      if (operation instanceof Operation.AddBackend add) {
        backends.put(
            add.backend(),
            new ProgrammedBackend(add.takesNewFlows(), add.drainSeconds(), 0, add.delivery()));
      } else if (operation instanceof Operation.UpdateBackend update) {
        backends.put(
            update.backend(),
            new ProgrammedBackend(
                update.takesNewFlows(), update.drainSeconds(), 0, update.delivery()));
      } else if (operation instanceof Operation.DrainBackend drain) {
        ProgrammedBackend is = backends.get(drain.backend());
        if (is == null) {
          throw new IllegalArgumentException(operation + ": the backend is not programmed");
        }
        backends.put(
            drain.backend(),
            new ProgrammedBackend(false, is.drainSeconds(), drain.untilSeconds(), is.delivery()));
      } else if (operation instanceof Operation.RemoveBackend remove) {
        backends.remove(remove.backend());
      } else if (operation instanceof Operation.SetRing set) {
        set(vip.hasEntry, vip.affinitySeconds, vip.access, set.ring().digest());
      } else if (operation instanceof Operation.AddVip add) {
        set(true, add.affinitySeconds(), add.access(), vip.ringDigest);
      } else if (operation instanceof Operation.UpdateVip update) {
        if (!vip.hasEntry) {
          throw new IllegalArgumentException(operation + ": the VIP has no entry");
        }
        set(true, update.affinitySeconds(), update.access(), vip.ringDigest);
      } else if (operation instanceof Operation.RemoveVip) {
        set(false, 0, Access.OPEN, NO_RING);
      } else {
        throw new IllegalArgumentException("unknown operation " + operation);
      }
    }

    private void set(boolean hasEntry, int affinitySeconds, Access access, String ringDigest) {
      vip = new ProgrammedVip(vip.key, hasEntry, affinitySeconds, access, ringDigest, Map.of());
    }
  }
}
