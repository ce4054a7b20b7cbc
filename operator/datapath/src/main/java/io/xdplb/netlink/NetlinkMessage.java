// SPDX-License-Identifier: Apache-2.0
package io.xdplb.netlink;

import io.xdplb.core.model.Ip;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A netlink message: a header of 16 bytes (length, type, flags, sequence, port), a fixed body that
 * depends on the type, and attributes (length, type, value), all aligned to 4 bytes (netlink(7)).
 *
 * @param body what follows the header
 */
record NetlinkMessage(int type, ByteBuffer body) {
  static final int ERROR = 2;
  static final int DONE = 3;

  static final int AF_INET = 2;
  static final int AF_INET6 = 10;

  static final int REQUEST = 1;
  static final int ACK = 4;
  static final int ECHO = 8;
  static final int REPLACE = 0x100;
  static final int DUMP = 0x300;
  static final int CREATE = 0x400;

  private static final int HEADER = 16;
  private static final int ATTRIBUTE_HEADER = 4;
  private static final int ATTRIBUTE_TYPE_MASK = 0x3fff;

  /** The messages of one datagram. */
  static List<NetlinkMessage> parse(ByteBuffer datagram) {
    List<NetlinkMessage> messages = new ArrayList<>();
    int at = 0;
    while (at + HEADER <= datagram.limit()) {
      int length = datagram.getInt(at);
      if (length < HEADER || at + length > datagram.limit()) {
        throw new IllegalArgumentException(
            "a netlink message of " + length + " bytes at " + at + " of " + datagram.limit());
      }
      ByteBuffer body = slice(datagram, at + HEADER, length - HEADER);
      messages.add(new NetlinkMessage(datagram.getShort(at + 4) & 0xffff, body));
      at += align(length);
    }
    return messages;
  }

  /**
   * The value of an attribute.
   *
   * @param fixed how many bytes the body has before its attributes
   */
  Optional<ByteBuffer> attribute(int fixed, int wanted) {
    int at = align(fixed);
    while (at + ATTRIBUTE_HEADER <= body.limit()) {
      int length = body.getShort(at) & 0xffff;
      if (length < ATTRIBUTE_HEADER || at + length > body.limit()) {
        return Optional.empty();
      }
      if ((body.getShort(at + 2) & ATTRIBUTE_TYPE_MASK) == wanted) {
        return Optional.of(slice(body, at + ATTRIBUTE_HEADER, length - ATTRIBUTE_HEADER));
      }
      at += align(length);
    }
    return Optional.empty();
  }

  /** The same with bytes of its own: those of the socket's buffer are overwritten. */
  NetlinkMessage copy() {
    return new NetlinkMessage(type, ByteBuffer.wrap(bytes(body)).order(ByteOrder.nativeOrder()));
  }

  static byte[] bytes(ByteBuffer value) {
    byte[] bytes = new byte[value.remaining()];
    value.duplicate().get(bytes);
    return bytes;
  }

  static int family(Ip address) {
    return address.isIpv4() ? AF_INET : AF_INET6;
  }

  private static ByteBuffer slice(ByteBuffer from, int start, int length) {
    return from.slice(start, length).order(ByteOrder.nativeOrder());
  }

  private static int align(int length) {
    return (length + 3) & ~3;
  }

  /** Builds a request; the parts go in the order of the calls. */
  static final class Builder {
    private final ByteBuffer message = ByteBuffer.allocate(256).order(ByteOrder.nativeOrder());

    Builder(int type, int flags) {
      message.position(HEADER);
      message.putShort(4, (short) type).putShort(6, (short) (flags | REQUEST));
    }

    Builder u8(int value) {
      message.put((byte) value);
      return this;
    }

    Builder u16(int value) {
      message.putShort((short) value);
      return this;
    }

    Builder u32(int value) {
      message.putInt(value);
      return this;
    }

    Builder attribute(int type, byte[] value) {
      message.putShort((short) (ATTRIBUTE_HEADER + value.length)).putShort((short) type);
      message.put(value);
      message.position(align(message.position()));
      return this;
    }

    byte[] bytes() {
      message.putInt(0, message.position());
      return Arrays.copyOf(message.array(), message.position());
    }
  }
}
