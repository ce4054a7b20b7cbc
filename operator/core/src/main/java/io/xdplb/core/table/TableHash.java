// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.table;

import io.xdplb.core.digest.Sha256;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Collection;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/**
 * The digest of what a kernel must hold when a table is programmed: SHA-256, 64 hexadecimal digits.
 * It is computed from the desired state by the operator, and from the kernel's maps by an agent;
 * equal means programmed.
 *
 * <p>What is hashed, all numbers in network order:
 *
 * <pre>
 *  "xdplb table 1\n"
 *  number of VIPs (4)
 *  for each VIP in the order of their keys:
 *    address length (1), address, protocol (1), port (2)
 *    number of slots (4), for each slot the index of its backend (2)
 *    number of backends (4), for each in the order of their keys:
 *      address length (1), address, port (2), 1 if it takes new flows, else 0 (1)
 * </pre>
 *
 * Weights count by the ring they make; how long a backend drains after it has left the table is not
 * in the kernel and does not count.
 */
public final class TableHash {

  private static final byte[] FORMAT = "xdplb table 1\n".getBytes(StandardCharsets.US_ASCII);

  /** What an index of two bytes can tell apart. */
  static final int MAX_BACKENDS = 0x10000;

  private TableHash() {}

  /**
   * The hash of what is there.
   *
   * @param images in any order
   * @throws IllegalArgumentException if two images have the same key, or a VIP has more than 65536
   *     backends or has them out of order
   */
  public static String of(Collection<VipImage> images) {
    List<VipImage> sorted = images.stream().sorted(Comparator.comparing(VipImage::key)).toList();
    MessageDigest sha256 = Sha256.start();
    sha256.update(FORMAT);
    sha256.update(ByteBuffer.allocate(4).putInt(sorted.size()).flip());
    VipKey previous = null;
    for (VipImage image : sorted) {
      if (image.key().equals(previous)) {
        throw new IllegalArgumentException("two images of " + previous);
      }
      previous = image.key();
      sha256.update(bytes(image));
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  /**
   * The hash of what should be there.
   *
   * @param vips in any order
   * @throws IllegalArgumentException as {@link #of}, or if a ring size does not fit the backends
   */
  public static String desired(Collection<Vip> vips) {
    return of(vips.stream().map(VipImage::desired).toList());
  }

  private static ByteBuffer bytes(VipImage image) {
    List<BackendKey> backends = image.ring().backends();
    if (backends.size() > MAX_BACKENDS) {
      throw new IllegalArgumentException(
          image.key() + " has " + backends.size() + " backends, more than " + MAX_BACKENDS);
    }
    ByteBuffer bytes =
        ByteBuffer.allocate(20 + 4 + 2 * image.ring().size() + 4 + 20 * backends.size());
    putAddress(bytes, image.key().address())
        .put((byte) image.key().protocol().number())
        .putShort((short) image.key().port());
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
      putAddress(bytes, backend.address())
          .putShort((short) backend.port())
          .put((byte) (image.takesNewFlows().contains(backend) ? 1 : 0));
    }
    return bytes.flip();
  }

  private static ByteBuffer putAddress(ByteBuffer bytes, Ip address) {
    byte[] network = address.bytes();
    return bytes.put((byte) network.length).put(network);
  }
}
