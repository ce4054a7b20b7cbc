// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a tag of 64 bits that nobody can compute who has not
 * the key. What a {@link Hello} and a {@link Message} are authenticated by.
 *
 * @param key0 bytes 0 to 7 of the key, little-endian
 * @param key1 bytes 8 to 15
 */
public record SipHash(long key0, long key1) {

  /** How many bytes a key has. */
  public static final int KEY_BYTES = 16;

  /**
   * With a key as bytes.
   *
   * @throws IllegalArgumentException if it has not {@link #KEY_BYTES}
   */
  public static SipHash of(byte[] key) {
    if (key.length != KEY_BYTES) {
      throw new IllegalArgumentException(
          "a key of " + key.length + " bytes, and " + KEY_BYTES + " are needed");
    }
    ByteBuffer words = ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN);
    return new SipHash(words.getLong(), words.getLong());
  }

  /** The tag of some bytes. On the wire it is little-endian. */
  public long tag(byte[] bytes, int offset, int length) {
    ByteBuffer in = ByteBuffer.wrap(bytes, offset, length).order(ByteOrder.LITTLE_ENDIAN);
    State state = new State(key0, key1);
    while (in.remaining() >= Long.BYTES) {
      state.add(in.getLong());
    }
    long last = (long) length << 56;
    for (int shift = 0; in.hasRemaining(); shift += Byte.SIZE) {
      last |= (in.get() & 0xffL) << shift;
    }
    state.add(last);
    return state.end();
  }

  private static final class State {
    private long v0;
    private long v1;
    private long v2;
    private long v3;

    State(long key0, long key1) {
      v0 = key0 ^ 0x736f6d6570736575L;
      v1 = key1 ^ 0x646f72616e646f6dL;
      v2 = key0 ^ 0x6c7967656e657261L;
      v3 = key1 ^ 0x7465646279746573L;
    }

    void add(long word) {
      v3 ^= word;
      round();
      round();
      v0 ^= word;
    }

    long end() {
      v2 ^= 0xff;
      for (int i = 0; i < 4; i++) {
        round();
      }
      return v0 ^ v1 ^ v2 ^ v3;
    }

    private void round() {
      v0 += v1;
      v2 += v3;
      v1 = Long.rotateLeft(v1, 13) ^ v0;
      v3 = Long.rotateLeft(v3, 16) ^ v2;
      v0 = Long.rotateLeft(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = Long.rotateLeft(v1, 17) ^ v2;
      v3 = Long.rotateLeft(v3, 21) ^ v0;
      v2 = Long.rotateLeft(v2, 32);
    }
  }
}
