// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.VipImage;
import io.xdplb.libbpf.BpfMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a packet would find, read from the kernel's maps by system calls in the packet's own order:
 * the address filter, the key or the port range, the VIP, its ring, its backends. Only where to
 * look is taken from memory, never what is there; of what follows from the rest, or depends on this
 * machine, it is checked that it is as it should be.
 */
final class ReadBack {

  private final BpfMap filter;
  private final BpfMap vipMap;
  private final BpfMap portRanges;
  private final BpfMap sourceRanges;
  private final BpfMap rings;
  private final BpfMap backends;
  private final KeyReader keys;
  private final VipMaps vips;
  private final int second;
  private final byte[] filterBits = new byte[AddressFilter.SIZE];
  private final ByteBuffer scratch =
      ByteBuffer.allocateDirect(Layouts.Backend.LAYOUT.size()).order(ByteOrder.nativeOrder());

  ReadBack(Maps maps, VipMaps vips) {
    filter = maps.map("address_filter");
    vipMap = maps.map("vips");
    portRanges = maps.map("port_ranges");
    sourceRanges = maps.map("source_ranges");
    rings = maps.map("rings");
    backends = maps.map("backends");
    keys = new KeyReader(maps.map("keys"));
    this.vips = vips;
    second = maps.config.buffer().getInt(Layouts.Config.SECOND);
  }

  Optional<VipImage> image(VipKey key) {
    VipEntry entry = vips.entry(key);
    filter.lookup(BackendTable.key(0), filterBits);
    if (entry == null
        || !entry.published
        || !AddressFilter.lets(filterBits, AddressFilter.Role.VIP, key.address())) {
      return Optional.empty();
    }
    return address(key)
        .map(Handle::index)
        .map(index -> value(portRanges, index))
        .filter(ranges -> PortRanges.count(ranges) == vips.addresses().rangeCount(key.address()))
        .map(ranges -> key.isRange() ? PortRanges.handle(ranges, key) : keys.handle(Key.of(key)))
        .flatMap(this::vip)
        .filter(line -> isAsItShould(line, vips.line(entry)))
        .flatMap(line -> image(entry, line));
  }

  /** The handle of the entry of a VIP's address. */
  private Optional<Integer> address(VipKey vip) {
    int handle = keys.handle(Key.ofAddress(vip.address()));
    int flags = vips.addresses().flags(vip.address());
    VipLine expected = VipLine.ofAddress(handle, vip.address(), flags);
    return vip(handle).filter(expected::equals).map(VipLine::handle);
  }

  private Optional<VipLine> vip(int handle) {
    return handle == 0 || Handle.index(handle) >= vipMap.info().maxEntries()
        ? Optional.empty()
        : VipLine.read(value(vipMap, Handle.index(handle)), 0)
            .filter(line -> line.handle() == handle);
  }

  /** What the table says is left out of the comparison: it is read, and hashed. */
  private static boolean isAsItShould(VipLine is, VipLine should) {
    return is.handle() == should.handle()
        && is.address().equals(should.address())
        && is.protocol() == should.protocol()
        && is.port() == should.port()
        && is.endPort() == should.endPort()
        && (is.flags() | Layouts.Vip.REJECT) == (should.flags() | Layouts.Vip.REJECT)
        && is.hosted() == should.hosted();
  }

  private Optional<VipImage> image(VipEntry entry, VipLine line) {
    Optional<Access> access = access(entry, line);
    Map<Integer, BackendLine> found = new HashMap<>();
    for (BackendLine programmed : entry.backends.values()) {
      Optional<BackendLine> backend = backend(entry.key, programmed);
      if (backend.isEmpty() || backend.get().vip() != line.handle()) {
        return Optional.empty();
      }
      if (backend.get().drainUntil() == 0) {
        found.put(backend.get().handle(), backend.get());
      }
    }
    if (access.isEmpty() || line.affinity() % second != 0) {
      return Optional.empty();
    }
    Map<BackendKey, VipImage.BackendImage> images = new HashMap<>();
    found
        .values()
        .forEach(
            backend ->
                images.put(
                    backend.key(),
                    new VipImage.BackendImage(backend.takesNewFlows(), backend.delivery())));
    return ring(line.ring(), found)
        .map(ring -> new VipImage(entry.key, line.affinity() / second, access.get(), ring, images));
  }

  private Optional<Access> access(VipEntry entry, VipLine line) {
    UnavailablePolicy policy = line.rejects() ? UnavailablePolicy.REJECT : UnavailablePolicy.DROP;
    if (line.sources() == 0) {
      return Optional.of(new Access(Optional.empty(), policy));
    }
    Optional<List<Cidr>> ranges = SourceSets.read(sourceRanges, line.sources(), entry.isIpv6());
    return ranges.map(list -> Access.from(list, policy));
  }

  /** What is there of a backend; empty if it is not as it should be. */
  private Optional<BackendLine> backend(VipKey vip, BackendLine programmed) {
    ByteBuffer value = value(backends, programmed.index());
    return BackendLine.read(value, 0)
        .filter(line -> line.handle() == programmed.handle() && line.key().equals(programmed.key()))
        .filter(line -> line.way().equals(programmed.way()))
        .filter(line -> line.drainSeconds() == programmed.drainSeconds())
        .filter(line -> line.drainUntil() == programmed.drainUntil())
        .filter(line -> bytes(line, vip).equals(value))
        .filter(line -> isFound(vip, line));
  }

  /** How an entry is written, with all that follows from the rest. */
  private ByteBuffer bytes(BackendLine line, VipKey vip) {
    line.write(scratch, 0, vip);
    return scratch;
  }

  /** Whether answers, and encapsulated packets to this machine, are looked up and found. */
  private boolean isFound(VipKey vip, BackendLine line) {
    boolean answers =
        !Way.translates(line.delivery())
            || AddressFilter.lets(filterBits, AddressFilter.Role.NAT, line.way().nat());
    boolean hosted =
        !line.way().hosted()
            || AddressFilter.lets(filterBits, AddressFilter.Role.ENDPOINT, line.key().address())
                && keys.handle(Key.ofEndpoint(Tag.of(vip, line.key()))) == line.handle();
    return answers && hosted;
  }

  private Optional<Ring> ring(long word, Map<Integer, BackendLine> handles) {
    long start = word >>> 32;
    int size = (int) word;
    if (size < 0 || start + size > (long) rings.info().maxEntries() * Layouts.RingLine.SLOTS) {
      return Optional.empty();
    }
    int[] owners = RingStretch.owners(rings, (int) start, size);
    return RingSlot.ring(Arrays.stream(owners).mapToLong(owner -> owner).toArray(), handles);
  }

  private static ByteBuffer value(BpfMap map, int index) {
    return ByteBuffer.wrap(map.lookup(BackendTable.key(index)).orElseThrow())
        .order(ByteOrder.nativeOrder());
  }
}
