// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Pointer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The maps and programs of a loaded object file. What is neither pinned, attached, nor used by
 * something that is, goes away with {@link #close}.
 *
 * <pre>{@code
 * try (BpfObjectSpec spec = BpfObject.open("xdplb", bytes)) {
 *   spec.map("backends").maxEntries(1024).pinnedAt(folder.resolve("backends"));
 *   BpfObject object = spec.set("node_index", 7).load();
 * }
 * }</pre>
 */
public final class BpfObject implements AutoCloseable {
  private final String name;
  private final Btf btf;
  private final Map<String, BpfMap> maps = new LinkedHashMap<>();
  private final Map<String, BpfProgram> programs = new LinkedHashMap<>();

  private BpfObject(String name, Btf btf) {
    this.name = name;
    this.btf = btf;
  }

  /**
   * Opens an object file.
   *
   * @param name for messages, and the first part of the kernel's names of its global variables
   * @param elf the file's bytes
   * @throws LibbpfException if it is no BPF object
   * @throws UnsatisfiedLinkError naming the package to install if there is no libbpf
   */
  public static BpfObjectSpec open(String name, byte[] elf) {
    return new BpfObjectSpec(name, elf);
  }

  static BpfObject collect(
      String name, Btf btf, Collection<BpfMapSpec> mapSpecs, Map<String, Pointer> programSpecs) {
    BpfObject object = new BpfObject(name, btf);
    List<Path> pinned = new ArrayList<>();
    try {
      for (BpfMapSpec spec : mapSpecs) {
        int fd = LibBpf.bpf_map__fd(spec.pointer());
        if (fd >= 0) {
          BpfMap map = new BpfMap(Fd.duplicate(fd, "map " + spec.name()));
          object.maps.put(spec.name(), map);
          if (spec.missingPin() != null) {
            map.pin(spec.missingPin());
            pinned.add(spec.missingPin());
          }
        }
      }
      programSpecs.forEach(
          (programName, pointer) -> {
            int fd = LibBpf.bpf_program__fd(pointer);
            if (fd >= 0) {
              object.programs.put(
                  programName, new BpfProgram(Fd.duplicate(fd, "program " + programName)));
            }
          });
      return object;
    } catch (RuntimeException | Error e) {
      object.close();
      for (Path pin : pinned) {
        try {
          Files.delete(pin);
        } catch (IOException stays) {
          e.addSuppressed(new UncheckedIOException(stays));
        }
      }
      throw e;
    }
  }

  /** The name given to {@link #open}. */
  public String name() {
    return name;
  }

  /** The object's types. */
  public Btf btf() {
    return btf;
  }

  /**
   * A map by its name in C; ".rodata", ".data" and ".bss" hold the global variables. It is closed
   * with this object.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public BpfMap map(String map) {
    return Named.get(maps, map, "map", name);
  }

  /** All maps by name. */
  public Map<String, BpfMap> maps() {
    return Collections.unmodifiableMap(maps);
  }

  /**
   * A program by the name of its C function. It is closed with this object.
   *
   * @throws IllegalArgumentException if none of that name was loaded
   */
  public BpfProgram program(String program) {
    return Named.get(programs, program, "loaded program", name);
  }

  /** All loaded programs by name. */
  public Map<String, BpfProgram> programs() {
    return Collections.unmodifiableMap(programs);
  }

  @Override
  public void close() {
    maps.values().forEach(BpfMap::close);
    programs.values().forEach(BpfProgram::close);
  }
}
