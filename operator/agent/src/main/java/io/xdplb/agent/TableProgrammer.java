// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.agent.TableBook.Touched;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.TableDigests;
import io.xdplb.core.table.TableHash;
import io.xdplb.datapath.DatapathException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiPredicate;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings tables into the kernel and proves it by reading them back. Belongs to one thread. A change
 * costs what its own table and those that it wins VIPs from or loses VIPs to cost, however many
 * others there are.
 */
final class TableProgrammer {

  private static final Logger log = LoggerFactory.getLogger(TableProgrammer.class);
  private static final long SECOND = 1_000_000_000L;
  private static final int FEWEST_AUDITS = 4;
  private static final int MOST_AUDITS = 30;

  /** So many tables can be looked at in one go without anybody having to wait. */
  private static final int EASY_AUDIT = 25;

  /** How long slices may take, which are written before their table: longer is told. */
  private static final Duration SLICES_PATIENCE = Duration.ofSeconds(5);

  private static final int NAMED = 3;

  /**
   * One change of one table.
   *
   * @param spec {@code null} if the table is gone
   * @param missing names of slices without which its backends are not known; none if all is there
   */
  record Change(
      ObjectName table, Instant createdAt, ForwardingTableSpec spec, List<String> missing) {

    /** Of a table that is complete. */
    Change(ObjectName table, Instant createdAt, ForwardingTableSpec spec) {
      this(table, createdAt, spec, List.of());
    }
  }

  /** A table whose newest version cannot be programmed yet. */
  private record Waiting(long sinceNanos, int slices, List<String> missing) {}

  private final VipProgrammer vips;
  private final LongSupplier nanoTime;
  private final LongSupplier unixSeconds;
  private final ProgrammingListener listener;
  private final TableBook book;
  private final Retries retries = new Retries();
  private final TableDigests digests = new TableDigests();
  private final SortedMap<ObjectName, TableException> exceptions = new TreeMap<>();
  private final Set<ObjectName> unannounced = new HashSet<>();
  private final Map<ObjectName, Waiting> waiting = new HashMap<>();
  private final Set<VipKey> leftovers = new TreeSet<>();
  private final Deque<ObjectName> auditRound = new ArrayDeque<>();
  private long leftoversAtNanos = Long.MAX_VALUE;

  /**
   * @param node name of this node; {@code null} where there are no nodes
   */
  TableProgrammer(
      NodeDatapath datapath,
      String node,
      LongSupplier nanoTime,
      LongSupplier unixSeconds,
      ProgrammingListener listener) {
    this.book = new TableBook(node);
    this.vips = new VipProgrammer(datapath, unixSeconds);
    this.nanoTime = nanoTime;
    this.unixSeconds = unixSeconds;
    this.listener = listener;
  }

  /**
   * Takes in changes of several tables. Who holds which VIP is settled for all of them first, so
   * that no VIP changes hands and back.
   */
  void accept(Collection<Change> changes) {
    Set<ObjectName> tables = new TreeSet<>();
    for (Change change : changes) {
      Touched touched = take(change);
      tables.addAll(touched.tables());
      leftovers.addAll(touched.released());
      if (change.spec() == null) {
        forget(change.table());
      } else {
        unannounced.add(change.table());
      }
    }
    removeLeftovers();
    tables.forEach(this::program);
  }

  private Touched take(Change change) {
    ObjectName table = change.table();
    if (change.spec() != null && !change.missing().isEmpty()) {
      long since =
          waiting.containsKey(table) ? waiting.get(table).sinceNanos() : nanoTime.getAsLong();
      waiting.put(table, new Waiting(since, change.spec().slices().size(), change.missing()));
      return book.await(table, change.createdAt(), change.spec());
    }
    waiting.remove(table);
    return change.spec() == null
        ? book.remove(table)
        : book.put(table, change.createdAt(), change.spec());
  }

