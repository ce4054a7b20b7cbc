// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.plan.ProgrammedBackend;
import io.xdplb.core.plan.ProgrammedVip;
import io.xdplb.core.table.VipImage;
import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.Attachment.Egress;
import io.xdplb.datapath.BackendProblem;
import io.xdplb.datapath.HistoryStatus;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Maps in memory that note each operation. It shows what the agent asks for and when, and nothing
 * about a kernel.
 */
final class FakeDatapath implements NodeDatapath {

  final List<Operation> operations = new ArrayList<>();
  final List<VipKey> reads = new ArrayList<>();
  final List<BackendProblem> unreachable = new ArrayList<>();
  final Map<String, Attachment> interfaces = new HashMap<>();
  final List<String> attached = new ArrayList<>();
  Attachment offers = new Attachment("", Attachment.Mode.NATIVE, null, null, Egress.TCX, null);
  List<Ip> addresses = List.of();
  boolean refusesPeers;
  Optional<String> replaces = Optional.empty();
  List<Operation> replacedAfter = List.of();
  Predicate<Operation> refuses = operation -> false;
  boolean closed;

  private final Map<VipKey, ProgrammedVip> vips = new HashMap<>();
  private final List<Set<Ip>> peers = new ArrayList<>();
  private final Map<VipKey, Ring> rings = new HashMap<>();
  private final List<ProgrammedVip> adopted = new ArrayList<>();

  /** A datapath that was opened anew on the same maps, as after a restart of the agent. */
  synchronized FakeDatapath reopened() {
    FakeDatapath next = new FakeDatapath();
    next.vips.putAll(vips);
    next.rings.putAll(rings);
    next.adopted.addAll(vips.values());
    return next;
  }

  synchronized Set<VipKey> entries() {
    return vips.values().stream()
        .filter(ProgrammedVip::hasEntry)
        .map(ProgrammedVip::key)
        .collect(Collectors.toSet());
  }

  synchronized Map<BackendKey, ProgrammedBackend> backends(VipKey vip) {
    ProgrammedVip is = vips.get(vip);
    return is == null ? Map.of() : is.backends();
  }

  /** Somebody else writes to the map. */
  synchronized void spoil(VipKey vip) {
    Ring ring = rings.get(vip);
    rings.put(vip, new Ring(ring.backends(), new int[ring.size()]));
  }

  /** What it was told, first to last. */
  synchronized List<Set<Ip>> peers() {
    return List.copyOf(peers);
  }

  synchronized int operationCount() {
    return operations.size();
  }

  @Override
  public synchronized Collection<ProgrammedVip> programmed() {
    return List.copyOf(adopted);
  }

  @Override
  public synchronized void apply(Operation operation) {
    if (refuses.test(operation)) {
      throw new IllegalStateException("refused " + operation.vip());
    }
    operations.add(operation);
    ProgrammedVip before =
        vips.getOrDefault(operation.vip(), ProgrammedVip.absent(operation.vip()));
    ProgrammedVip after = before.after(operation);
    if (operation instanceof Operation.SetRing set) {
      rings.put(set.vip(), set.ring());
    }
    if (after.isAbsent()) {
      vips.remove(operation.vip());
      rings.remove(operation.vip());
    } else {
      vips.put(operation.vip(), after);
    }
  }

  @Override
  public synchronized Optional<VipImage> readBack(VipKey key) {
    reads.add(key);
    ProgrammedVip vip = vips.get(key);
    if (vip == null || !vip.hasEntry()) {
      return Optional.empty();
    }
    List<BackendKey> backends =
        vip.backends().entrySet().stream()
            .filter(entry -> !entry.getValue().isDraining())
            .map(Map.Entry::getKey)
            .sorted()
            .toList();
    Ring ring = rings.getOrDefault(key, Ring.EMPTY);
    int[] slots =
        IntStream.range(0, ring.size())
            .map(slot -> backends.indexOf(ring.backends().get(ring.slot(slot))))
            .toArray();
    Map<BackendKey, VipImage.BackendImage> images = new HashMap<>();
    for (BackendKey backend : backends) {
      ProgrammedBackend is = vip.backends().get(backend);
      images.put(backend, new VipImage.BackendImage(is.takesNewFlows(), is.delivery()));
    }
    return Optional.of(
        new VipImage(key, vip.affinitySeconds(), vip.access(), new Ring(backends, slots), images));
  }

  private static Attachment attachment(String interfaceName, Attachment as) {
    return new Attachment(
        interfaceName, as.mode(), as.reason(), as.message(), as.egress(), as.egressMessage());
  }

  @Override
  public synchronized Optional<String> replaces() {
    return replaces;
  }

  @Override
  public synchronized void replaced() {
    replaces = Optional.empty();
    replacedAfter = List.copyOf(operations);
  }

  @Override
  public synchronized Attachment attach(String interfaceName) {
    attached.add(interfaceName);
    interfaces.put(interfaceName, attachment(interfaceName, offers));
    return interfaces.get(interfaceName);
  }

  @Override
  public synchronized List<Attachment> attachments() {
    return List.copyOf(interfaces.values());
  }

  @Override
  public void networkChanged() {}

  @Override
  public void neighboursChanged() {}

  @Override
  public void refreshNeighbours() {}

  @Override
  public synchronized void setPeers(Collection<Ip> addresses) {
    if (refusesPeers) {
      throw new IllegalStateException("refused peers");
    }
    peers.add(Set.copyOf(addresses));
  }

  @Override
  public synchronized List<Ip> addresses() {
    return addresses;
  }

  @Override
  public void settle() {}

  @Override
  public HistoryStatus histories() {
    return new HistoryStatus(0, 1, 0);
  }

  @Override
  public synchronized List<BackendProblem> unreachable() {
    return List.copyOf(unreachable);
  }

  @Override
  public void close() {
    closed = true;
  }
}
