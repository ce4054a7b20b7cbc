// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.plan;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.VipKey;
import java.util.HashMap;
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

  boolean hasRing() {
    return !ringDigest.equals(NO_RING);
  }

  /**
   * What it is after one more operation has succeeded.
   *
   * @throws IllegalArgumentException if the operation is of another VIP, drains a backend that is
   *     not programmed, or updates a VIP that has no entry
   */
  public ProgrammedVip after(Operation operation) {
    if (!operation.vip().equals(key)) {
      throw new IllegalArgumentException(operation + " is not of " + key);
    }
    // A switch over a sealed interface needs Java 21.
    if (operation instanceof Operation.AddBackend add) {
      return with(
          add.backend(),
          new ProgrammedBackend(add.takesNewFlows(), add.drainSeconds(), 0, add.delivery()));
    }
    if (operation instanceof Operation.UpdateBackend update) {
      return with(
          update.backend(),
          new ProgrammedBackend(
              update.takesNewFlows(), update.drainSeconds(), 0, update.delivery()));
    }
    if (operation instanceof Operation.DrainBackend drain) {
      ProgrammedBackend is = backends.get(drain.backend());
      if (is == null) {
        throw new IllegalArgumentException(operation + ": the backend is not programmed");
      }
      return with(
          drain.backend(),
          new ProgrammedBackend(false, is.drainSeconds(), drain.untilSeconds(), is.delivery()));
    }
    if (operation instanceof Operation.RemoveBackend remove) {
      return with(remove.backend(), null);
    }
    if (operation instanceof Operation.SetRing set) {
      return new ProgrammedVip(
          key, hasEntry, affinitySeconds, access, set.ring().digest(), backends);
    }
    if (operation instanceof Operation.AddVip add) {
      return new ProgrammedVip(
          key, true, add.affinitySeconds(), add.access(), ringDigest, backends);
    }
    if (operation instanceof Operation.UpdateVip update) {
      if (!hasEntry) {
        throw new IllegalArgumentException(operation + ": the VIP has no entry");
      }
      return new ProgrammedVip(
          key, true, update.affinitySeconds(), update.access(), ringDigest, backends);
    }
    if (operation instanceof Operation.RemoveVip) {
      return new ProgrammedVip(key, false, 0, Access.OPEN, NO_RING, backends);
    }
    throw new IllegalArgumentException("unknown operation " + operation);
  }

  private ProgrammedVip with(BackendKey backend, ProgrammedBackend state) {
    Map<BackendKey, ProgrammedBackend> changed = new HashMap<>(backends);
    if (state == null) {
      changed.remove(backend);
    } else {
      changed.put(backend, state);
    }
    return new ProgrammedVip(key, hasEntry, affinitySeconds, access, ringDigest, changed);
  }
}