  /**
   * Says in which zone this node is; until it is said, in none.
   *
   * @param zone {@code null} if it is in none
   */
  void moveTo(String zone) {
    Set<ObjectName> moved = book.moveTo(zone);
    unannounced.addAll(moved);
    moved.forEach(this::program);
  }

  /** Removes what was adopted from the kernel and belongs to no table. */
  void removeUnclaimed() {
    vips.programmed().stream()
        .filter(vip -> book.holder(vip).isEmpty())
        .peek(vip -> log.info("{} was left by an earlier run and belongs to nobody now", vip))
        .forEach(leftovers::add);
    removeLeftovers();
  }

  /** Does what is due: failed tables again, drains that have ended. */
  void continueDue() {
    long now = nanoTime.getAsLong();
    if (leftoversAtNanos <= now) {
      removeLeftovers();
    }
    retries.due(now).forEach(this::program);
  }

  /** How long until {@link #continueDue} has something to do. */
  long nanosUntilDue() {
    long now = nanoTime.getAsLong();
    return leftoversAtNanos == Long.MAX_VALUE
        ? retries.nanosUntilNext(now)
        : Math.min(retries.nanosUntilNext(now), Math.max(0, leftoversAtNanos - now));
  }

  /**
   * Compares a share of the tables with the kernel's maps and mends what somebody else has changed
   * there. After four calls every table has been looked at, or where there are many after thirty.
   *
   * @return whether anything had to be mended
   */
  boolean audit() {
    boolean mended = false;
    int tables = book.tables().size();
    int count =
        Math.max(share(tables, MOST_AUDITS), Math.min(share(tables, FEWEST_AUDITS), EASY_AUDIT));
    if (auditRound.isEmpty()) {
      auditRound.addAll(book.tables());
    }
    for (int i = 0; i < count && !auditRound.isEmpty(); i++) {
      ObjectName table = auditRound.poll();
      if (book.contains(table) && !exceptions.containsKey(table) && !holdsTable(table)) {
        log.warn("{}: the kernel's maps were changed by somebody else; writing them again", table);
        book.held(table).forEach(vip -> vips.distrust(vip.key()));
        unannounced.add(table);
        program(table);
        mended = true;
      }
    }
    return mended;
  }

  private static int share(int tables, int parts) {
    return (tables + parts - 1) / parts;
  }

  /** Tables that are not as they should be. */
  SortedMap<ObjectName, TableException> exceptions() {
    return exceptions;
  }

  /** Digests of those that are. */
  TableDigests digests() {
    return digests;
  }

  /** See {@link VipProgrammer#serving}. */
  Set<Ip> serving(BiPredicate<VipKey, BackendKey> isReachable) {
    return vips.serving(isReachable);
  }

  /** The table that programs a VIP. */
  Optional<ObjectName> holder(VipKey vip) {
    return book.holder(vip);
  }

  private void forget(ObjectName table) {
    exceptions.remove(table);
    digests.remove(table);
    retries.forget(table);
    unannounced.remove(table);
    listener.removed(table);
  }

  private void removeLeftovers() {
    leftoversAtNanos = Long.MAX_VALUE;
    for (VipKey vip : List.copyOf(leftovers)) {
      if (book.holder(vip).isPresent()) {
        leftovers.remove(vip);
        continue;
      }
      try {
        vips.remove(vip);
        leftovers.remove(vip);
      } catch (RuntimeException e) {
        leftoversAtNanos = nanoTime.getAsLong() + SECOND;
        log.error("cannot remove {}, will try again: {}", vip, e.getMessage());
      }
    }
  }

  private void program(ObjectName table) {
    if (!book.contains(table)) {
      return;
    }
    List<Vip> held = book.held(table);
    RuntimeException failure = null;
    for (Vip vip : held) {
      try {
        vips.program(vip);
      } catch (RuntimeException e) {
        failure = failure == null ? e : failure;
      }
      planDeadline(table, vip.key());
    }
    if (failure != null) {
      digests.remove(table);
      retries.failed(table, nanoTime.getAsLong());
      fail(table, reason(failure), failure.getMessage());
    } else {
      prove(table, held);
    }
  }

