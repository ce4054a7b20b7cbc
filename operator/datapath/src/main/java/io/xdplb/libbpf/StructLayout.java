// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The layout of a C struct as Java code reads and writes it. A descriptor class declares the fields
 * in order; offsets follow from sizes by C's alignment rules and are never typed:
 *
 * <pre>{@code
 * final class BackendLayout {
 *   private static final StructLayout.Builder BUILDER = StructLayout.of("backend");
 *   static final int ADDRESS = BUILDER.bytes("address", 16);
 *   static final int PORT = BUILDER.u16("port");
 *   static final int WEIGHT = BUILDER.u32("weight"); // at 20: two bytes of padding before it
 *   static final StructLayout LAYOUT = BUILDER.build();
 * }
 * }</pre>
 *
 * {@link #check} compares that with what the C compiler did.
 */
public final class StructLayout {
  private final String name;
  private final int size;
  private final Map<String, Btf.Member> fields;

  private StructLayout(String name, int size, Map<String, Btf.Member> fields) {
    this.name = name;
    this.size = size;
    this.fields = Map.copyOf(fields);
  }

  /** Begins the layout of a struct with this C name. */
  public static Builder of(String name) {
    return new Builder(name);
  }

  /** The struct's size in bytes, with the padding at its end. */
  public int size() {
    return size;
  }

  /**
   * Compares with what the C compiler did. A member that C has and Java has not, or the reverse, is
   * a difference too; padding is none.
   *
   * @throws LibbpfException naming every difference
   */
  public void check(Btf btf) {
    List<String> differences = differences(btf);
    if (!differences.isEmpty()) {
      throw new LibbpfException(
          "use",
          "struct " + name,
          0,
          "Java and the BPF object disagree about its layout: " + String.join("; ", differences));
    }
  }

  private List<String> differences(Btf btf) {
    Btf.Struct c;
    try {
      c = btf.struct(name);
    } catch (IllegalArgumentException e) {
      return List.of(e.getMessage());
    }
    List<String> differences = new ArrayList<>();
    if (c.size() != size) {
      differences.add("it has " + size + " bytes in Java, " + c.size() + " in C");
    }
    Set<String> names = new HashSet<>(fields.keySet());
    names.addAll(c.members().keySet());
    for (String field : names.stream().sorted().toList()) {
      Btf.Member inJava = fields.get(field);
      Btf.Member inC = c.members().get(field);
      if (!Objects.equals(inJava, inC)) {
        differences.add(field + " is " + place(inJava) + " in Java, " + place(inC) + " in C");
      }
    }
    return differences;
  }

  private static String place(Btf.Member member) {
    return member == null
        ? "absent"
        : "bytes " + member.offset() + " to " + (member.offset() + member.size() - 1);
  }

  /** Collects fields in the order of the C source; each method returns its field's offset. */
  public static final class Builder {
    private final String name;
    private final Map<String, Btf.Member> fields = new LinkedHashMap<>();
    private int end;
    private int alignment = 1;
    private int unionOffset;

    private Builder(String name) {
      this.name = name;
    }

    /** One byte: {@code __u8}. */
    public int u8(String field) {
      return bytes(field, 1, 1);
    }

    /** {@code __u16} or {@code __be16}. */
    public int u16(String field) {
      return bytes(field, 2, 2);
    }

    /** {@code __u32} or {@code __be32}. */
    public int u32(String field) {
      return bytes(field, 4, 4);
    }

    /** {@code __u64}. */
    public int u64(String field) {
      return bytes(field, 8, 8);
    }

    /** An array of bytes. */
    public int bytes(String field, int length) {
      return bytes(field, length, 1);
    }

    /**
     * An array of wider elements, or a struct.
     *
     * @param length its size in bytes
     * @param align its alignment in bytes, a power of two
     */
    public int bytes(String field, int length, int align) {
      int offset = roundUp(end, align);
      end = offset + length;
      alignment = Math.max(alignment, align);
      add(field, offset, length);
      return offset;
    }

    private void add(String field, int offset, int length) {
      if (fields.put(field, new Btf.Member(field, offset, length)) != null) {
        throw new IllegalArgumentException("struct " + name + " has " + field + " twice");
      }
    }

    /**
     * The largest alternative of an anonymous union.
     *
     * @param length its size in bytes
     * @param align the largest alignment of any alternative
     */
    public int union(String field, int length, int align) {
      int offset = bytes(field, length, align);
      end = roundUp(end, align);
      unionOffset = offset;
      return offset;
    }

    /** Another alternative, at the same place, of the union begun by {@link #union}. */
    public int alternative(String field, int length) {
      add(field, unionOffset, length);
      return unionOffset;
    }

    /** The layout with these fields. */
    public StructLayout build() {
      return new StructLayout(name, roundUp(end, alignment), fields);
    }

    /** The same for a struct declared with {@code __attribute__((aligned(align)))}. */
    public StructLayout buildAligned(int align) {
      alignment = Math.max(alignment, align);
      return build();
    }

    private static int roundUp(int value, int align) {
      return (value + align - 1) & -align;
    }
  }
}
