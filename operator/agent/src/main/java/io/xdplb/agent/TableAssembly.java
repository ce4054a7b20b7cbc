// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.api.v1alpha1.ForwardingTableSliceSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.table.TableSlices;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Puts tables and their slices together, in whatever order the API server tells of them, and passes
 * on what is complete. Tables that have their backends in themselves pass through.
 *
 * <p>A slice never changes, so one that a table lists is good for as long as the table lists it,
 * even when it is gone from the API server: that the table has changed is then on its way. Methods
 * may be called from any thread.
 */
final class TableAssembly {

  /** Who gets the tables. */
  interface Receiver {

    /** A table is complete, or has a new version that is. */
    void table(ObjectName table, Instant createdAt, ForwardingTableSpec spec);

    /**
     * A table is there, or has a new version, of which slices have not arrived yet.
     *
     * @param missing their names
     */
    void incomplete(
        ObjectName table, Instant createdAt, ForwardingTableSpec spec, List<String> missing);

    /** A table is gone. */
    void removed(ObjectName table);
  }

  private record Head(Instant createdAt, ForwardingTableSpec spec) {}

  private final Receiver receiver;

  /** Tables of slices. */
  private final Map<ObjectName, Head> heads = new HashMap<>();

  private final Map<ObjectName, ForwardingTableSliceSpec> slices = new HashMap<>();

  /** Slices that are gone, and listed still. */
  private final Set<ObjectName> gone = new HashSet<>();

  TableAssembly(Receiver receiver) {
    this.receiver = receiver;
  }

  /** A table is there, or has a new version. */
  synchronized void table(ObjectName table, Instant createdAt, ForwardingTableSpec spec) {
    if (TableSlices.isSplit(spec)) {
      heads.put(table, new Head(createdAt, spec));
      pass(table);
    } else {
      heads.remove(table);
      receiver.table(table, createdAt, spec);
    }
    forgetGone();
  }

  /** A table is gone. */
  synchronized void removed(ObjectName table) {
    heads.remove(table);
    receiver.removed(table);
    forgetGone();
  }

  /** A slice is there; or has changed, which only somebody who is not the operator does. */
  synchronized void slice(ObjectName slice, ForwardingTableSliceSpec spec) {
    gone.remove(slice);
    if (spec == null || spec.equals(slices.put(slice, spec)) || spec.table() == null) {
      return;
    }
    ObjectName table = new ObjectName(slice.namespace(), spec.table());
    if (isListed(slice, table)) {
      pass(table);
    }
  }

  /** A slice is gone. */
  synchronized void sliceRemoved(ObjectName slice) {
    if (slices.containsKey(slice)) {
      gone.add(slice);
      forgetGone();
    }
  }

  private void pass(ObjectName table) {
    Head head = heads.get(table);
    List<String> missing =
        head.spec().slices().stream()
            .distinct()
            .filter(name -> !slices.containsKey(new ObjectName(table.namespace(), name)))
            .toList();
    if (missing.isEmpty()) {
      receiver.table(
          table,
          head.createdAt(),
          TableSlices.assemble(
              head.spec(), name -> slices.get(new ObjectName(table.namespace(), name))));
    } else {
      receiver.incomplete(table, head.createdAt(), head.spec(), missing);
    }
  }

  private void forgetGone() {
    gone.removeIf(
        slice -> {
          String table = slices.get(slice).table();
          boolean isNeeded =
              table != null && isListed(slice, new ObjectName(slice.namespace(), table));
          if (!isNeeded) {
            slices.remove(slice);
          }
          return !isNeeded;
        });
  }

  private boolean isListed(ObjectName slice, ObjectName table) {
    Head head = heads.get(table);
    return head != null && head.spec().slices().contains(slice.name());
  }
}
