// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.datapath.DropReason;
import io.xdplb.libbpf.XdpAction;
import java.util.EnumSet;
import java.util.Set;

/**
 * What is to become of a packet.
 *
 * @param frame as it leaves; null for one that is dropped
 * @param reasons one of them is counted; empty: none is
 */
record Outcome(XdpAction action, Plain frame, Set<DropReason> reasons) {

  /** The kernel gets it as it came. */
  static Outcome pass(Plain frame) {
    return new Outcome(XdpAction.PASS, frame, Set.of());
  }

  static Outcome drop(DropReason first, DropReason... others) {
    return drop(EnumSet.of(first, others));
  }

  /** For whichever of the reasons is found first. */
  static Outcome drop(Set<DropReason> reasons) {
    return new Outcome(XdpAction.DROP, null, reasons);
  }

  /** It leaves by an interface. */
  static Outcome send(Plain frame, int by, int receivedOn) {
    XdpAction action = by == receivedOn ? XdpAction.TX : XdpAction.REDIRECT;
    return new Outcome(action, frame, Set.of());
  }

  /** The same, counted as a drop. */
  Outcome counted(DropReason reason) {
    return new Outcome(action, frame, EnumSet.of(reason));
  }
}
