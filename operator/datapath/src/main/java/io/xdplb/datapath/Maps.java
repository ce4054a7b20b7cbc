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
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

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
          "announce",
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
          "interfaces",
          "claims",
          "lan_ports",
          "announce_counts");

  /** How many nodes encapsulated packets can come from. */
  static final int PEERS = 4096;

  /**
   * The most lines of former owners. Slots that moved from the same owners at the same time share
   * one, so these are many.
   */
  private static final int HISTORIES = 1 << 17;

  /** Maps that are sections of data in the object, where they have another name. */
  private static final Map<String, String> SECTIONS =
      Map.of(
          "config", ".data.config",
          "address_filter", ".data.filter",
          "announce", ".data.announce");

  private final BpfObject object;
  private final Path pinPath;
  private Optional<String> replaces;
  final MapMemory config;
  final MapMemory filter;
  final MapMemory announce;
  final MapMemory keys;
  final MapMemory vips;
  final MapMemory portRanges;
  final MapMemory backends;

  private Maps(BpfObject object, Path pinPath, Optional<String> replaces) {
    this.object = object;
    this.pinPath = pinPath;
    this.replaces = replaces;
    config = object.map(inObject("config")).mmap();
    filter = object.map(inObject("address_filter")).mmap();
    announce = object.map(inObject("announce")).mmap();
    keys = object.map("keys").mmap();
    vips = object.map("vips").mmap();
    portRanges = object.map("port_ranges").mmap();
    backends = object.map("backends").mmap();
  }

  /**
   * Loads the program; adopts what is pinned, creates and pins what is not. If a pinned map has
   * another layout than the program's, all are created, beside those that are pinned: see {@link
   * #replaces}.
   *
   * @throws DatapathException if the verifier refuses the program
   */
  static Maps open(DatapathConfig config) {
    Path pinPath = config.pinPath();
    Optional<String> replaces;
    Path pins;
    try {
      finishReplacement(pinPath);
      Files.createDirectories(mapPins(pinPath));
      replaces = differences(config);
      pins = replaces.isEmpty() ? mapPins(pinPath) : newMapPins(pinPath);
      Files.createDirectories(pins);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot make the pins of the maps below " + pinPath, e);
    }
    try {
      return new Maps(load(config, pins, true), pinPath, replaces);
    } catch (LibbpfException withFragments) {
      try {
        return new Maps(load(config, pins, false), pinPath, replaces); // before kernel 5.18
      } catch (LibbpfException e) {
        throw new DatapathException(
            DatapathException.Reason.VerifierRejected,
            "cannot load the XDP program: " + e.getMessage(),
            e);
      }
    }
  }

  /** What is different in the maps that are pinned; their sizes are no difference. */
  private static Optional<String> differences(DatapathConfig config) {
    Path pins = mapPins(config.pinPath());
    try (BpfObjectSpec spec = BpfObject.open("xdplb", elf())) {
      prepare(spec, pins, config);
      String differences =
          PINNED.stream()
              .flatMap(
                  name ->
                      spec.map(inObject(name)).pinDifferences().stream().map(d -> name + ": " + d))
              .collect(Collectors.joining(", "));
      return Optional.of(differences).filter(text -> !text.isEmpty());
    }
  }

  /**
   * An agent may have ended while it replaced the maps. New ones are only the program's once the
   * old ones are not pinned any more.
   */
  private static void finishReplacement(Path pinPath) throws IOException {
    if (Files.exists(mapPins(pinPath))) {
      removeTree(newMapPins(pinPath));
    } else if (Files.exists(newMapPins(pinPath))) {
      Files.move(newMapPins(pinPath), mapPins(pinPath));
    }
  }

  private static void removeTree(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  /**
   * In what the maps that a former agent has pinned differ from these; empty where these are those,
   * or {@link #replaced}. Until it is, they are beside these.
   */
  Optional<String> replaces() {
    return replaces;
  }

  /** Nobody uses the former maps any more: these take their place. */
  void replaced() {
    if (replaces.isPresent()) {
      try {
        removeTree(mapPins(pinPath));
        Files.move(newMapPins(pinPath), mapPins(pinPath));
      } catch (IOException e) {
        throw new UncheckedIOException("cannot replace the pins " + mapPins(pinPath), e);
      }
      replaces = Optional.empty();
    }
  }

  private static BpfObject load(DatapathConfig config, Path pins, boolean multiBuffer) {
    try (BpfObjectSpec spec = BpfObject.open("xdplb", elf())) {
      Layouts.check(spec.btf());
      DropReason.check(spec.btf());
      prepare(spec, pins, config);
      spec.set("multi_buffer", multiBuffer ? 1 : 0);
      if (multiBuffer) {
        spec.program("xdplb").xdpFrags();
      }
      return spec.load();
    }
  }

  /** Where the maps are pinned, and how large they are. */
  private static void prepare(BpfObjectSpec spec, Path pins, DatapathConfig config) {
    PINNED.forEach(name -> spec.map(inObject(name)).pinnedAt(pins.resolve(name)));
    int flows = powerOfTwo(config.maxFlows());
    int buckets = size(spec, pins, "keys", keyBuckets(config));
    flows = size(spec, pins, "flows", flows);
    int flowBuckets = size(spec, pins, "flow_index", Math.max(1, flows / 2));
    int vips = size(spec, pins, "vips", 2 * config.maxVips()); // each may have its own address
    size(spec, pins, "vip_cpus", vips);
    size(spec, pins, "port_ranges", vips / 2);
    size(spec, pins, "claims", config.maxVips());
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

  /** The folder of maps that are to take the place of those. */
  static Path newMapPins(Path pinPath) {
    return pinPath.resolve("maps-new");
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
    List.of(config, filter, announce, keys, vips, portRanges, backends).forEach(MapMemory::close);
    object.close();
  }
}
