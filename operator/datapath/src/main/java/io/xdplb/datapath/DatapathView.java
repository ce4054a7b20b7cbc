// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.libbpf.BatchReader;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.Libbpf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the kernel's maps hold, read by their pins: while an agent runs, or while none does. Each
 * call reads anew. While the agent changes a VIP, what is said of that VIP may be half old.
 */
public final class DatapathView implements AutoCloseable {
  private static final int STEP = 4096;

  private final Path pinPath;
  private final Map<String, BpfMap> maps = new HashMap<>();

  private DatapathView(Path pinPath) {
    this.pinPath = pinPath;
  }

  /**
   * Opens the maps pinned below a path.
   *
   * @throws DatapathException if there are none
   */
  public static DatapathView open(Path pinPath) {
    if (!Files.isDirectory(Maps.mapPins(pinPath))) {
      throw new DatapathException(
          DatapathException.Reason.Failed,
          "nothing is pinned at "
              + pinPath
              + ": no agent has run here since the machine started, or it has another pin path");
    }
    return new DatapathView(pinPath);
  }

  private BpfMap map(String name) {
    return maps.computeIfAbsent(name, n -> BpfMap.openPinned(Maps.mapPins(pinPath).resolve(n)));
  }

  /** All VIPs, ordered by key. */
  public List<VipStatus> vips() {
    Map<Integer, List<BackendLine>> backends = new HashMap<>();
    forEach(
        "backends",
        (index, value) ->
            BackendLine.read(value, 0)
                .ifPresent(
                    line ->
                        backends.computeIfAbsent(line.vip(), vip -> new ArrayList<>()).add(line)));
    Map<Integer, Long> flows = new HashMap<>();
    forEachLiveFlow(
        (meta, flow) -> {
          if ((meta & Layouts.Flow.AFFINITY) == 0) {
            flows.merge(flow.getInt(Layouts.Flow.BACKEND), 1L, Long::sum);
          }
        });
    int second = value("config", 0).orElseThrow().getInt(Layouts.Config.SECOND);
    List<VipStatus> vips = new ArrayList<>();
    forEach(
        "vips",
        (index, value) ->
            VipLine.read(value, 0)
                .filter(line -> line.key().isPresent())
                .map(
                    line ->
                        vip(line, backends.getOrDefault(line.handle(), List.of()), flows, second))
                .ifPresent(vips::add));
    vips.sort(Comparator.comparing(VipStatus::key));
    return vips;
  }

  private VipStatus vip(
      VipLine vip, List<BackendLine> backends, Map<Integer, Long> flows, int second) {
    int size = (int) vip.ring();
    Map<Integer, Integer> slots = new HashMap<>();
    for (int owner : RingStretch.owners(map("rings"), (int) (vip.ring() >>> 32), size)) {
      slots.merge(owner, 1, Integer::sum);
    }
    boolean noOwners = slots.getOrDefault(0, 0) == size;
    return new VipStatus(
        vip.key().orElseThrow(),
        vip.affinity() / Math.max(1, second),
        access(vip),
        noOwners ? 0 : size,
        sum("vip_cpus", Handle.index(vip.handle()), Layouts.VipCpu.DROPPED),
        backends.stream()
            .map(line -> backend(line, slots, flows))
            .sorted(Comparator.comparing(BackendStatus::key))
            .toList());
  }

  private Access access(VipLine vip) {
    UnavailablePolicy policy = vip.rejects() ? UnavailablePolicy.REJECT : UnavailablePolicy.DROP;
    boolean ipv6 = !vip.address().isIpv4();
    return vip.sources() == 0
        ? new Access(Optional.empty(), policy)
        : Access.from(
            SourceSets.read(map("source_ranges"), vip.sources(), ipv6).orElse(List.of()), policy);
  }

  private BackendStatus backend(
      BackendLine line, Map<Integer, Integer> slots, Map<Integer, Long> flows) {
    long[] counters = new long[Layouts.BackendCpu.NEXTHOP_STAMP / Long.BYTES];
    int cpus = Libbpf.possibleCpus();
    int perCpu = map("backend_cpus").info().maxEntries() / cpus;
    for (int cpu = 0; cpu < cpus; cpu++) { // one CPU's lines after the other's
      ByteBuffer value = value("backend_cpus", cpu * perCpu + line.index()).orElseThrow();
      for (int i = 0; i < counters.length; i++) {
        counters[i] += value.getLong(i * Long.BYTES);
      }
    }
    return new BackendStatus(
        line.key(),
        line.delivery(),
        line.way().hosted(),
        line.takesNewFlows(),
        line.drainUntil(),
        slots.getOrDefault(line.handle(), 0),
        counters[Layouts.BackendCpu.PACKETS_TO_BACKEND / Long.BYTES],
        counters[Layouts.BackendCpu.BYTES_TO_BACKEND / Long.BYTES],
        counters[Layouts.BackendCpu.PACKETS_TO_CLIENT / Long.BYTES],
        counters[Layouts.BackendCpu.BYTES_TO_CLIENT / Long.BYTES],
        counters[Layouts.BackendCpu.FLOWS / Long.BYTES],
        flows.getOrDefault(line.handle(), 0L));
  }