  private void prove(ObjectName table, List<Vip> held) {
    String found = hashInKernel(table, held);
    String wanted = book.kernelHash(table).orElse(null);
    if (found.equals(wanted)) {
      digests.put(table, book.tableHash(table).orElseThrow());
    } else {
      digests.remove(table);
    }
    if (waiting.containsKey(table)) {
      await(table, waiting.get(table));
    } else if (book.invalid(table).isPresent()) {
      fail(table, "InvalidTable", book.invalid(table).get());
    } else if (!book.conflicts(table).isEmpty()) {
      fail(table, "AddressConflict", conflict(table));
    } else if (found.equals(wanted)) {
      succeed(table, held);
    } else if (found.equals(TableHash.desired(held))) {
      fail(
          table,
          "Failed",
          "the kernel's maps hold what the table lists, but that hashes to "
              + found
              + " and not to its tableHash: operator and agent are of different versions");
    } else {
      held.forEach(vip -> vips.distrust(vip.key()));
      retries.failed(table, nanoTime.getAsLong());
      fail(
          table,
          "Failed",
          "after programming, the kernel's maps hash to " + found + " instead of " + wanted);
    }
  }

  /** What an earlier version has programmed stays. */
  private void await(ObjectName table, Waiting slices) {
    long end = slices.sinceNanos() + SLICES_PATIENCE.toNanos();
    if (nanoTime.getAsLong() < end) {
      retries.at(table, end);
      return;
    }
    fail(
        table,
        "SlicesMissing",
        slices.missing().size()
            + " of its "
            + slices.slices()
            + " ForwardingTableSlices have not arrived: "
            + NodeReport.some(slices.missing(), NAMED)
            + "; what was programmed before stays. If they are not there, the operator writes them"
            + " again: see its log");
  }

  private void succeed(ObjectName table, List<Vip> held) {
    retries.succeeded(table);
    boolean failedBefore = exceptions.remove(table) != null;
    if (unannounced.remove(table) || failedBefore) {
      listener.programmed(table, held);
    }
  }

  private void fail(ObjectName table, String reason, String message) {
    TableException now =
        new TableException(table.namespace(), table.name(), reason, String.valueOf(message));
    if (!now.equals(exceptions.put(table, now)) || unannounced.remove(table)) {
      unannounced.remove(table);
      listener.failed(table, now);
    }
  }

  private String conflict(ObjectName table) {
    return book.conflicts(table).stream()
        .map(c -> c.vip() + " belongs to " + c.winner() + ", which is older")
        .collect(Collectors.joining("; "));
  }

  private boolean holdsTable(ObjectName table) {
    return book.kernelHash(table)
        .map(wanted -> wanted.equals(hashInKernel(table, book.held(table))))
        .orElse(true);
  }

  /** A system call that fails here is a difference, not an answer. */
  private String hashInKernel(ObjectName table, List<Vip> held) {
    try {
      return TableHash.of(vips.readBack(held));
    } catch (RuntimeException e) {
      log.error("{}: cannot read back from the kernel's maps: {}", table, e.getMessage());
      return "nothing readable (" + e.getMessage() + ")";
    }
  }

  private void planDeadline(ObjectName table, VipKey vip) {
    OptionalLong deadline = vips.nextDeadline(vip);
    if (deadline.isPresent()) {
      long seconds = Math.max(0, deadline.getAsLong() - unixSeconds.getAsLong());
      // A second more: the deadline is a whole second, and the clock may be just before it.
      retries.at(table, nanoTime.getAsLong() + (seconds + 1) * SECOND);
    }
  }

  private static String reason(RuntimeException e) {
    return e instanceof DatapathException datapath
            && datapath.reason() == DatapathException.Reason.MapFull
        ? "MapFull"
        : "Failed";
  }
}
