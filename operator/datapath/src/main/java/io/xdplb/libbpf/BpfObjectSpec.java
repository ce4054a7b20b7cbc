// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * An object file that was opened and not yet loaded: the time to set sizes, pins and constants.
 * {@link #load} uses it up. Close it in any case. Not safe for use by several threads.
 */
public final class BpfObjectSpec implements AutoCloseable {
  /** The most the kernel accepts up to 5.1; untouched pages of it cost nothing. */
  private static final int LOG_SIZE = (1 << 24) - 1;

  private static final int OPEN_OPTS_SIZE = 80;

  private final String name;
  private final Memory verifierLog;
  private final Btf btf;
  private final Map<String, BpfMapSpec> maps = new LinkedHashMap<>();
  private final Map<String, Pointer> programs = new LinkedHashMap<>();
  private Pointer object;

  BpfObjectSpec(String name, byte[] elf) {
    this.name = name;
    verifierLog = new Memory(LOG_SIZE);
    verifierLog.setByte(0, (byte) 0);
    object = open(name, elf, verifierLog);
    try {
      for (Pointer map = nextMap(null); map != null; map = nextMap(map)) {
        String mapName = mapName(map);
        maps.put(mapName, new BpfMapSpec(this, map, mapName));
      }
      for (Pointer program = nextProgram(null); program != null; program = nextProgram(program)) {
        programs.put(LibBpf.bpf_program__name(program), program);
      }
      btf = readBtf();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static Pointer open(String name, byte[] elf, Memory log) {
    byte[] cName = (name + "\0").getBytes(StandardCharsets.UTF_8);
    // One block for struct and name, so that neither can be collected before the call returns.
    Memory opts = Opts.sized(OPEN_OPTS_SIZE, cName.length);
    opts.write(OPEN_OPTS_SIZE, cName, 0, cName.length);
    opts.setPointer(8, opts.share(OPEN_OPTS_SIZE));
    opts.setPointer(56, log);
    opts.setLong(64, LOG_SIZE);
    LibbpfLog.clear();
    Pointer object = LibBpf.bpf_object__open_mem(elf, elf.length, opts);
    if (object == null) {
      throw new LibbpfException(
          "open",
          "BPF object " + name,
          Native.getLastError(),
          "its " + elf.length + " bytes must be an ELF file made by clang -target bpf -g",
          "",
          LibbpfLog.warnings());
    }
    return object;
  }

  /** The name given to {@link BpfObject#open}. */
  public String name() {
    return name;
  }

  /** The object's types. */
  public Btf btf() {
    return btf;
  }

  /**
   * A map by its name in C; ".rodata", ".data" and ".bss" hold the global variables.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public BpfMapSpec map(String map) {
    return Named.get(maps, map, "map", name);
  }

  /**
   * A program by the name of its C function.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public BpfProgramSpec program(String program) {
    return new BpfProgramSpec(this, Named.get(programs, program, "program", name), program);
  }

  /**
   * Sets the initial value of a global integer variable. A {@code const volatile} one (.rodata)
   * keeps it for ever, and the verifier removes the code that it makes unreachable.
   *
   * @param value must fit the variable's size, signed or unsigned
   * @throws IllegalArgumentException if there is no such variable or the value does not fit
   */
  public BpfObjectSpec set(String variable, long value) {
    int size = variable(variable).size();
    boolean fits = size >= 8 || value >= -1L << (size * 8 - 1) && value < 1L << (size * 8);
    ByteBuffer bytes = ByteBuffer.allocate(size).order(ByteOrder.nativeOrder());
    switch (fits ? size : 0) {
      case 1 -> bytes.put(0, (byte) value);
      case 2 -> bytes.putShort(0, (short) value);
      case 4 -> bytes.putInt(0, (int) value);
      case 8 -> bytes.putLong(0, value);
      default ->
          throw new IllegalArgumentException(
              value + " does not fit variable " + variable + " of " + size + " bytes");
    }
    return set(variable, bytes.array());
  }

  /**
   * Sets the initial value of a global variable.
   *
   * @param value as many bytes as the variable has, in native order
   * @throws IllegalArgumentException if there is no such variable or it has another size
   */
  public BpfObjectSpec set(String variable, byte[] value) {
    checkOpen();
    Btf.Variable place = variable(variable);
    long[] size = new long[1];
    Pointer section = LibBpf.bpf_map__initial_value(map(place.section()).pointer(), size);
    if (value.length != place.size()
        || section == null
        || place.offset() + value.length > size[0]) {
      throw new IllegalArgumentException(
          "%d bytes for variable %s of %s, which has %d"
              .formatted(value.length, variable, name, place.size()));
    }
    section.write(place.offset(), value, 0, value.length);
    return this;
  }

  private Btf.Variable variable(String variable) {
    return btf.variable(variable)
        .orElseThrow(
            () -> new IllegalArgumentException(name + " has no global variable " + variable));
  }

  /**
   * Creates or adopts the maps, and has the programs verified and loaded. Afterwards, or after a
   * failure, this spec is closed and nothing that this call created remains.
   *
   * @throws LibbpfException with the verifier's log if it refused a program; if a pinned map cannot
   *     be adopted; if a map cannot be created or pinned
   */
  public BpfObject load() {
    checkOpen();
    try {
      maps.values().forEach(BpfMapSpec::adoptIfPinned);
      LibbpfLog.clear();
      int result = LibBpf.bpf_object__load(object);
      if (result < 0) {
        throw new LibbpfException(
            "load",
            "BPF object " + name,
            -result,
            LibbpfException.advice(-result),
            verifierLog.getString(0),
            LibbpfLog.warnings());
      }
      return BpfObject.collect(name, btf, maps.values(), programs);
    } finally {
      close();
    }
  }

  /** Frees what was opened. Objects that were loaded from it stay. */
  @Override
  public void close() {
    if (object != null) {
      LibBpf.bpf_object__close(object);
      object = null;
    }
    verifierLog.close();
  }

  void checkOpen() {
    if (object == null) {
      throw new IllegalStateException("BPF object " + name + " was loaded or closed before");
    }
  }

  private Pointer nextMap(Pointer previous) {
    return LibBpf.bpf_object__next_map(object, previous);
  }

  private Pointer nextProgram(Pointer previous) {
    return LibBpf.bpf_object__next_program(object, previous);
  }

  /** Maps of global variables are called "object.rodata" by libbpf; here only ".rodata". */
  private static String mapName(Pointer map) {
    String name = LibBpf.bpf_map__name(map);
    return LibBpf.bpf_map__is_internal(map) == 0 || name.startsWith(".")
        ? name
        : name.substring(name.lastIndexOf('.'));
  }

  private Btf readBtf() {
    Pointer types = LibBpf.bpf_object__btf(object);
    int[] size = new int[1];
    Pointer raw = types == null ? null : LibBpf.btf__raw_data(types, size);
    if (raw == null) {
      throw new LibbpfException("read the types of", "BPF object " + name, 0, "build it with -g");
    }
    return Btf.parse(raw.getByteArray(0, size[0]));
  }
}
