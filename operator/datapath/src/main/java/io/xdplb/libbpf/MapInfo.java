// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.ArrayList;
import java.util.List;

/**
 * What a map is ({@code struct bpf_map_info}).
 *
 * @param type the kernel's number, {@code enum bpf_map_type}
 * @param id the kernel's id of the map; 0 for one that is not loaded yet
 * @param name at most 15 characters in the kernel
 * @param keySize in bytes
 * @param valueSize in bytes; for a per-CPU map that of one CPU's value
 * @param maxEntries how many entries it can have (0 for a type without entries)
 * @param flags {@code BPF_F_*} as given at its creation
 */
public record MapInfo(
    int type, int id, String name, int keySize, int valueSize, int maxEntries, int flags) {
  /** {@code BPF_F_MMAPABLE} (kernel 5.5): an ARRAY whose values can be mapped into memory. */
  public static final int MMAPABLE = 1 << 10;

  private static final int ARRAY = 2;
  private static final int PERCPU_HASH = 5;
  private static final int PERCPU_ARRAY = 6;
  private static final int LRU_PERCPU_HASH = 10;
  private static final int SIZE = 88;

  static MapInfo read(int fd) {
    Memory info = Opts.zeroed(SIZE);
    int result = LibBpf.bpf_obj_get_info_by_fd(fd, info, new int[] {SIZE});
    if (result < 0) {
      throw LibbpfException.of("describe", "map with descriptor " + fd, result);
    }
    return new MapInfo(
        info.getInt(0),
        info.getInt(4),
        info.getString(24),
        info.getInt(8),
        info.getInt(12),
        info.getInt(16),
        info.getInt(20));
  }

  /** What an object that is not loaded yet asks for. */
  static MapInfo ofSpec(Pointer map, String name) {
    return new MapInfo(
        LibBpf.bpf_map__type(map),
        0,
        name,
        LibBpf.bpf_map__key_size(map),
        LibBpf.bpf_map__value_size(map),
        LibBpf.bpf_map__max_entries(map),
        LibBpf.bpf_map__map_flags(map));
  }

  /** The type's name as bpftool shows it: "hash", "percpu_array". */
  public String typeName() {
    String known = LibBpf.libbpf_bpf_map_type_str(type);
    return known == null ? "type " + type : known;
  }

  /** Whether each entry has one value for each possible CPU. */
  public boolean perCpu() {
    return type == PERCPU_HASH || type == PERCPU_ARRAY || type == LRU_PERCPU_HASH;
  }

  boolean isArray() {
    return type == ARRAY || type == PERCPU_ARRAY;
  }

  /** How far apart two values are in a per-CPU entry or in a memory mapping, in bytes. */
  public int stride() {
    return (valueSize + 7) & ~7;
  }

  /** How many bytes one entry's value has as it is read and written here. */
  public int valueBytes() {
    return perCpu() ? stride() * Libbpf.possibleCpus() : valueSize;
  }

  /** In what ways a pinned map differs from what is asked for; empty if it can be adopted. */
  static List<String> differences(MapInfo pinned, MapInfo wanted) {
    List<String> differences = new ArrayList<>();
    difference(differences, "type", pinned.typeName(), wanted.typeName());
    difference(differences, "key size", pinned.keySize, wanted.keySize);
    difference(differences, "value size", pinned.valueSize, wanted.valueSize);
    difference(differences, "max entries", pinned.maxEntries, wanted.maxEntries);
    difference(differences, "flags", pinned.flags, wanted.flags);
    return differences;
  }

  private static void difference(List<String> to, String what, Object pinned, Object wanted) {
    if (!pinned.equals(wanted)) {
      to.add(what + " " + pinned + " (the object: " + wanted + ")");
    }
  }
}
