// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * An array's values as memory shared with the kernel: what is written here is what BPF programs
 * read, at once and with no system call. Value {@code i} begins at {@code i * stride()}.
 */
public final class MapMemory implements AutoCloseable {
  private static final int PAGE = 4096;

  private final Pointer address;
  private final int length;
  private final int stride;
  private ByteBuffer buffer;

  MapMemory(Pointer address, int length, MapInfo info) {
    this.address = address;
    this.length = length;
    stride = info.stride();
    buffer = address.getByteBuffer(0, length).order(ByteOrder.nativeOrder());
  }

  /**
   * How many bytes of values a map has.
   *
   * @throws LibbpfException if it is more than a ByteBuffer can hold
   */
  static int length(MapInfo info) {
    long length = (long) info.stride() * Integer.toUnsignedLong(info.maxEntries());
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
