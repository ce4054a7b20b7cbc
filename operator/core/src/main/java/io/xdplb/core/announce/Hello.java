// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What an agent sends to another node's datapath ten times a second, and what that returns at once.
 * Times are milliseconds of the monotonic clock of the node that is named.
 *
 * <pre>
 *   0  magic "xdpH"      4  version  5  kind  6  from  7  to
 *   8  epoch
 *  16  run
 *  24  withdrawn
 *  32  sent
 *  40  instance
 *  48  seen
 *  56  tag: SipHash-2-4 of bytes 0 to 55
 * </pre>
 *
 * Integers are little-endian, so that the datapath reads them as they are.
 *
 * @param isReflection whether this is a datapath's answer: the hello as it came, but for {@code
 *     instance} and {@code seen}
 * @param from slot of the agent's node
 * @param to slot of the datapath's node
 * @param epoch of the membership that the agent has
 * @param run the agent's, see {@link Announcer}
 * @param withdrawn the version of the agent's state in which it last took a support away from that
 *     node without having been told that it may: the grant counts only for who knows that state
 * @param sent when the agent sent it, by the agent's clock
 * @param instance the reflecting datapath's, a number that no other has had; 0 if unknown
 * @param seen the newest time of that datapath that the agent has seen, 0 if none; in a reflection
 *     the time of the datapath now
 */
public record Hello(
    boolean isReflection,
    int from,
    int to,
    long epoch,
    long run,
    long withdrawn,
    long sent,
    long instance,
    long seen) {

  /** Length in bytes, with the tag. */
  public static final int LENGTH = 64;

  /** First four bytes: "xdpH". */
  static final int MAGIC = 0x4870_6478;

  static final byte VERSION = 1;

  private static final byte HELLO = 1;
  private static final byte REFLECTION = 2;

  /** The answer of a datapath. */
  public Hello reflect(long instance, long now) {
    return new Hello(true, from, to, epoch, run, withdrawn, sent, instance, now);
  }

  /** {@link #LENGTH} bytes; those of the tag are 0. */
  public byte[] encode() {
    return ByteBuffer.allocate(LENGTH)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(MAGIC)
        .put(VERSION)
        .put(isReflection ? REFLECTION : HELLO)
        .put((byte) from)
        .put((byte) to)
        .putLong(epoch)
        .putLong(run)
        .putLong(withdrawn)
        .putLong(sent)
        .putLong(instance)
        .putLong(seen)
        .array();
  }

  /** Whether these bytes begin as a hello does. */
  public static boolean isHello(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt() == MAGIC;
  }

  /**
   * Reads what {@link #encode} wrote; the tag is the caller's affair.
   *
   * @throws IllegalArgumentException if it is no hello of this version
   */
  public static Hello decode(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.length != LENGTH || in.getInt() != MAGIC || in.get() != VERSION) {
      throw new IllegalArgumentException(
          bytes.length + " bytes are no hello of version " + VERSION);
    }
    byte kind = in.get();
    if (kind != HELLO && kind != REFLECTION) {
      throw new IllegalArgumentException("hello of kind " + kind);
    }
    return new Hello(
        kind == REFLECTION,
        in.get(),
        in.get(),
        in.getLong(),
        in.getLong(),
        in.getLong(),
        in.getLong(),
        in.getLong(),
        in.getLong());
  }
}
