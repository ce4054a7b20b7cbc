// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * What an agent sends to another agent: one datagram. Any may be lost, late, or come twice or in
 * another order. Integers are little-endian; the last 8 bytes are the tag, SipHash-2-4 of those
 * before.
 */
public sealed interface Message {

  /** The most states of addresses in one datagram, which then has 1412 bytes. */
  int MAX_STATES = 38;

  /**
   * A part of what a node says of addresses, and how much of the receiver's it knows. The sender's
   * state has a version that counts up with each change; this is what has changed after {@code
   * since} and, in the order of the last change, up to {@code upTo}.
   *
   * @param from slot of the sender
   * @param to slot of the receiver
   * @param epoch of the membership that the sender has
   * @param run the sender's, see {@link Announcer}
   * @param instance the receiver's datapath as the sender knows it
   * @param seen the newest time of that datapath that the sender has seen: this was sent later
   * @param ackRun the receiver's run that the sender has heard of; 0 if none
   * @param ack the version of the receiver's state that the sender has
   * @param isLast whether {@code upTo} is the newest version
   */
  record State(
      int from,
      int to,
      long epoch,
      long run,
      long instance,
      long seen,
      long ackRun,
      long ack,
      long since,
      long upTo,
      boolean isLast,
      List<AddressState> changes)
      implements Message {}

  /** A newer membership, for one that has an older. */
  record News(Membership membership) implements Message {}

  /** First four bytes of a {@link State}: "xdpS". */
  int STATE_MAGIC = 0x5370_6478;

  /** First four bytes of {@link News}: "xdpM". */
  int NEWS_MAGIC = 0x4d70_6478;

  /** The bytes to send, with 8 bytes for the tag, which are 0. */
  default byte[] encode() {
    ByteBuffer out = ByteBuffer.allocate(0x1_0000).order(ByteOrder.LITTLE_ENDIAN);
    if (this instanceof State state) {
      out.putInt(STATE_MAGIC).put(Hello.VERSION).put((byte) (state.isLast ? 1 : 0));
      out.put((byte) state.from).put((byte) state.to);
      out.putLong(state.epoch).putLong(state.run).putLong(state.instance).putLong(state.seen);
      out.putLong(state.ackRun).putLong(state.ack).putLong(state.since).putLong(state.upTo);
      out.putShort((short) state.changes.size());
      for (AddressState a : state.changes) {
        out.put((byte) ((a.eligible() ? 1 : 0) | (a.owner() ? 2 : 0)));
        out.put((byte) a.supported()).putLong(a.claim()).putLong(a.supportedClaim());
        putAddress(out, a.address());
      }
    } else if (this instanceof News news) {
      Membership m = news.membership;
      out.putInt(NEWS_MAGIC).put(Hello.VERSION);
      out.put((byte) ((m.changed() ? 1 : 0) | (m.witness() ? 2 : 0)));
      out.putLong(m.epoch()).putShort((short) m.members().size());
      for (Member member : m.members()) {
        byte[] name = member.name().getBytes(StandardCharsets.UTF_8);
        out.put((byte) member.slot()).put((byte) name.length).put(name);
        putAddress(out, member.address());
      }
    }
    out.putLong(0);
    byte[] bytes = new byte[out.position()];
    out.flip().get(bytes);
    return bytes;
  }

  /**
   * Reads what {@link #encode} wrote; the tag is the caller's affair.
   *
   * @throws IllegalArgumentException if it is none of ours, of another version, or cut off
   */
  static Message decode(byte[] bytes) {
    try {
      ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      int magic = in.getInt();
      if (in.get() != Hello.VERSION || magic != STATE_MAGIC && magic != NEWS_MAGIC) {
        throw new IllegalArgumentException("no message of version " + Hello.VERSION);
      }
      return magic == STATE_MAGIC ? state(in) : news(in);
    } catch (java.nio.BufferUnderflowException e) {
      throw new IllegalArgumentException("a message of " + bytes.length + " bytes is cut off", e);
    }
  }

  private static State state(ByteBuffer in) {
    boolean isLast = in.get() != 0;
    int from = in.get();
    int to = in.get();
    long[] numbers = new long[8];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = in.getLong();
    }
    List<AddressState> changes = new ArrayList<>();
    for (int count = in.getShort(); count > 0; count--) {
      int flags = in.get();
      int supported = in.get();
      long claim = in.getLong();
      long supportedClaim = in.getLong();
      Ip address = address(in);
      changes.add(
          new AddressState(
              address, (flags & 1) != 0, (flags & 2) != 0, claim, supported, supportedClaim));
    }
    return new State(
        from,
        to,
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        numbers[5],
        numbers[6],
        numbers[7],
        isLast,
        changes);
  }

  private static News news(ByteBuffer in) {
    int flags = in.get();
    long epoch = in.getLong();
    List<Member> members = new ArrayList<>();
    for (int count = in.getShort(); count > 0; count--) {
      int slot = in.get();
      byte[] name = new byte[in.get() & 0xff];
      in.get(name);
      members.add(new Member(slot, new String(name, StandardCharsets.UTF_8), address(in)));
    }
    return new News(new Membership(epoch, (flags & 1) != 0, members, (flags & 2) != 0));
  }

  /** One byte, 4 or 16; then 16 bytes, of which those after an IPv4 address are 0. */
  private static void putAddress(ByteBuffer out, Ip address) {
    byte[] bytes = address.bytes();
    out.put((byte) bytes.length).put(bytes).put(new byte[16 - bytes.length]);
  }

  private static Ip address(ByteBuffer in) {
    byte[] bytes = new byte[in.get() == 4 ? 4 : 16];
    in.get(bytes).get(new byte[16 - bytes.length]);
    return Ip.ofBytes(bytes);
  }
}
