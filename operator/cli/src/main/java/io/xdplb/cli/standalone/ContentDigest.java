// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import java.util.Arrays;
import java.util.zip.CRC32C;

/** Tells whether a file's content is the one that was read before. */
final class ContentDigest {

  private ContentDigest() {}

  /** 64 bits of the content. */
  static long of(byte[] content) {
    CRC32C crc = new CRC32C();
    crc.update(content);
    return crc.getValue() << 32 | Arrays.hashCode(content) & 0xffff_ffffL;
  }
}
