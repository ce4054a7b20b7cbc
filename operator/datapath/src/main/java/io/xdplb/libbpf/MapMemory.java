// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * An array's values as memory shared with the kernel: what is written here is what BPF programs
 * read, at once and with no system call. Value {@code i} begins at {@code i * stride()}.
 */
public final class MapMemory implements AutoCloseable {
  /** A multiple of every page size in use. */
  private static final int PAGE = 65536;

  private final Pointer address;
  private final int length;
  private final int stride;
  private ByteBuffer buffer;

  private MapMemory(Pointer address, int length, int start, MapInfo info) {
    this.address = address;
    this.length = length;
    stride = info.stride();
    buffer = address.getByteBuffer(start, length - start).order(ByteOrder.nativeOrder());
  }

  static MapMemory of(BpfMap map, int first, int count) {
    MapInfo info = map.info();
    long begin = (long) first * info.stride();
    long end = begin + length(info, count);
    long page = begin / PAGE * PAGE; // a mapping begins at a page
    int length = (int) (end - page);
    Pointer address =
        LibC.mmap(null, length, LibC.PROT_READ | LibC.PROT_WRITE, LibC.MAP_SHARED, map.fd(), page);
    if (Pointer.nativeValue(address) == -1) {
      String advice =
          (info.flags() & MapInfo.MMAPABLE) == 0
              ? "it was not created with BPF_F_MMAPABLE"
              : "it is frozen, or read-only";
      throw new LibbpfException("map into memory", map.toString(), Native.getLastError(), advice);
    }
    return new MapMemory(address, length, (int) (begin - page), info);
  }

  /**
   * How many bytes so many values have.
   *
   * @throws LibbpfException if it is more than a ByteBuffer can hold
   */
  static int length(MapInfo info, int count) {
    long length = (long) info.stride() * Integer.toUnsignedLong(count);
    if (length > Integer.MAX_VALUE - PAGE) {
      throw new LibbpfException(
          "map into memory",
          "map " + info.name(),
          0,
          "its values have " + length + " bytes, and at most 2 GiB can be mapped: use batches");
    }
    return (int) length;
  }

  /** How far apart two values are: the value size rounded up to a multiple of 8. */
  public int stride() {
    return stride;
  }

  /**
   * All values, in native byte order. Aligned writes of up to 8 bytes are seen whole by programs;
   * publish what spans more by writing its last field with release semantics ({@link
   * java.lang.invoke.MethodHandles#byteBufferViewVarHandle}).
   *
   * <p>Neither the buffer nor anything derived from it may be used after {@link #close}: the memory
   * is gone then, and the access would end the process.
   */
  public ByteBuffer buffer() {
    if (buffer == null) {
      throw new IllegalStateException("the memory mapping is closed");
    }
    return buffer;
  }

  @Override
  public void close() {
    if (buffer != null) {
      buffer = null;
      LibC.munmap(address, length);
    }
  }
}
