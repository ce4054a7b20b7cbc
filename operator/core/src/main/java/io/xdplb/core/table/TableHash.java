// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.core.digest.Sha256;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Place;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Collection;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * The digest of what a kernel must hold when a table is programmed: SHA-256, 64 hexadecimal digits.
 * It is computed from the desired state by the operator, and from the kernel's maps by an agent;
 * equal means programmed.
 *
 * <p>What is hashed, all numbers in network order:
 *
 * <pre>
 *  "xdplb table 2\n"
 *  number of VIPs (4)
 *  for each VIP in the order of their keys:
 *    address length (1), address, protocol (1), first port (2), last port (2)
 *    affinity in seconds (4)
 *    1 if what nobody takes is dropped, 0 if it is rejected (1)
 *    1 if source ranges are in force, else 0 (1)
 *    number of source ranges (4), for each in their order:
 *      address length (1), address, prefix length (1)
 *    number of slots (4), for each slot the index of its backend (2)
 *    number of backends (4), for each in the order of their keys:
 *      address length (1), address, port (2), 1 if it takes new flows, else 0 (1)
 *      1 for NAT, 0 for DSR (1)
 *      encapsulation: 0 none, 1 GUE, 2 IPIP (1)
 *      length of the node's address, 0 if there is none (1), the node's address
 *      1 if an agent receives there, 2 if its flows are remembered here all the same, else 0 (1)
 * </pre>
 *
 * Where nodes differ in what they do, each kernel holds a part of the table, and the hash is that
 * of what the parts are made from: the same with "xdplb parts 2\n" at the beginning, without slots,
 * and after each VIP
 *
 * <pre>
 *    number of slots where the node has a backend that takes new flows (4)
 *    for each backend in the order of their keys:
 *      weight (4), number of places with another one (2), for each, nodes first, by name:
 *        0 for a node, 1 for a zone (1), length of the name (2), the name in UTF-8, weight (4)
 * </pre>
 *
 * Weights otherwise count by the ring they make; how long a backend drains after it has left the
 * table is not in the kernel and does not count.
 */
public final class TableHash {

  private static final byte[] FORMAT = "xdplb table 2\n".getBytes(StandardCharsets.US_ASCII);

  private static final byte[] PARTS_FORMAT = "xdplb parts 2\n".getBytes(StandardCharsets.US_ASCII);

  /** Bytes of an address with its length, at most. */
  private static final int ADDRESS_BYTES = 1 + 16;

  private static final int VIP_BYTES = ADDRESS_BYTES + 1 + 2 + 2 + 4 + 1 + 1 + 4 + 4 + 4;
  private static final int RANGE_BYTES = ADDRESS_BYTES + 1;
  private static final int BACKEND_BYTES = ADDRESS_BYTES + 2 + 1 + 1 + 1 + ADDRESS_BYTES + 1;

  /** What an index of two bytes can tell apart. */
  static final int MAX_BACKENDS = 0x10000;

  private TableHash() {}

