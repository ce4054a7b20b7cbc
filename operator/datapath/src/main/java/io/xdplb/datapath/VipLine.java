// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * An entry of {@code vips}: a VIP, or with protocol 0 an address as such.
 *
 * @param ring first slot &lt;&lt; 32 | number of slots
 * @param handle of the VIP
 * @param address of the VIP
 * @param protocol IP protocol number; 0 for an address
 * @param port the first one; 0 for an address
 * @param endPort the last one
 * @param flags see {@link Layouts.Vip}
 * @param affinity in jiffies
 * @param sources number of its set of source ranges; 0 is everybody
 * @param hosted handle of a backend on this machine whose packets carry no tag; 0 is none
 */
record VipLine(
    long ring,
    int handle,
    Ip address,
    int protocol,
    int port,
    int endPort,
    int flags,
    int affinity,
    int sources,
    int hosted) {

  static VipLine ofAddress(int handle, Ip address, int flags) {
    return new VipLine(0, handle, address, Layouts.Key.OF_ADDRESS, 0, 0, flags, 0, 0, 0);
  }

  /** Which VIP it is; empty for an address, and for what no agent has written. */
  Optional<VipKey> key() {
    try {
      return protocol == Layouts.Key.OF_ADDRESS
          ? Optional.empty()
          : Optional.of(new VipKey(address, Wire.protocol(protocol), port, endPort));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  boolean rejects() {
    return (flags & Layouts.Vip.REJECT) != 0;
  }

  /** Writes all of it, the handle last. */
  void write(ByteBuffer entries, int at) {
    Wire.putAddress(entries, at + Layouts.Vip.ADDRESS, address);
    entries.putShort(at + Layouts.Vip.PORT, Wire.nativeShort(port));
    entries.put(at + Layouts.Vip.PROTOCOL, (byte) protocol);
    entries.put(at + Layouts.Vip.FAMILY, Wire.family(address));
    entries.putInt(at + Layouts.Vip.GENERATION, Handle.generation(handle));
    entries.put(at + Layouts.Vip.FLAGS, (byte) flags);
    entries.putShort(at + Layouts.Vip.END_PORT, Wire.nativeShort(endPort));
    entries.putInt(at + Layouts.Vip.AFFINITY, affinity);
    entries.putInt(at + Layouts.Vip.SOURCES, sources);
    entries.putInt(at + Layouts.Vip.HOSTED, hosted);
    Shared.publish(entries, at + Layouts.Vip.RING, ring);
    Shared.publish(entries, at + Layouts.Vip.HANDLE, handle);
  }

  /** Reads an entry; empty if it has no owner, or its address is of no family. */
  static Optional<VipLine> read(ByteBuffer entries, int at) {
    int handle = entries.getInt(at + Layouts.Vip.HANDLE);
    int family = entries.get(at + Layouts.Vip.FAMILY);
    if (handle == 0 || !Wire.isFamily(family)) {
      return Optional.empty();
    }
    return Optional.of(
        new VipLine(
            entries.getLong(at + Layouts.Vip.RING),
            handle,
            Wire.address(entries, at + Layouts.Vip.ADDRESS, family),
            entries.get(at + Layouts.Vip.PROTOCOL) & 0xff,
            Wire.port(entries, at + Layouts.Vip.PORT),
            Wire.port(entries, at + Layouts.Vip.END_PORT),
            entries.get(at + Layouts.Vip.FLAGS),
            entries.getInt(at + Layouts.Vip.AFFINITY),
            entries.getInt(at + Layouts.Vip.SOURCES),
            entries.getInt(at + Layouts.Vip.HOSTED)));
  }
}
