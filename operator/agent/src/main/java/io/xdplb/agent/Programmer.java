// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.agent.TableProgrammer.Change;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.datapath.HistoryStatus;
import io.xdplb.netlink.NetworkChange;
import io.xdplb.netlink.NetworkMonitor;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that owns the datapath. Everybody else tells it what should be; of several versions of
 * a table that wait, only the newest is programmed. Nothing here ends the thread but {@link
 * #close}: what fails is reported and tried again.
 *
 * <p>Nothing is programmed before {@link #listed}, so that two tables that want the same VIP are
 * both known when it is decided who has it; nor before {@link #ownNode}, for some tables are
 * different in each zone.
 */
public final class Programmer implements TableAssembly.Receiver, AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Programmer.class);

  private static final Duration NETWORK_DEBOUNCE = Duration.ofMillis(50);
  private static final Duration REPORT_DEBOUNCE = Duration.ofMillis(50);
  private static final Duration NEIGHBOURS = Duration.ofSeconds(10);

  /** Short: while the program is off an interface no VIP answers there. Costs two calls each. */
  private static final Duration ATTACHMENTS = Duration.ofSeconds(1);

  private static final Duration AUDIT_STEP = Duration.ofSeconds(1);
  private static final Duration REACHABILITY = Duration.ofSeconds(10);
  private static final Duration SETTLE = Duration.ofSeconds(10);
  private static final Duration REPLACE_AGAIN = Duration.ofMillis(50);
  private static final Duration PEERS_AGAIN = Duration.ofSeconds(10);

  private record OwnNode(List<Ip> addresses, String zone) {}

  /** What is done again and again, or some time after its cause. */
  private enum Task {
    NETWORK_CHANGE("follow a change of the network"),
    NEIGHBOUR_CHANGE("follow a change of neighbours"),
    NEIGHBOURS("refresh neighbours"),
    ATTACHMENTS("check the interfaces"),
    PEERS("set the nodes from which encapsulated packets are accepted"),
    AUDIT("compare tables with the kernel's maps"),
    REPLACE("put the program in the place of one with other maps"),
    SETTLE("end what only former flows needed"),
    REACHABILITY("look for backends that cannot be reached"),
    REPORT("report");

    private final String what;

    Task(String what) {
      this.what = what;
    }
  }

  private final NodeDatapath datapath;
  private final ProgrammingListener listener;
  private final String version;
  private final Interfaces interfaces;
  private final TableProgrammer tables;
  private final Reachability reachability;
  private final Peers peers;
  private final Thread thread;
  private final Agenda<Task> agenda = new Agenda<>(Task.class);
  private NodeStateStatus lastReport;
  private long ownersForgotten;
  private boolean unclaimedRemoved;
  private Set<Ip> toldServing;
  private NetworkMonitor monitor;
  private volatile long lastStepNanos = System.nanoTime();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  // Guarded by lock:
  private Map<ObjectName, Change> pending = new LinkedHashMap<>();
  private final Set<NetworkChange> networkChanges = EnumSet.noneOf(NetworkChange.class);
  private Optional<OwnNode> newOwn = Optional.empty();
  private Optional<Set<Ip>> newPeers = Optional.empty();
  private boolean listed;
  private boolean synced;
  private boolean stopped;

  /**
   * Does nothing before {@link #start}.
   *
   * @param datapath used by the new thread alone from then on, and closed by it
   * @param node name of this node; {@code null} where there are no nodes
   * @param interfaceNames where the program is to be
   * @param version of the agent, for the report
   */
  public Programmer(
      NodeDatapath datapath,
      String node,
      List<String> interfaceNames,
      String version,
      ProgrammingListener listener) {
    this.datapath = datapath;
    this.listener = listener;
    this.version = version;
    this.interfaces = new Interfaces(datapath, interfaceNames);
    this.tables =
        new TableProgrammer(
            datapath, node, System::nanoTime, () -> System.currentTimeMillis() / 1000, listener);
    this.reachability = new Reachability(datapath, listener);
    this.peers = new Peers(datapath);
    this.thread = new Thread(this::run, "programmer");
  }

  /** Starts to work, in the network namespace of the calling thread. */
  public void start() {
    thread.start();
    monitor = NetworkMonitor.start(this::networkChanged);
  }

  @Override
  public void table(ObjectName table, Instant createdAt, ForwardingTableSpec spec) {
    listener.received(table);
    enqueue(new Change(table, createdAt, Objects.requireNonNull(spec)));
  }

  @Override
  public void incomplete(
      ObjectName table, Instant createdAt, ForwardingTableSpec spec, List<String> missing) {
    listener.received(table);
    enqueue(new Change(table, createdAt, spec, missing));
  }

  @Override
  public void removed(ObjectName table) {
    enqueue(new Change(table, null, null));
  }

  /** All tables that could be read have been told: programming begins. */
  public void listed() {
    signal(() -> listed = true);
  }

  /**
   * All tables there are have been told: what an earlier run left and none of them wants is
   * removed.
   */
  public void synced() {
    signal(
        () -> {
          listed = true;
          synced = true;
        });
  }

  /**
   * Says by which addresses other nodes know this one, and where it is. Nothing is programmed or
   * reported before, so that neither changes for a moment at each start.
   *
   * @param addresses the preferred one of each family first; empty if that is not known: then those
   *     that the datapath finds, see {@link io.xdplb.datapath.Datapath#addresses}
   * @param zone by the label of its Node; {@code null} if it is in none, or that is not known
   */
  public void ownNode(List<Ip> addresses, String zone) {
    signal(() -> newOwn = Optional.of(new OwnNode(List.copyOf(addresses), zone)));
  }

  /**
   * Says which nodes there are: encapsulated packets are accepted from them and from this node, and
   * clients with these addresses are served by NAT. Until it is called, those that an earlier run
   * knew.
   */
  public void peers(Set<Ip> addresses) {
    signal(() -> newPeers = Optional.of(Set.copyOf(addresses)));
  }

  /** Links, addresses, routes or neighbours of the machine have changed. */
  void networkChanged(Set<NetworkChange> changes) {
    signal(() -> networkChanges.addAll(changes));
  }

  /**
   * How long ago the thread last came round, which it does every second unless one piece of work
   * takes longer.
   */
  public Duration sinceLastStep() {
    return Duration.ofNanos(System.nanoTime() - lastStepNanos);
  }

  /** Whether the thread is there: before {@link #start} and after it has ended it is not. */
  public boolean isRunning() {
    return thread.isAlive();
  }

  /** Ends the thread after what it is doing. The datapath goes on as it is. */
  @Override
  public void close() {
    if (monitor != null) {
      monitor.close();
    }
    signal(() -> stopped = true);
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void enqueue(Change change) {
    signal(
        () -> {
          // Removed first, so that the newest version takes its place at the end of the queue.
          pending.remove(change.table());
          pending.put(change.table(), change);
        });
  }

  private void signal(Runnable change) {
    lock.lock();
    try {
      change.run();
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    try {
      if (datapath.replaces().isPresent()) {
        log.warn(
            "an earlier version has pinned maps of another layout ({}); it goes on with them until"
                + " all tables are programmed in new ones",
            datapath.replaces().get());
        agenda.in(Task.REPLACE, REPLACE_AGAIN);
      } else {
        attempt("attach", interfaces::attachAll);
        agenda.in(Task.ATTACHMENTS, ATTACHMENTS);
      }
      agenda.in(Task.NEIGHBOURS, NEIGHBOURS);
      agenda.in(Task.AUDIT, AUDIT_STEP);
      agenda.in(Task.SETTLE, SETTLE);
      agenda.in(Task.REACHABILITY, Duration.ZERO);
      agenda.in(Task.REPORT, REPORT_DEBOUNCE);
      while (step()) {
        // Each step does what is due.
      }
    } catch (InterruptedException e) {
      log.info("interrupted; the datapath goes on as it is");
    } finally {
      datapath.close();
    }
  }

  private boolean step() throws InterruptedException {
    List<Change> changes = List.of();
    boolean removeUnclaimed;
    Optional<OwnNode> own;
    lock.lockInterruptibly();
    try {
      while (!stopped && !hasWork()) {
        long nanos = Math.min(agenda.nanosUntilNext(), tables.nanosUntilDue());
        if (nanos <= 0) {
          break;
        }
        changed.awaitNanos(nanos);
      }
      if (stopped) {
        return false;
      }
      own = newOwn;
      takeNodes();
      if (hasChanges()) {
        changes = new ArrayList<>(pending.values());
        pending = new LinkedHashMap<>();
      }
      removeUnclaimed = hasUnclaimed();
      if (networkChanges.remove(NetworkChange.NEIGHBOUR)) {
        agenda.atLatestIn(Task.NEIGHBOUR_CHANGE, NETWORK_DEBOUNCE);
      }
      if (!networkChanges.isEmpty()) {
        networkChanges.clear();
        agenda.atLatestIn(Task.NETWORK_CHANGE, NETWORK_DEBOUNCE);
      }
    } finally {
      lock.unlock();
    }
    own.ifPresent(node -> attempt("follow the zone", () -> tables.moveTo(node.zone())));
    work(changes, removeUnclaimed);
    lastStepNanos = System.nanoTime();
    return true;
  }

  private void takeNodes() {
    if (newOwn.isPresent() || newPeers.isPresent()) {
      newOwn.ifPresent(own -> peers.setOwn(own.addresses()));
      newPeers.ifPresent(peers::setOthers);
      newOwn = Optional.empty();
      newPeers = Optional.empty();
      agenda.in(Task.PEERS, Duration.ZERO);
    }
  }

  private boolean hasChanges() {
    return listed && peers.isOwnKnown() && !pending.isEmpty();
  }

  private boolean hasUnclaimed() {
    return synced && peers.isOwnKnown() && !unclaimedRemoved;
  }

  private boolean hasWork() {
    return hasChanges()
        || hasUnclaimed()
        || newOwn.isPresent()
        || newPeers.isPresent()
        || !networkChanges.isEmpty();
  }

  private void work(List<Change> changes, boolean removeUnclaimed) {
    if (!changes.isEmpty()) {
      attempt("program", () -> tables.accept(changes));
      agenda.in(Task.PEERS, Duration.ZERO); // for addresses of VIPs are nobody's own
      agenda.atLatestIn(Task.REACHABILITY, REACHABILITY);
      agenda.atLatestIn(Task.REPORT, REPORT_DEBOUNCE);
    }
    if (removeUnclaimed) {
      unclaimedRemoved = true;
      attempt("remove what nobody wants", tables::removeUnclaimed);
      // The start's garbage is many times what stays; the launcher's JVM gives it back after this.
      System.gc();
      listener.caughtUp();
    }
    if (tables.nanosUntilDue() <= 0) {
      attempt("program again", tables::continueDue);
      agenda.atLatestIn(Task.REPORT, REPORT_DEBOUNCE);
    }
    for (Task task : agenda.due()) {
      attempt(task.what, () -> perform(task));
    }
    tellServing();
  }

  private void tellServing() {
    Set<Ip> serving = unclaimedRemoved ? tables.serving(reachability::isReachable) : null;
    if (serving != null && !serving.equals(toldServing)) {
      toldServing = serving;
      listener.serving(serving);
    }
  }

  private void perform(Task task) {
    switch (task) {
      case NEIGHBOUR_CHANGE -> datapath.neighboursChanged();
      case NETWORK_CHANGE -> {
        datapath.networkChanged();
        if (datapath.replaces().isEmpty()) {
          interfaces.check();
        }
        agenda.in(Task.PEERS, Duration.ZERO);
        agenda.in(Task.REACHABILITY, Duration.ZERO);
        agenda.atLatestIn(Task.REPORT, REPORT_DEBOUNCE);
      }
      case NEIGHBOURS -> {
        agenda.in(task, NEIGHBOURS);
        datapath.refreshNeighbours();
      }
      case ATTACHMENTS -> {
        agenda.in(task, ATTACHMENTS);
        if (interfaces.check()) {
          agenda.in(Task.PEERS, Duration.ZERO);
          agenda.atLatestIn(Task.REPORT, REPORT_DEBOUNCE);
        }
      }
      case PEERS -> {
        agenda.in(task, PEERS_AGAIN); // should this fail
        peers.apply();
        agenda.cancel(task);
        agenda.atLatestIn(Task.REPORT, REPORT_DEBOUNCE);
      }
      case AUDIT -> {
        agenda.in(task, AUDIT_STEP);
        if (tables.audit()) {
          peers.distrust();
          agenda.in(Task.PEERS, Duration.ZERO);
        }
        agenda.atLatestIn(Task.REPORT, REPORT_DEBOUNCE);
      }
      case REPLACE -> {
        agenda.in(task, REPLACE_AGAIN);
        if (unclaimedRemoved && peers.isApplied()) {
          interfaces.attachAll();
          datapath.replaced();
          agenda.cancel(task);
          agenda.in(Task.ATTACHMENTS, ATTACHMENTS);
          agenda.atLatestIn(Task.REPORT, REPORT_DEBOUNCE);
          log.warn(
              "the program has new maps now: connections by NAT and to pods on this node that were"
                  + " there before are cut");
        }
      }
      case SETTLE -> {
        agenda.in(task, SETTLE);
        settle();
      }
      case REACHABILITY -> {
        reachability.check(tables::holder);
        agenda.atLatestIn(Task.REPORT, REPORT_DEBOUNCE);
      }
      case REPORT -> report();
    }
  }

  private void settle() {
    datapath.settle();
    HistoryStatus histories = datapath.histories();
    if (histories.ownersForgotten() > ownersForgotten) {
      log.warn(
          "{} former owners of ring slots were forgotten: connections to them that are older than"
              + " the last changes were cut ({} of {} histories in use)",
          histories.ownersForgotten() - ownersForgotten,
          histories.lines(),
          histories.capacity());
      ownersForgotten = histories.ownersForgotten();
    }
  }

  private void report() {
    if (!peers.isOwnKnown() || datapath.replaces().isPresent()) {
      return; // what the former agent said of its own maps still holds
    }
    NodeStateStatus report =
        NodeReport.of(
            version,
            peers.own(),
            interfaces.state(),
            tables.digests(),
            tables.exceptions(),
            reachability.problems());
    if (!report.equals(lastReport)) {
      lastReport = report;
      listener.reported(report);
    }
  }

  private static void attempt(String what, Runnable action) {
    try {
      action.run();
    } catch (RuntimeException e) {
      log.error("cannot {}; going on", what, e);
    }
  }
}