  /**
   * The hash of what is there.
   *
   * @param images in any order
   * @throws IllegalArgumentException if two images have the same key, or a VIP has more than 65536
   *     backends, has them out of order, or has a ring of others
   */
  public static String of(Collection<VipImage> images) {
    MessageDigest sha256 = start(FORMAT, images.size());
    VipKey previous = null;
    for (VipImage image : images.stream().sorted(Comparator.comparing(VipImage::key)).toList()) {
      if (image.key().equals(previous)) {
        throw new IllegalArgumentException("two images of " + previous);
      }
      previous = image.key();
      sha256.update(bytes(image));
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  /**
   * The hash of what should be there, on all nodes.
   *
   * @param vips in any order, as in the table: not the part of a node
   * @throws IllegalArgumentException as {@link #of}, or if a ring size does not fit the backends
   */
  public static String desired(Collection<Vip> vips) {
    return vips.stream().anyMatch(Vip::hasParts)
        ? ofParts(vips.stream().sorted(Comparator.comparing(Vip::key)).toList())
        : of(vips.stream().map(VipImage::desired).toList());
  }

  /** Without rings: there is one for each node, and making them all would tell nothing more. */
  private static String ofParts(List<Vip> vips) {
    MessageDigest sha256 = start(PARTS_FORMAT, vips.size());
    for (Vip vip : vips) {
      sha256.update(bytes(VipImage.withoutRing(vip)));
      sha256.update(ByteBuffer.allocate(4).putInt(vip.ringSize()).flip());
      for (Backend backend : vip.backends()) {
        sha256.update(
            ByteBuffer.allocate(4 + 2)
                .putInt(backend.weight())
                .putShort((short) backend.parts().size())
                .flip());
        backend.parts().forEach((place, weight) -> sha256.update(bytes(place, weight)));
      }
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  private static ByteBuffer bytes(Place place, int weight) {
    byte[] name = place.name().getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(1 + 2 + name.length + 4)
        .put(
            switch (place.kind()) {
              case NODE -> (byte) 0;
              case ZONE -> (byte) 1;
            })
        .putShort((short) name.length)
        .put(name)
        .putInt(weight)
        .flip();
  }

  private static MessageDigest start(byte[] format, int vips) {
    MessageDigest sha256 = Sha256.start();
    sha256.update(format);
    sha256.update(ByteBuffer.allocate(4).putInt(vips).flip());
    return sha256;
  }

  private static ByteBuffer bytes(VipImage image) {
    List<BackendKey> backends = image.ring().backends();
    if (backends.size() > MAX_BACKENDS) {
      throw new IllegalArgumentException(
          image.key() + " has " + backends.size() + " backends, more than " + MAX_BACKENDS);
    }
    if (!image.backends().keySet().equals(Set.copyOf(backends))) {
      throw new IllegalArgumentException(
          image.key() + ": the ring is over other backends than there are");
    }
    List<Cidr> ranges = image.access().sourceRanges().orElse(List.of());
    ByteBuffer bytes =
        ByteBuffer.allocate(
            VIP_BYTES
                + RANGE_BYTES * ranges.size()
                + 2 * image.ring().size()
                + BACKEND_BYTES * backends.size());
    putAddress(bytes, image.key().address())
        .put((byte) image.key().protocol().number())
        .putShort((short) image.key().port())
        .putShort((short) image.key().endPort())
        .putInt(image.affinitySeconds());
    put(bytes, image.access().unavailable() == UnavailablePolicy.DROP);
    put(bytes, image.access().sourceRanges().isPresent());
    bytes.putInt(ranges.size());
    for (Cidr range : ranges) {
      putAddress(bytes, range.address()).put((byte) range.prefix());
    }
    bytes.putInt(image.ring().size());
    for (int slot = 0; slot < image.ring().size(); slot++) {
      bytes.putShort((short) image.ring().slot(slot));
    }
    bytes.putInt(backends.size());
    BackendKey previous = null;
    for (BackendKey backend : backends) {
      if (previous != null && previous.compareTo(backend) >= 0) {
        throw new IllegalArgumentException(
            image.key() + ": backend " + backend + " after " + previous + " is out of order");
      }
      previous = backend;
      putBackend(bytes, backend, image.backends().get(backend));
    }
    return bytes.flip();
  }

  private static void putBackend(ByteBuffer bytes, BackendKey key, VipImage.BackendImage backend) {
    putAddress(bytes, key.address()).putShort((short) key.port());
    put(bytes, backend.takesNewFlows());
    Delivery delivery = backend.delivery();
    put(bytes, delivery.nat());
    bytes.put(
        switch (delivery.encapsulation()) {
          case NONE -> (byte) 0;
          case GUE -> (byte) 1;
          case IPIP -> (byte) 2;
        });
    if (delivery.node() == null) {
      bytes.put((byte) 0);
    } else {
      putAddress(bytes, delivery.node());
    }
    bytes.put((byte) (delivery.remembered() ? 2 : delivery.agent() ? 1 : 0));
  }

  private static void put(ByteBuffer bytes, boolean value) {
    bytes.put((byte) (value ? 1 : 0));
  }

  private static ByteBuffer putAddress(ByteBuffer bytes, Ip address) {
    byte[] network = address.bytes();
    return bytes.put((byte) network.length).put(network);
  }
}
