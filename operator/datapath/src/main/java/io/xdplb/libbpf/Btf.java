// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The types of a BPF object (BTF, Documentation/bpf/btf.rst): how the C compiler laid out its
 * structs, what its enums mean, and where its global variables are.
 */
public final class Btf {
  private static final int MAGIC = 0xeb9f;
  private static final int POINTER_SIZE = 8;
  private static final int TYPE_HEADER = 12;

  private static final int INT = 1;
  private static final int PTR = 2;
  private static final int ARRAY = 3;
  private static final int STRUCT = 4;
  private static final int UNION = 5;
  private static final int ENUM = 6;
  private static final int TYPEDEF = 8;
  private static final int VOLATILE = 9;
  private static final int CONST = 10;
  private static final int RESTRICT = 11;
  private static final int FUNC_PROTO = 13;
  private static final int VAR = 14;
  private static final int DATASEC = 15;
  private static final int FLOAT = 16;
  private static final int DECL_TAG = 17;
  private static final int TYPE_TAG = 18;
  private static final int ENUM64 = 19;

  private final ByteBuffer data;
  private final int strings;

  /** Where the type with an id starts; id 0 is void. */
  private final int[] types;

  private final Map<String, Integer> structs = new HashMap<>();
  private final Map<String, Integer> enums = new HashMap<>();
  private final Map<String, Variable> variables = new HashMap<>();

  /**
   * A member of a struct.
   *
   * @param offset from the start of the outermost struct, in bytes
   * @param size in bytes
   */
  public record Member(String name, int offset, int size) {}

  /**
   * A struct. Members of anonymous structs and unions inside it are listed as its own, as C lets
   * one write them.
   *
   * @param size in bytes, with padding
   * @param members by name, in the order of the source
   */
  public record Struct(String name, int size, Map<String, Member> members) {}

  /**
   * A global variable.
   *
   * @param section the map it lives in: ".rodata", ".data", ".bss"
   * @param offset in that map's only value, in bytes
   * @param size in bytes
   */
  public record Variable(String section, int offset, int size) {}

  private Btf(ByteBuffer data, int strings, int[] types) {
    this.data = data;
    this.strings = strings;
    this.types = types;
  }

  /**
   * Reads raw BTF.
   *
   * @throws IllegalArgumentException if it is none
   */
  static Btf parse(byte[] raw) {
    ByteBuffer data = ByteBuffer.wrap(raw).order(ByteOrder.nativeOrder());
    if (raw.length < 24 || (data.getShort(0) & 0xffff) != MAGIC) {
      throw new IllegalArgumentException("not BTF of this machine's byte order");
    }
    int header = data.getInt(4);
    int start = header + data.getInt(8);
    int end = start + data.getInt(12);
    int[] found = new int[data.getInt(12) / TYPE_HEADER + 1];
    int count = 1;
    for (int at = start; at < end; ) {
      found[count++] = at;
      int info = data.getInt(at + 4);
      at += TYPE_HEADER + trailer((info >>> 24) & 0x1f, info & 0xffff);
    }
    Btf btf = new Btf(data, header + data.getInt(16), Arrays.copyOf(found, count));
    btf.index();
    return btf;
  }

  private static int trailer(int kind, int members) {
    return switch (kind) {
      case INT, VAR, DECL_TAG -> 4;
      case ARRAY -> 12;
      case STRUCT, UNION, DATASEC, ENUM64 -> members * 12;
      case ENUM, FUNC_PROTO -> members * 8;
      default -> 0;
    };
  }

  private void index() {
    for (int id = 1; id < types.length; id++) {
      switch (kind(id)) {
        case STRUCT -> structs.putIfAbsent(name(id), id);
        case ENUM, ENUM64 -> enums.putIfAbsent(name(id), id);
        case DATASEC -> indexSection(id);
        default -> {}
      }
    }
    for (int id = 1; id < types.length; id++) {
      if (kind(id) == TYPEDEF && kind(resolve(id)) == STRUCT) {
        structs.putIfAbsent(name(id), resolve(id));
      }
    }
  }

