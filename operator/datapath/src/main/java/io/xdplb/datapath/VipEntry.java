// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.maglev.Ring;
import io.xdplb.core.model.BackendKey;
import java.util.HashMap;
import java.util.Map;

/** Where a VIP is in the maps. */
final class VipEntry {
  /** Index in {@code vips}. */
  final int index;

  /** Handle that the VIP has, or will have once it is published. */
  final int handle;

  /** Indices in {@code backends}. */
  final Map<BackendKey, Integer> backends = new HashMap<>();

  /** Packets are looked up in it. */
  boolean published;

  /** First slot of its stretch in {@code rings}, and how many there are. */
  int ringStart;

  int ringSize;

  /** {@link Ring#digest} of what the stretch holds; the rings themselves are large. */
  String ringDigest = Ring.EMPTY.digest();

  VipEntry(int index, int handle) {
    this.index = index;
    this.handle = handle;
  }
}
