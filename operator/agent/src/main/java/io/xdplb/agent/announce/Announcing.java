// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.agent.ProgrammingListener;
import io.xdplb.agent.bgp.SessionState;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Interface;
import io.xdplb.api.v1alpha1.NodeStateStatus.Session;
import io.xdplb.core.model.Ip;
import io.xdplb.core.policy.AnnouncementPlan;
import io.xdplb.core.policy.NodeFacts;
import io.xdplb.core.policy.Policy;
import io.xdplb.datapath.Announcements;
import io.xdplb.netlink.NetworkChange;
import io.xdplb.netlink.NetworkMonitor;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Announces what is programmed here, as the policies say: hears from the programmer, from whoever
 * knows the policies and the node, and tells those who speak to LANs and routers.
 */
public final class Announcing implements ProgrammingListener, AutoCloseable {

  private final Path pinPath;
  private final String name;
  private final MembershipService service;
  private final Optional<BgpAnnouncer> bgp;
  private final Consumer<NodeStateStatus.Announcing> listener;

  // Guarded by this:
  private Set<Ip> serving;
  private Set<Ip> nodes = Set.of();
  private List<Ip> own = List.of();
  private Optional<NodeFacts> node = Optional.empty();
  private Optional<List<Policy>> policies = Optional.empty();
  private Optional<List<Router>> routers = Optional.empty();
  private Set<String> attached = Set.of();
  private LanAnnouncer lan;
  private NetworkMonitor monitor;
  private AnnouncerReport lanReport;
  private BgpReport bgpReport = BgpReport.NOTHING;
  private boolean closed;

  /**
   * Does nothing before it has heard from the programmer.
   *
   * @param pinPath of the datapath
   * @param name of this node, as the membership has it
   * @param service see {@link LanAnnouncer}
   * @param bgp who speaks to routers; closed with this
   * @param listener hears of each change; it must not block
   */
  public Announcing(
      Path pinPath,
      String name,
      MembershipService service,
      Optional<BgpAnnouncer> bgp,
      Consumer<NodeStateStatus.Announcing> listener) {
    this.pinPath = pinPath;
    this.name = name;
    this.service = service;
    this.bgp = bgp;
    this.listener = listener;
  }

  @Override
  public synchronized void serving(Set<Ip> addresses) {
    serving = addresses;
    decide();
  }

  /** The maps are those that the program has: it can be begun. */
  @Override
  public synchronized void reported(NodeStateStatus status) {
    own =
        status.addresses() == null
            ? List.of()
            : status.addresses().stream().map(Ip::parse).toList();
    attached =
        status.interfaces().stream()
            .filter(Interface::attached)
            .map(Interface::name)
            .collect(Collectors.toSet());
    if (lan == null && !closed) {
      lan = new LanAnnouncer(name, Announcements.open(pinPath), service, this::lanReported);
      monitor = NetworkMonitor.start(this::networkChanged);
      lan.start();
      bgp.ifPresent(speaker -> speaker.start(this::bgpReported));
    }
    if (lan != null) {
      lan.attached(attached);
    }
    decide();
  }

  /** Says by which addresses nodes are known: these are reached without us. */
  public synchronized void nodes(Set<Ip> addresses) {
    nodes = Set.copyOf(addresses);
    decide();
  }

  /** Says what is known of this node. */
  public synchronized void node(NodeFacts facts) {
    node = Optional.of(facts);
    decide();
  }

  /** Says which policies there are. */
  public synchronized void policies(Collection<Policy> all) {
    policies = Optional.of(List.copyOf(all));
    decide();
  }

  /** Says which BGPPeers there are. */
  public synchronized void routers(List<Router> all) {
    routers = Optional.of(List.copyOf(all));
    decide();
  }

  /** See {@link LanAnnouncer#isInStep}; also while there is nothing to be in step with. */
  public synchronized boolean isInStep() {
    return lan != null && lan.isInStep();
  }

  /** Whether who answers for addresses is decided, or it is too early for that. */
  public synchronized boolean isRunning() {
    return lan == null || lan.isRunning();
  }

  private void networkChanged(Set<NetworkChange> changes) {
    if (changes.contains(NetworkChange.LINK)) {
      lan.linksChanged();
    }
  }

  private void decide() {
    if (serving == null || lan == null || node.isEmpty() || policies.isEmpty()) {
      return; // what was announced before is kept until it is known better
    }
    Set<Ip> known = new HashSet<>(nodes);
    known.addAll(own);
    AnnouncementPlan plan = AnnouncementPlan.of(serving, known, node.get(), policies.get());
    lan.want(plan.lan());
    if (routers.isPresent()) {
      List<Router> selecting =
          routers.get().stream().filter(r -> r.selectsNode(node.get().labels())).toList();
      bgp.ifPresentOrElse(
          speaker -> speaker.want(own, selecting, plan.routes()),
          () -> bgpReport = withoutDaemon(selecting));
    }
  }

  private synchronized void lanReported(AnnouncerReport report) {
    lanReport = report;
    tell();
  }

  private synchronized void bgpReported(BgpReport report) {
    bgpReport = report;
    tell();
  }

  private void tell() {
    if (lanReport == null) {
      return;
    }
    listener.accept(
        new NodeStateStatus.Announcing(
            lanReport.epoch() == 0 ? null : lanReport.epoch(),
            texts(lanReport.owned()),
            texts(bgpReport.routes()),
            lanReport.duplicates().isEmpty() ? null : lanReport.duplicates(),
            bgpReport.sessions().isEmpty() ? null : bgpReport.sessions()));
  }

  private static BgpReport withoutDaemon(List<Router> routers) {
    return new BgpReport(
        new TreeSet<>(),
        routers.stream()
            .map(
                router ->
                    new Session(
                        router.name(),
                        SessionState.ABSENT,
                        "this node has no BGP daemon: install xdplb with bgp.enabled=true"))
            .sorted(Comparator.comparing(Session::peer))
            .toList());
  }

  private static List<String> texts(Collection<Ip> addresses) {
    return addresses.isEmpty()
        ? null
        : addresses.stream().sorted().limit(Limits.ANNOUNCED).map(Ip::toString).toList();
  }

  /** Ends the threads. Nothing changes on LANs and routers. */
  @Override
  public void close() {
    LanAnnouncer toClose;
    synchronized (this) {
      closed = true;
      toClose = lan;
    }
    if (toClose != null) {
      monitor.close();
      toClose.close(); // without the lock: its thread may be waiting for it
    } else {
      service.close();
    }
    bgp.ifPresent(BgpAnnouncer::close);
  }
}
