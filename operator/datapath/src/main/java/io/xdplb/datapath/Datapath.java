// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.plan.ProgrammedVip;
import io.xdplb.core.table.VipImage;
import io.xdplb.libbpf.BpfProgram;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The maps and the program of this node. Opening adopts what a former agent has pinned; closing
 * leaves all of it in the kernel, where traffic goes on.
 *
 * <p>Not safe for use by several threads: one thread owns it. It acts in the network namespace of
 * the thread that calls it, which must be the same for all calls. Only one agent may be open on a
 * pin path at a time.
 */
public final class Datapath implements AutoCloseable {
  private final DatapathConfig config;
  private final Maps maps;
  private final Network network;
  private final VipMaps vips;
  private final ConfigWriter configWriter;
  private final Attacher attacher;
  private final ReadBack readBack;
  private final PinLock lock;

  private Datapath(DatapathConfig config, PinLock lock, Maps maps) {
    this.config = config;
    this.lock = lock;
    this.maps = maps;
    FlowClock.pin(maps.jiffies(), config.pinPath());
    configWriter = new ConfigWriter(maps);
    configWriter.write(config.natPorts());
    Announcements.begin(maps.announce);
    network = new Network(maps.map("interfaces"));
    network.refresh();
    vips = new VipMaps(maps, network);
    attacher = new Attacher(config.pinPath());
    readBack = new ReadBack(maps, vips);
  }

  /**
   * Opens the datapath of a pin path: adopts the maps that are pinned there or creates them, and
   * loads the program. Interfaces are attached by {@link #attach}. Where maps of another layout are
   * pinned, see {@link #replaces}.
   *
   * @throws DatapathException if another agent has it open, the program is refused, or the NAT
   *     ports overlap with the kernel's ephemeral ports
   */
  public static Datapath open(DatapathConfig config) {
    ConfigWriter.check(config.natPorts()); // first: a refused agent is to leave nothing behind
    PinLock lock = PinLock.acquire(config.pinPath());
    Maps maps = null;
    try {
      maps = Maps.open(config);
      return new Datapath(config, lock, maps);
    } catch (RuntimeException | Error e) {
      if (maps != null) {
        maps.close();
      }
      removeIfEmpty(Maps.newMapPins(config.pinPath()), e);
      removeIfEmpty(Maps.mapPins(config.pinPath()), e);
      removeIfEmpty(config.pinPath(), e);
      lock.close();
      throw e;
    }
  }

  private static void removeIfEmpty(Path folder, Throwable reason) {
    try {
      Files.deleteIfExists(folder);
    } catch (DirectoryNotEmptyException e) {
      // what a former agent has pinned
    } catch (IOException e) {
      reason.addSuppressed(e);
    }
  }

  /**
   * Makes sure that no agent has it open, as {@link #remove} does, and changes nothing.
   *
   * @throws DatapathException if one has
   */
  public static void mustBeClosed(Path pinPath) {
    if (Files.isDirectory(pinPath)) {
      PinLock.acquire(pinPath).close();
    }
  }

  /**
   * Takes the programs off all interfaces and removes all that is pinned: the flows that it carries
   * end, and nothing is left behind but the clsact qdiscs of interfaces without tcx: others may be
   * using them. Does nothing where nothing is pinned.
   *
   * @return the interfaces that it was on
   * @throws DatapathException if an agent has it open; nothing has changed then
   */
  public static List<String> remove(Path pinPath) {
    if (!Files.isDirectory(pinPath)) {
      return List.of();
    }
    try (PinLock lock = PinLock.acquire(pinPath);
        Stream<Path> pins = Files.walk(pinPath)) {
      Attacher attacher = new Attacher(pinPath);
      List<String> interfaces = attacher.interfaces();
      interfaces.forEach(attacher::detach);
      for (Path pin : pins.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(pin);
      }
      return interfaces;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot remove " + pinPath, e);
    }
  }

  /**
   * In what the maps of a former agent differ from this program's; empty if they do not, and after
   * {@link #replaced}. Then these maps are new ones beside those, without anything in them, and the
   * former program, where it is attached, goes on with its own: program what is to be, then {@link
   * #attach} all interfaces, then call {@link #replaced}. What was remembered of flows is lost with
   * that: connections by NAT break, and so do those to pods on this node.
   */
  public Optional<String> replaces() {
    return maps.replaces();
  }

