// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.BatchReader;
import io.xdplb.libbpf.BpfMap;
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
    Map<Integer, List<Integer>> backendsOfVip = new HashMap<>();
    Map<Integer, ByteBuffer> backendEntries = new HashMap<>();
    forEach(
        "backends",
        (index, value) -> {
          if (value.getInt(Layouts.Backend.HANDLE) != 0) {
            backendEntries.put(index, value("backends", index).orElseThrow());
            backendsOfVip
                .computeIfAbsent(value.getInt(Layouts.Backend.VIP), vip -> new ArrayList<>())
                .add(index);
          }
        });
    Map<Integer, Long> flows = liveFlows();
    List<VipStatus> vips = new ArrayList<>();
    forEach(
        "vips",
        (index, value) -> {
          int handle = value.getInt(Layouts.Vip.HANDLE);
          if (handle != 0) {
            vips.add(
                vip(
                    index,
                    value,
                    backendsOfVip.getOrDefault(handle, List.of()),
                    backendEntries,
                    flows));
          }
        });
    vips.sort(Comparator.comparing(VipStatus::key));
    return vips;
  }

  private VipStatus vip(
      int index,
      ByteBuffer vip,
      List<Integer> backends,
      Map<Integer, ByteBuffer> entries,
      Map<Integer, Long> flows) {
    long ring = vip.getLong(Layouts.Vip.RING);
    Map<Integer, Integer> slots = new HashMap<>();
    byte[] values = new byte[(int) ring * map("rings").info().valueBytes()];
    if ((int) ring > 0) {
      map("rings").lookupRange((int) (ring >>> 32), values);
    }
    ByteBuffer handles = ByteBuffer.wrap(values).order(ByteOrder.nativeOrder());
    while (handles.hasRemaining()) {
      slots.merge(handles.getInt(), 1, Integer::sum);
    }
    List<BackendStatus> statuses = new ArrayList<>();
    for (int backend : backends) {
      statuses.add(backend(backend, entries.get(backend), slots, flows));
    }
    statuses.sort(Comparator.comparing(BackendStatus::key));
    return new VipStatus(
        VipMaps.decodeKey(vip, 0),
        (int) ring,
        sum("vip_cpus", index, Layouts.VipCpu.DROPPED),
        statuses);
  }

  private BackendStatus backend(
      int index, ByteBuffer entry, Map<Integer, Integer> slots, Map<Integer, Long> flows) {
    BackendTable.Entry backend = BackendTable.decode(entry, 0);
    int handle = entry.getInt(Layouts.Backend.HANDLE);
    return new BackendStatus(
        backend.key(),
        backend.takesNewFlows(),
        backend.drainUntil(),
        slots.getOrDefault(handle, 0),
        sum("backend_cpus", index, Layouts.BackendCpu.PACKETS_TO_BACKEND),
        sum("backend_cpus", index, Layouts.BackendCpu.BYTES_TO_BACKEND),
        sum("backend_cpus", index, Layouts.BackendCpu.PACKETS_TO_CLIENT),
        sum("backend_cpus", index, Layouts.BackendCpu.BYTES_TO_CLIENT),
        sum("backend_cpus", index, Layouts.BackendCpu.FLOWS),
        flows.getOrDefault(handle, 0L));
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

  /** The program's live flows by the handle of their backend. */
  private Map<Integer, Long> liveFlows() {
    FlowClock clock = FlowClock.now(value("config", 0).orElseThrow(), pinPath);
    Map<Integer, Long> flows = new HashMap<>();
    forEach(
        "flows",
        (index, value) -> {
          int meta = value.getInt(Layouts.Flow.META);
          if (clock.isLive(meta, value.getInt(Layouts.Flow.SEEN))) {
            flows.merge(value.getInt(Layouts.Flow.BACKEND), 1L, Long::sum);
          }
        });
    return flows;
  }

  private interface EntryConsumer {
    /** The value is overwritten after the call. */
    void accept(int index, ByteBuffer value);
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
