// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.digest.Sha256;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;

/**
 * By what an encapsulated packet says which backend was chosen: the same on every machine. The
 * first 7 bytes of SHA-256 over
 *
 * <pre>
 *  length of the VIP's address (1), address, protocol (1), first port (2), last port (2)
 *  length of the backend's address (1), address, port (2)
 * </pre>
 *
 * with numbers in network order. See {@code bpf/src/tunnel.h}.
 */
final class Tag {
  private static final int BYTES = 7;

  private Tag() {}

  /** Eight bytes as they are in memory and in the packet, the first of them 0, as a native word. */
  static long of(VipKey vip, BackendKey backend) {
    MessageDigest sha256 = Sha256.start();
    update(sha256, vip.address());
    sha256.update((byte) vip.protocol().number());
    sha256.update(
        ByteBuffer.allocate(2 * Short.BYTES)
            .putShort((short) vip.port())
            .putShort((short) vip.endPort())
            .flip());
    update(sha256, backend.address());
    sha256.update(ByteBuffer.allocate(Short.BYTES).putShort((short) backend.port()).flip());
    return ByteBuffer.allocate(Long.BYTES)
        .order(ByteOrder.nativeOrder())
        .put(1, sha256.digest(), 0, BYTES)
        .getLong(0);
  }

  private static void update(MessageDigest digest, Ip address) {
    byte[] bytes = address.bytes();
    digest.update((byte) bytes.length);
    digest.update(bytes);
  }
}