  /** No interface has the former program any more: its maps are given up, and these are pinned. */
  public void replaced() {
    maps.replaced();
  }

  /** What the maps hold, VIP by VIP. */
  public Collection<ProgrammedVip> programmed() {
    return vips.keys().stream().map(vips::programmed).toList();
  }

  /**
   * Carries out one operation of a plan, whole as a packet sees it.
   *
   * @throws DatapathException with {@code MapFull} if there is no room; nothing has changed then
   */
  public void apply(Operation operation) {
    vips.apply(operation);
  }

  /**
   * Reads a VIP back from the kernel by system calls. Empty if a packet would not find it, or would
   * find something that is no table.
   */
  public Optional<VipImage> readBack(VipKey vip) {
    return readBack.image(vip);
  }

  /**
   * Puts the programs on an interface: swaps them in one step where a former agent left links, else
   * attaches the XDP program in native mode, else in generic mode, as the configuration prefers,
   * and the egress program by tcx, else by clsact. A foreign program is never replaced.
   */
  public Attachment attach(String interfaceName) {
    Attachment attachment =
        attacher.attach(maps.program(), Optional.of(maps.egress()), interfaceName, config.mode());
    configWriter.tunnelMtu(network.tunnelMtu(attached()));
    return attachment;
  }

  /**
   * The program that {@link #attach} puts on interfaces, for running it on packets of one's own.
   */
  BpfProgram program() {
    return maps.program();
  }

  /** What is on the interfaces now, as the kernel says. */
  public List<Attachment> attachments() {
    return attacher.attachments();
  }

  /** Takes the programs off an interface. */
  public void detach(String interfaceName) {
    attacher.detach(interfaceName);
  }

  /** Follows a change of links, addresses or routes: packets are sent by the new ones at once. */
  public void networkChanged() {
    network.refresh();
    vips.networkChanged();
    configWriter.tunnelMtu(network.tunnelMtu(attached()));
    configWriter.nextHopsChanged();
  }

  /** Follows a change of neighbours: their MAC addresses are looked up again at once. */
  public void neighboursChanged() {
    configWriter.nextHopsChanged();
  }

  /** Has the kernel resolve or confirm the MAC addresses of all next hops towards backends. */
  public void refreshNeighbours() {
    network.refreshNeighbours();
  }

  /**
   * This machine's addresses that encapsulated packets may be sent to, the preferred one of each
   * family first: those of the interfaces that the program is on, and of the loopback interface,
   * without those of VIPs.
   */
  public List<Ip> addresses() {
    Set<Ip> vipAddresses = vips.keys().stream().map(VipKey::address).collect(Collectors.toSet());
    return network.tunnelEnds(attached()).stream()
        .filter(address -> !vipAddresses.contains(address))
        .toList();
  }

  /**
   * Says from which nodes encapsulated packets are accepted, and which clients are nodes. Until it
   * is called, those that a former agent knew.
   *
   * @throws DatapathException with {@code MapFull} if there are too many
   */
  public void setPeers(Collection<Ip> peers) {
    vips.setPeers(peers);
  }

  /**
   * Ends what only former flows needed: former owners of ring slots above all. To be called every
   * ten seconds or so.
   */
  public void settle() {
    vips.settle();
  }

  /** How much is remembered of former owners of ring slots. */
  public HistoryStatus histories() {
    HistoryPool histories = vips.histories();
    return new HistoryStatus(histories.inUse(), histories.capacity(), histories.forgotten());
  }

  /** Backends that packets cannot reach from here, and why. */
  public List<BackendProblem> unreachable() {
    Set<String> attached = attached();
    List<BackendProblem> problems = new ArrayList<>();
    for (VipKey vip : vips.keys()) {
      for (BackendLine backend : vips.entry(vip).backends.values()) {
        network
            .obstacle(backend.key(), backend.delivery(), attached)
            .ifPresent(message -> problems.add(new BackendProblem(vip, backend.key(), message)));
      }
    }
    return problems;
  }

  private Set<String> attached() {
    return attachments().stream()
        .filter(Attachment::attached)
        .map(Attachment::interfaceName)
        .collect(Collectors.toSet());
  }

  /** Gives up the maps; they stay in the kernel, and traffic goes on. */
  @Override
  public void close() {
    maps.close();
    lock.close();
  }
}
