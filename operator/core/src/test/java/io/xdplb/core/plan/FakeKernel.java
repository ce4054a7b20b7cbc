// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Vip;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The maps of one VIP, which refuse what a kernel or a packet would not forgive. */
final class FakeKernel {

  private record Entry(boolean takesNewFlows, boolean draining, Delivery delivery) {}

  private final String context;
  private final Map<BackendKey, Entry> backends = new TreeMap<>();
  private BackendKey[] ring = {};
  private boolean entry;
  private int affinitySeconds;
  private Access access;

  FakeKernel(String context) {
    this.context = context;
  }

  void execute(Operation operation) {
    if (operation instanceof Operation.AddBackend add) {
      assertThat(backends).as(context).doesNotContainKey(add.backend());
      backends.put(add.backend(), new Entry(add.takesNewFlows(), false, add.delivery()));
    } else if (operation instanceof Operation.UpdateBackend update) {
      assertThat(backends).as(context).containsKey(update.backend());
      backends.put(update.backend(), new Entry(update.takesNewFlows(), false, update.delivery()));
    } else if (operation instanceof Operation.DrainBackend drain) {
      assertThat(backends).as(context).containsKey(drain.backend());
      backends.computeIfPresent(
          drain.backend(), (key, is) -> new Entry(false, true, is.delivery()));
    } else if (operation instanceof Operation.RemoveBackend remove) {
      assertThat(backends.remove(remove.backend())).as(context).isNotNull();
    } else if (operation instanceof Operation.SetRing set) {
      ring = keys(set.ring());
    } else if (operation instanceof Operation.AddVip add) {
      assertThat(entry).as(context).isFalse();
      entry = true;
      affinitySeconds = add.affinitySeconds();
      access = add.access();
    } else if (operation instanceof Operation.UpdateVip update) {
      assertThat(entry).as(context).isTrue();
      affinitySeconds = update.affinitySeconds();
      access = update.access();
    } else if (operation instanceof Operation.RemoveVip) {
      entry = false;
      ring = new BackendKey[0];
    } else {
      throw new AssertionError(operation);
    }
    for (BackendKey backend : ring) {
      assertThat(backends).as("%s: the ring after %s", context, operation).containsKey(backend);
      assertThat(backends.get(backend).takesNewFlows())
          .as("%s: %s takes new flows after %s", context, backend, operation)
          .isTrue();
    }
  }

  /** Whether this is what is desired and what is believed, and no drain is overdue. */
  void assertHolds(Optional<Vip> desired, Optional<ProgrammedVip> believed, long now) {
    assertThat(entry).as(context).isEqualTo(desired.isPresent());
    assertThat(ring)
        .as(context)
        .isEqualTo(desired.map(Ring::of).map(FakeKernel::keys).orElse(new BackendKey[0]));
    desired.ifPresent(
        vip -> {
          assertThat(access).as(context).isEqualTo(vip.access());
          assertThat(affinitySeconds).as(context).isEqualTo(vip.affinitySeconds());
        });
    Map<BackendKey, Entry> expected = new HashMap<>();
    for (Backend backend : desired.map(Vip::backends).orElse(List.of())) {
      expected.put(backend.key(), new Entry(backend.weight() > 0, false, backend.delivery()));
    }
    Map<BackendKey, Entry> inTable = new HashMap<>(backends);
    inTable.values().removeIf(Entry::draining);
    assertThat(inTable).as(context).isEqualTo(expected);
    Map<BackendKey, ProgrammedBackend> known =
        believed.map(ProgrammedVip::backends).orElse(Map.of());
    assertThat(known.keySet()).as(context).isEqualTo(backends.keySet());
    known.forEach(
        (key, state) -> {
          assertThat(state.isDraining()).as(context).isEqualTo(backends.get(key).draining());
          if (state.isDraining()) {
            assertThat(state.drainUntilSeconds()).as(context).isGreaterThan(now);
          }
        });
  }

  int draining() {
    return (int) backends.values().stream().filter(Entry::draining).count();
  }

  private static BackendKey[] keys(Ring ring) {
    BackendKey[] keys = new BackendKey[ring.size()];
    for (int slot = 0; slot < keys.length; slot++) {
      keys[slot] = ring.backends().get(ring.slot(slot));
    }
    return keys;
  }
}
