// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.model;

import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Who may use a VIP, and what a flow gets that nobody takes.
 *
 * @param sourceRanges whose packets are taken, ordered, each once; empty where everybody's are. An
 *     empty list is no such thing: it takes nobody's
 * @param unavailable what a new flow gets that no backend takes, and what ports of the address get
 *     that no VIP has
 */
public record Access(Optional<List<Cidr>> sourceRanges, UnavailablePolicy unavailable) {

  /** Open to everybody; what nobody takes is rejected. */
  public static final Access OPEN = new Access(Optional.empty(), UnavailablePolicy.REJECT);

  public Access {
    sourceRanges = sourceRanges.map(ranges -> List.copyOf(new TreeSet<>(ranges)));
  }

  /** From some blocks only. */
  public static Access from(List<Cidr> sourceRanges, UnavailablePolicy unavailable) {
    return new Access(Optional.of(sourceRanges), unavailable);
  }

  /** The same for VIPs of one family: blocks of the other one are left out. */
  public Access ofFamily(boolean isIpv4) {
    return new Access(
        sourceRanges.map(
            ranges -> ranges.stream().filter(range -> range.isIpv4() == isIpv4).toList()),
        unavailable);
  }

  /** Whether packets from an address are taken. */
  public boolean admits(Ip source) {
    return sourceRanges.isEmpty()
        || sourceRanges.get().stream().anyMatch(range -> range.contains(source));
  }
}
