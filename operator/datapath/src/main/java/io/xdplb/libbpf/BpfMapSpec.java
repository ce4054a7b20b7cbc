// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Pointer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A map of an object that is not loaded yet. */
public final class BpfMapSpec {
  private final BpfObjectSpec object;
  private final Pointer map;
  private final String name;
  private Path pin;
  private boolean adopted;

  BpfMapSpec(BpfObjectSpec object, Pointer map, String name) {
    this.object = object;
    this.map = map;
    this.name = name;
  }

  /** What will be created, or is expected of the pinned map. */
  public MapInfo info() {
    object.checkOpen();
    return MapInfo.ofSpec(map, name);
  }

  /** Sets how many entries the map can have. */
  public BpfMapSpec maxEntries(int entries) {
    object.checkOpen();
    if (entries < 1) {
      throw new IllegalArgumentException("map " + name + " with " + entries + " entries");
    }
    int result = LibBpf.bpf_map__set_max_entries(map, entries);
    if (result < 0) {
      throw LibbpfException.of("set the size of", "map " + name, result);
    }
    return this;
  }

  /**
   * The load will adopt the map pinned at this path if there is one, contents and all, and
   * otherwise pin the new map there. A pinned map that differs in type, key size, value size, max
   * entries or flags makes the load fail; a changed meaning of equal sizes is the caller's to
   * detect.
   */
  public BpfMapSpec pinnedAt(Path path) {
    object.checkOpen();
    pin = path;
    return this;
  }

  /**
   * In what the map that is pinned where this one is to be differs, as the load would say; empty if
   * it does not, or none is pinned.
   *
   * @throws LibbpfException if what is pinned there is no map, or cannot be opened
   */
  public List<String> pinDifferences() {
    object.checkOpen();
    if (pin == null || !Files.exists(pin)) {
      return List.of();
    }
    try (Fd existing = Fd.pinned(pin, "map")) {
      return MapInfo.differences(MapInfo.read(existing.get()), info());
    }
  }

  void adoptIfPinned() {
    if (pin == null || !Files.exists(pin)) {
      return;
    }
    try (Fd existing = Fd.pinned(pin, "map")) {
      List<String> differences = MapInfo.differences(MapInfo.read(existing.get()), info());
      if (!differences.isEmpty()) {
        throw new LibbpfException(
            "adopt for map " + name + " of " + object.name(),
            "the map pinned at " + pin,
            0,
            "it has another layout: "
                + String.join(", ", differences)
                + "; remove the pin to start with an empty map");
      }
      int result = LibBpf.bpf_map__reuse_fd(map, existing.get());
      if (result < 0) {
        throw LibbpfException.of("adopt for map " + name, "the map pinned at " + pin, result);
      }
      adopted = true;
    }
  }

  /** Where the loaded map still is to be pinned; null if nowhere. */
  Path missingPin() {
    return adopted ? null : pin;
  }

  String name() {
    return name;
  }

  Pointer pointer() {
    return map;
  }
}
