// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.VipKey;
import io.xdplb.libbpf.BpfMap;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What an agent takes over from a former one: all that was published. What was only begun, or was
 * not ended, is cleared.
 */
final class Adoption {
  private final BpfMap sourceRanges;
  private final KeyTable keys;
  private final AddressTable addresses;
  private final VipTable table;
  private final BackendTable backendTable;
  private final Backends backends;
  private final RingTable rings;
  private final SourceSets sources;
  private final int second;
  private final Map<Integer, VipLine> lines = new HashMap<>();
  private final Map<Integer, VipEntry> vips = new HashMap<>();

  Adoption(
      Maps maps,
      KeyTable keys,
      AddressTable addresses,
      VipTable table,
      BackendTable backendTable,
      Backends backends,
      RingTable rings,
      SourceSets sources,
      int second) {
    sourceRanges = maps.map("source_ranges");
    this.keys = keys;
    this.addresses = addresses;
    this.table = table;
    this.backendTable = backendTable;
    this.backends = backends;
    this.rings = rings;
    this.sources = sources;
    this.second = second;
  }

  Collection<VipEntry> run() {
    readLines();
    addresses.load();
    keys.adopt(this::isGood);
    for (VipLine line : lines.values()) {
      VipKey key = line.key().orElseThrow();
      if (addresses.adopt(key, line.handle(), policy(line))) {
        adoptVip(key, line);
      } else {
        table.retract(Handle.index(line.handle()));
      }
    }
    addresses.adopted();
    adoptBackends();
    vips.values().forEach(vip -> rings.adopt(vip, lines.get(vip.handle).ring()));
    Set<Integer> used = vips.values().stream().map(vip -> vip.sources).collect(Collectors.toSet());
    sources.adopt(used::contains);
    return vips.values();
  }

  private void readLines() {
    for (int index = table.first(); index < table.end(); index++) {
      Optional<VipLine> line = table.read(index).filter(l -> l.key().isPresent());
      if (line.isPresent() && Handle.index(line.get().handle()) == index) {
        lines.put(line.get().handle(), line.get());
      } else if (table.isOwned(index)) {
        table.retract(index);
      }
    }
  }

  private boolean isGood(Key key, int handle) {
    return switch (key.protocol()) {
      case Layouts.Key.OF_PEER -> Nodes.isPeerHandle(handle);
      case Layouts.Key.OF_ADDRESS -> addresses.isLoaded(key.address(), handle);
      case Layouts.Key.OF_ENDPOINT -> backends.isHosted(key, handle);
      default ->
          Optional.ofNullable(lines.get(handle))
              .flatMap(VipLine::key)
              .filter(vip -> !vip.isRange() && Key.of(vip).equals(key))
              .isPresent();
    };
  }

  private static UnavailablePolicy policy(VipLine line) {
    return line.rejects() ? UnavailablePolicy.REJECT : UnavailablePolicy.DROP;
  }

  private void adoptVip(VipKey key, VipLine line) {
    VipEntry entry = new VipEntry(key, line.handle());
    entry.published = true;
    entry.affinitySeconds = line.affinity() / second;
    entry.sources = line.sources();
    Optional<List<Cidr>> ranges = Optional.empty();
    if (line.sources() != 0) {
      // one that somebody has changed admits nobody, as far as is known: it is made again
      ranges =
          SourceSets.read(sourceRanges, line.sources(), entry.isIpv6())
              .or(() -> Optional.of(List.of()));
    }
    entry.access = new Access(ranges, policy(line));
    entry.flows = (line.flags() & Layouts.Vip.FLOWS) != 0;
    entry.flowsNeeded = System.nanoTime(); // or earlier, which nobody knows
    table.restore(entry.index());
    vips.put(entry.handle, entry);
  }

  private void adoptBackends() {
    for (int index = 0; index < backendTable.capacity(); index++) {
      Optional<BackendLine> line = backendTable.read(index);
      VipEntry vip = line.map(l -> vips.get(l.vip())).orElse(null);
      if (vip != null
          && line.get().index() == index
          && !vip.backends.containsKey(line.get().key())) {
        backends.adopt(vip, line.get());
      } else if (backendTable.isOwned(index)) {
        backendTable.retract(index);
      }
    }
    keys.removeIf(Layouts.Key.OF_ENDPOINT, key -> !backends.isHosted(key, keys.handle(key)));
  }
}