  /** How many flows are remembered here and alive, of each kind. */
  public FlowCounts flows() {
    long[] counts = new long[4];
    forEachLiveFlow(
        (meta, flow) -> {
          int kind = 0;
          if ((meta & Layouts.Flow.HOSTED) != 0) {
            kind = 1;
          } else if ((meta & Layouts.Flow.REMEMBERED) != 0) {
            kind = 2;
          } else if ((meta & Layouts.Flow.AFFINITY) != 0) {
            kind = 3;
          }
          counts[kind]++;
        });
    return new FlowCounts(counts[0], counts[1], counts[2], counts[3]);
  }

  /** The nodes from which encapsulated packets are accepted, in order. */
  public List<Ip> peers() {
    List<Ip> peers = new ArrayList<>();
    forEach(
        "keys",
        (index, bucket) -> {
          for (int at = 0; at < bucket.capacity(); at += Layouts.Key.LAYOUT.size()) {
            Key key = Key.read(bucket, at);
            if (Nodes.isPeerHandle(bucket.getInt(at + Layouts.Key.HANDLE))
                && key.protocol() == Layouts.Key.OF_PEER) {
              peers.add(key.address());
            }
          }
        });
    return peers.stream().distinct().sorted().toList();
  }

  /** Packets dropped since the maps were made, by reason, for every reason there is. */
  public Map<DropReason, Long> drops() {
    Map<DropReason, Long> drops = new EnumMap<>(DropReason.class);
    for (DropReason reason : DropReason.values()) {
      drops.put(reason, sum("drops", reason.number(), 0));
    }
    return drops;
  }

  /** The interfaces that an agent has attached to, ordered by name. */
  public List<Attachment> attachments() {
    return new Attacher(pinPath).attachments();
  }

  private void forEachLiveFlow(EntryConsumer consumer) {
    FlowClock clock = FlowClock.now(value("config", 0).orElseThrow(), pinPath);
    Map<Integer, Integer> affinities = new HashMap<>();
    forEach(
        "vips",
        (index, value) ->
            affinities.put(value.getInt(Layouts.Vip.HANDLE), value.getInt(Layouts.Vip.AFFINITY)));
    forEach(
        "flows",
        (index, value) -> {
          int meta = value.getInt(Layouts.Flow.META);
          int affinity = affinities.getOrDefault(value.getInt(Layouts.Flow.VIP), 0);
          if (clock.isLive(meta, value.getInt(Layouts.Flow.SEEN), affinity)) {
            consumer.accept(meta, value);
          }
        });
  }

  private interface EntryConsumer {
    /** The value is overwritten after the call. The number is its index, or a flow's meta. */
    void accept(int number, ByteBuffer value);
  }

  private void forEach(String name, EntryConsumer consumer) {
    BatchReader batch = map(name).lookupBatch(STEP);
    int size = map(name).info().valueBytes();
    while (batch.next()) {
      ByteBuffer keys = ByteBuffer.wrap(batch.keys()).order(ByteOrder.nativeOrder());
      for (int i = 0; i < batch.count(); i++) {
        consumer.accept(
            keys.getInt(i * Integer.BYTES),
            ByteBuffer.wrap(batch.values(), i * size, size).slice().order(ByteOrder.nativeOrder()));
      }
    }
  }

  private Optional<ByteBuffer> value(String name, int index) {
    return map(name)
        .lookup(BackendTable.key(index))
        .map(bytes -> ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()));
  }

  private long sum(String name, int index, int field) {
    ByteBuffer all = value(name, index).orElseThrow();
    long sum = 0;
    for (int at = field; at < all.capacity(); at += map(name).info().stride()) {
      sum += all.getLong(at);
    }
    return sum;
  }

  @Override
  public void close() {
    maps.values().forEach(BpfMap::close);
  }
}