  private void indexSection(int id) {
    for (int i = 0; i < count(id); i++) {
      int entry = types[id] + TYPE_HEADER + i * 12;
      String variable = name(data.getInt(entry));
      variables.put(
          variable, new Variable(name(id), data.getInt(entry + 4), data.getInt(entry + 8)));
    }
  }

  /**
   * The layout of a struct, by its tag or by the name of a typedef for it.
   *
   * @throws IllegalArgumentException if the object has no such struct, or it has a bitfield, which
   *     has no byte offset
   */
  public Struct struct(String name) {
    Integer id = structs.get(name);
    if (id == null) {
      throw new IllegalArgumentException("the object has no struct " + name);
    }
    Map<String, Member> members = new LinkedHashMap<>();
    collect(id, name, 0, members);
    return new Struct(name, sizeOrType(id), Collections.unmodifiableMap(members));
  }

  private void collect(int id, String path, int base, Map<String, Member> members) {
    boolean mayHaveBitfields = data.getInt(types[id] + 4) < 0;
    for (int i = 0; i < count(id); i++) {
      int entry = types[id] + TYPE_HEADER + i * 12;
      String name = string(data.getInt(entry));
      int type = data.getInt(entry + 4);
      int position = data.getInt(entry + 8);
      int bits = mayHaveBitfields ? position & 0xffffff : position;
      if (mayHaveBitfields && position >>> 24 != 0 || bits % 8 != 0) {
        throw new IllegalArgumentException(path + "." + name + " is a bitfield: it has no offset");
      }
      int offset = base + bits / 8;
      if (name.isEmpty()) {
        collect(resolve(type), path, offset, members);
      } else {
        members.put(name, new Member(name, offset, size(type)));
      }
    }
  }

  /**
   * The constants of an enum by name, in the order of the source.
   *
   * @throws IllegalArgumentException if the object has no such enum
   */
  public Map<String, Long> enumeration(String name) {
    Integer id = enums.get(name);
    if (id == null) {
      throw new IllegalArgumentException("the object has no enum " + name);
    }
    boolean wide = kind(id) == ENUM64;
    Map<String, Long> constants = new LinkedHashMap<>();
    for (int i = 0; i < count(id); i++) {
      int entry = types[id] + TYPE_HEADER + i * (wide ? 12 : 8);
      long low = data.getInt(entry + 4);
      constants.put(
          string(data.getInt(entry)),
          wide ? (long) data.getInt(entry + 8) << 32 | low & 0xffff_ffffL : low);
    }
    return Collections.unmodifiableMap(constants);
  }

  /** Where a global variable is, if the object has one of that name. */
  public Optional<Variable> variable(String name) {
    return Optional.ofNullable(variables.get(name));
  }

  private int size(int id) {
    int type = resolve(id);
    return switch (kind(type)) {
      case INT, STRUCT, UNION, ENUM, ENUM64, FLOAT, DATASEC -> sizeOrType(type);
      case PTR -> POINTER_SIZE;
      case ARRAY -> {
        int array = types[type] + TYPE_HEADER;
        yield Math.multiplyExact(size(data.getInt(array)), data.getInt(array + 8));
      }
      default ->
          throw new IllegalArgumentException("BTF type " + id + " (" + name(id) + ") has no size");
    };
  }

  /** Skips typedefs and qualifiers. */
  private int resolve(int id) {
    return switch (kind(id)) {
      case TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG -> resolve(sizeOrType(id));
      default -> id;
    };
  }

  private int kind(int id) {
    return id == 0 ? 0 : (data.getInt(types[id] + 4) >>> 24) & 0x1f;
  }

  private int count(int id) {
    return data.getInt(types[id] + 4) & 0xffff;
  }

  private int sizeOrType(int id) {
    return data.getInt(types[id] + 8);
  }

  private String name(int id) {
    return string(data.getInt(types[id]));
  }

  private String string(int offset) {
    int start = strings + offset;
    int end = start;
    while (data.get(end) != 0) {
      end++;
    }
    return new String(data.array(), start, end - start, StandardCharsets.UTF_8);
  }
}
