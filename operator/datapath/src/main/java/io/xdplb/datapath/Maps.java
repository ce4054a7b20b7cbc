// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.alloc.TwoChoiceTable;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.BpfObject;
import io.xdplb.libbpf.BpfObjectSpec;
import io.xdplb.libbpf.BpfProgram;
import io.xdplb.libbpf.Libbpf;
import io.xdplb.libbpf.LibbpfException;
import io.xdplb.libbpf.MapMemory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The datapath's object, loaded with maps that are created or adopted from their pins. Those that
 * the agent writes are mapped into memory, but for the rings and their histories, which are large.
 */
final class Maps implements AutoCloseable {
  private static final String OBJECT = "/io/xdplb/bpf/xdplb.bpf.o";
  private static final List<String> PINNED =
      List.of(
          "config",
          "address_filter",
          "keys",
          "vips",
          "port_ranges",
          "source_ranges",
          "histories",
          "rings",
          "ring_histories",
          "backends",
          "backend_cpus",
          "vip_cpus",
          "drops",
          "flows",
          "flow_index",
          "interfaces");

  /** How many nodes encapsulated packets can come from. */
  static final int PEERS = 4096;

  /**
   * The most lines of former owners. Slots that moved from the same owners at the same time share
   * one, so these are many.
   */
  private static final int HISTORIES = 1 << 17;

  /** Maps that are sections of data in the object, where they have another name. */
  private static final Map<String, String> SECTIONS =
      Map.of("config", ".data.config", "address_filter", ".data.filter");

  private final BpfObject object;
  final MapMemory config;
  final MapMemory filter;
  final MapMemory keys;
  final MapMemory vips;
  final MapMemory portRanges;
  final MapMemory backends;

  private Maps(BpfObject object) {
    this.object = object;
    config = object.map(inObject("config")).mmap();
    filter = object.map(inObject("address_filter")).mmap();
    keys = object.map("keys").mmap();
    vips = object.map("vips").mmap();
    portRanges = object.map("port_ranges").mmap();
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
            DatapathException.Reason.VerifierRejected,
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
      PINNED.forEach(name -> spec.map(inObject(name)).pinnedAt(pins.resolve(name)));
      int buckets = size(spec, pins, "keys", keyBuckets(config));
      flows = size(spec, pins, "flows", flows);
      int flowBuckets = size(spec, pins, "flow_index", Math.max(1, flows / 2));
      int vips = size(spec, pins, "vips", 2 * config.maxVips()); // each may have its own address
      size(spec, pins, "vip_cpus", vips);
      size(spec, pins, "port_ranges", vips / 2);
      size(spec, pins, "backends", config.maxBackends());
      int cpus = Libbpf.possibleCpus();
      int backendLines = size(spec, pins, "backend_cpus", config.maxBackends() * cpus);
      spec.set("backend_cpu_stride", backendLines / cpus);
      int lines = size(spec, pins, "rings", RingStretch.lines(config.maxRingSlots()));
      size(spec, pins, "ring_histories", lines);
      size(spec, pins, "histories", Math.min(HISTORIES, 2 * config.maxRingSlots()));
      spec.set("key_bucket_mask", buckets - 1);
      spec.set("flow_mask", flows - 1);
      spec.set("flow_bucket_mask", flowBuckets - 1);
      spec.set("multi_buffer", multiBuffer ? 1 : 0);
      if (multiBuffer) {
        spec.program("xdplb").xdpFrags();
      }
      return spec.load();
    }
  }

  /** For VIPs, their addresses, peers and endpoints on this machine; at most 80 % full. */
  private static int keyBuckets(DatapathConfig config) {
    long keys = 2L * config.maxVips() + PEERS + config.maxBackends() / 2;
    return powerOfTwo((int) (keys * 5 / 4 / TwoChoiceTable.SLOTS_PER_BUCKET));
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

  /** The program for what interfaces send. */
  BpfProgram egress() {
    return object.program("xdplb_egress");
  }

  BpfProgram jiffies() {
    return object.program("jiffies");
  }

  /** A map by the name of its pin. */
  BpfMap map(String name) {
    return object.map(inObject(name));
  }

  private static String inObject(String name) {
    return SECTIONS.getOrDefault(name, name);
  }

  @Override
  public void close() {
    List.of(config, filter, keys, vips, portRanges, backends).forEach(MapMemory::close);
    object.close();
  }
}
