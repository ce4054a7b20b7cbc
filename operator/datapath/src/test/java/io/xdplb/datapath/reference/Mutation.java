// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import java.util.Arrays;
import java.util.Random;

/** Makes broken frames of valid ones. Checksums stay what they were, and so are wrong as a rule. */
final class Mutation {
  private static final int MACS = 12;
  private static final int ETHERNET = 14;

  private final Random random;

  Mutation(Random random) {
    this.random = random;
  }

  /** Something about a frame is different; its source MAC address is not: answers may go there. */
  byte[] of(byte[] valid) {
    byte[] frame = valid.clone();
    int drawn = random.nextInt(16);
    switch (drawn) {
      case 0 ->
          frame =
              Arrays.copyOf(frame, Math.min(frame.length, ETHERNET + random.nextInt(frame.length)));
      case 1 -> frame = lengthened(frame);
      case 2 -> frame[0] |= 1; // to a group
      case 3 -> set(frame, ETHERNET, random.nextInt(256)); // version and header length
      case 4 -> set(frame, ETHERNET + 2 + random.nextInt(4), random.nextInt(256)); // lengths
      case 5 ->
          set(
              frame,
              ETHERNET + 6 + random.nextInt(4),
              random.nextInt(256)); // fragment, TTL, protocol
      case 6 -> badSource(frame);
      case 7 -> flip(frame, ETHERNET + 20, 20); // layer 4 of IPv4
      case 8 -> flip(frame, ETHERNET + 40, 20); // of IPv6
      case 9 -> flip(frame, ETHERNET + 28, 80); // within a tunnel or a quote
      case 10 -> flip(frame, ETHERNET + 60, 80);
      case 11 ->
          Arrays.fill(
              frame, Math.min(frame.length, ETHERNET + random.nextInt(60)), frame.length, (byte) 0);
      default -> {
        for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
          flip(frame, MACS, Math.max(1, frame.length - MACS));
        }
      }
    }
    return frame;
  }

  private byte[] lengthened(byte[] frame) {
    byte[] longer = Arrays.copyOf(frame, frame.length + 1 + random.nextInt(40));
    for (int at = frame.length; at < longer.length; at++) {
      longer[at] = (byte) random.nextInt(256);
    }
    return longer;
  }

  private static void set(byte[] frame, int at, int value) {
    if (at < frame.length) {
      frame[at] = (byte) value;
    }
  }

  private void flip(byte[] frame, int from, int length) {
    int at = from + random.nextInt(length);
    if (at < frame.length) {
      frame[at] =
          (byte) (random.nextBoolean() ? frame[at] ^ 1 << random.nextInt(8) : random.nextInt(256));
    }
  }

  private void badSource(byte[] frame) {
    if (frame.length < ETHERNET + 40) {
      return;
    }
    if ((frame[ETHERNET] & 0xf0) == 0x60) {
      byte[][] sources = {new byte[16], new byte[16], new byte[16]};
      sources[1][15] = 1;
      sources[2][0] = (byte) 0xff;
      byte[] source =
          random.nextInt(4) == 0
              ? Arrays.copyOfRange(frame, ETHERNET + 24, ETHERNET + 40)
              : sources[random.nextInt(3)];
      System.arraycopy(source, 0, frame, ETHERNET + 8, 16);
    } else {
      int[] first = {0, 127, 224, 240, 255};
      if (random.nextInt(4) == 0) {
        System.arraycopy(frame, ETHERNET + 16, frame, ETHERNET + 12, 4);
      } else {
        frame[ETHERNET + 12] = (byte) first[random.nextInt(first.length)];
      }
    }
  }

  /** One or two VLAN tags in front of what the frame has. */
  byte[] tagged(byte[] frame) {
    int tags = random.nextInt(8) == 0 ? 3 : 1 + random.nextInt(2);
    byte[] out = new byte[frame.length + 4 * tags];
    System.arraycopy(frame, 0, out, 0, MACS);
    for (int i = 0; i < tags; i++) {
      boolean service = random.nextBoolean();
      out[MACS + 4 * i] = (byte) (service ? 0x88 : 0x81);
      out[MACS + 4 * i + 1] = (byte) (service ? 0xa8 : 0);
      out[MACS + 4 * i + 2] = (byte) random.nextInt(256);
      out[MACS + 4 * i + 3] = (byte) random.nextInt(256);
    }
    System.arraycopy(frame, MACS, out, MACS + 4 * tags, frame.length - MACS);
    return out;
  }
}
