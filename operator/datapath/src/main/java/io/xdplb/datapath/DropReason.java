// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.Btf;
import java.util.Locale;
import java.util.Map;

/** Why a packet was dropped: {@code enum drop_reason} of {@code bpf/src/layout.h}, in its order. */
public enum DropReason {
  MALFORMED("lengths, versions or offsets that contradict each other"),
  BAD_SOURCE("a source address that no client can have"),
  BAD_TCP_FLAGS("TCP flags that no TCP sends"),
  TTL_EXCEEDED("TTL or hop limit 0 or 1"),
  FRAGMENT("a fragment to a VIP"),
  NO_BACKEND("no backend takes new flows"),
  NO_FLOW("a TCP segment of a connection that is not known here and does not begin one"),
  NAT_EXHAUSTED("all candidate source ports are held by established flows"),
  FLOW_TABLE_FULL("all places in the flow index are held by established flows"),
  NO_ROUTE("no route to the next hop"),
  NO_NEIGHBOUR("the kernel does not know the next hop's MAC address yet"),
  FORWARDING_DISABLED("IP forwarding is off on the interface"),
  SOURCE_NOT_ALLOWED("a source outside the VIP's source ranges"),
  NO_LISTENER("a port of a VIP's address that nothing listens to"),
  TOO_BIG("larger than the way to the backend allows"),
  NO_HEADROOM("the driver leaves no room for an outer header"),
  EXTENSION_HEADERS("more IPv6 extension headers than are looked at, or unknown ones"),
  ICMP("an ICMP message to a VIP that belongs to no flow, or is no valid one"),
  RATE_LIMITED("an answer of our own or an ICMP error, beyond the limit"),
  UNKNOWN_PEER("an encapsulated packet from an address that is neither a node's nor a --peer"),
  NOT_HOSTED("an encapsulated packet for an endpoint that is not on this machine"),
  NO_OWNER("a segment of a connection that no present or former backend of it knows"),
  TUPLE_IN_USE("the same client port to the same endpoint by another VIP"),
  CONGESTION_MARK("the tunnel was congested and the inner packet cannot carry the mark");

  private final String meaning;

  DropReason(String meaning) {
    this.meaning = meaning;
  }

  /** One clause for a person. */
  public String meaning() {
    return meaning;
  }

  /** The number that the datapath counts under. */
  int number() {
    return ordinal() + 1;
  }

  /** As in {@code xdplb status} and metrics: {@code no_backend}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  static void check(Btf btf) {
    Map<String, Long> c = btf.enumeration("drop_reason");
    for (DropReason reason : values()) {
      if (!Long.valueOf(reason.number()).equals(c.get("DROP_" + reason.name()))) {
        throw new IllegalStateException(
            "drop reason " + reason + " is " + reason.number() + " in Java and not in C: " + c);
      }
    }
    if (c.get("DROP_REASONS") != values().length + 1) {
      throw new IllegalStateException("C has drop reasons that Java does not know: " + c);
    }
  }
}
