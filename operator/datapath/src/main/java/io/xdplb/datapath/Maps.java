// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.BpfObject;
import io.xdplb.libbpf.BpfObjectSpec;
import io.xdplb.libbpf.BpfProgram;
import io.xdplb.libbpf.LibbpfException;
import io.xdplb.libbpf.MapMemory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The datapath's object, loaded with maps that are created or adopted from their pins. Those that
 * the agent writes are mapped into memory, but for the rings, which are large.
 */
final class Maps implements AutoCloseable {
  private static final String OBJECT = "/io/xdplb/bpf/xdplb.bpf.o";
  private static final List<String> PINNED =
      List.of(
          "config",
          "address_filter",
          "vip_table",
          "vips",
          "rings",
          "backends",
          "backend_cpus",
          "vip_cpus",
          "drops",
          "flows",
          "flow_index",
          "interfaces");

  private final BpfObject object;
  final MapMemory config;
  final MapMemory filter;
  final MapMemory vipTable;
  final MapMemory vips;
  final MapMemory backends;

  private Maps(BpfObject object) {
    this.object = object;
    config = object.map("config").mmap();
    filter = object.map("address_filter").mmap();
    vipTable = object.map("vip_table").mmap();
    vips = object.map("vips").mmap();
    backends = object.map("backends").mmap();
  }

  /**
   * Loads the program; adopts what is pinned, creates and pins what is not.
   *
   * @throws DatapathException if the verifier refuses the program or a pinned map has another
   *     layout
   */
  static Maps open(DatapathConfig config) {
    Path pins = mapPins(config.pinPath());
    try {
      Files.createDirectories(pins);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot make " + pins + " for the pins of the maps", e);
    }
    try {
      return new Maps(load(config, true));
    } catch (LibbpfException withFragments) {
      try {
        return new Maps(load(config, false)); // before kernel 5.18
      } catch (LibbpfException e) {
        throw new DatapathException(
            DatapathException.Reason.ProgramRejected,
            "cannot load the XDP program: " + e.getMessage(),
            e);
      }
    }
  }

  private static BpfObject load(DatapathConfig config, boolean multiBuffer) {
    Path pins = mapPins(config.pinPath());
    int flows = powerOfTwo(config.maxFlows());
    try (BpfObjectSpec spec = BpfObject.open("xdplb", elf())) {
      Layouts.check(spec.btf());
      DropReason.check(spec.btf());
      PINNED.forEach(name -> spec.map(name).pinnedAt(pins.resolve(name)));
      int buckets = size(spec, pins, "vip_table", powerOfTwo(config.maxVips() * 5 / 4));
      flows = size(spec, pins, "flows", flows);
      int flowBuckets = size(spec, pins, "flow_index", Math.max(1, flows / 4));
      size(spec, pins, "vips", config.maxVips());
      size(spec, pins, "vip_cpus", config.maxVips());
      size(spec, pins, "backends", config.maxBackends());
      size(spec, pins, "backend_cpus", config.maxBackends());
      size(spec, pins, "rings", config.maxRingSlots());
      spec.set("vip_bucket_mask", buckets - 1);
      spec.set("flow_mask", flows - 1);
      spec.set("flow_bucket_mask", flowBuckets - 1);
      spec.set("multi_buffer", multiBuffer ? 1 : 0);
      if (multiBuffer) {
        spec.program("xdplb").xdpFrags();
      }
      return spec.load();
    }
  }

  /** Sets the size of a map, which is that of its pin if there is one. Answers which it is. */
  private static int size(BpfObjectSpec spec, Path pins, String name, int wanted) {
    int size = wanted;
    if (Files.exists(pins.resolve(name))) {
      try (BpfMap pinned = BpfMap.openPinned(pins.resolve(name))) {
        size = pinned.info().maxEntries();
      }
    }
    spec.map(name).maxEntries(size);
    return size;
  }

  /** The folder of the pinned maps. */
  static Path mapPins(Path pinPath) {
    return pinPath.resolve("maps");
  }

  private static int powerOfTwo(int atLeast) {
    return atLeast <= 2 ? 2 : Integer.highestOneBit(atLeast - 1) << 1;
  }

  private static byte[] elf() {
    try (InputStream in = Maps.class.getResourceAsStream(OBJECT)) {
      if (in == null) {
        throw new IllegalStateException(OBJECT + " is not on the class path");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  BpfProgram program() {
    return object.program("xdplb");
  }

  BpfProgram jiffies() {
    return object.program("jiffies");
  }

  BpfMap map(String name) {
    return object.map(name);
  }

  @Override
  public void close() {
    List.of(config, filter, vipTable, vips, backends).forEach(MapMemory::close);
    object.close();
  }
}
