// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.List;
import java.util.Optional;

/**
 * What part of nftables' cost on the wire a contender may have.
 *
 * @param contender its key
 * @param newFlows whether each packet opens a flow; else there are 1,000 established ones
 * @param times nftables has to cost at least so many times as much
 */
record WireGoal(String contender, boolean newFlows, double times) {

  static final List<WireGoal> ALL =
      List.of(
          new WireGoal(Contenders.Names.DSR, false, 30),
          new WireGoal(Contenders.Names.DSR, true, 30),
          new WireGoal(Contenders.Names.NAT, false, 20),
          new WireGoal(Contenders.Names.NAT, true, 15));

  /** How many times as much nftables costs, net of generator and drop; absent: not measured. */
  Optional<Double> netOfDrop(Results results) {
    return times(results, newFlows ? Quantity.NEW_NS : Quantity.FLOWS_NS);
  }

  /** The same, net of bare XDP_TX. */
  Optional<Double> netOfTransmit(Results results) {
    return times(results, newFlows ? Quantity.NEW_BEYOND_NS : Quantity.FLOWS_BEYOND_NS);
  }

  private Optional<Double> times(Results results, Quantity quantity) {
    return results
        .median(contender, quantity)
        .flatMap(
            own ->
                results
                    .median(Contenders.Names.NFTABLES, quantity)
                    .map(nftables -> nftables / own));
  }
}
