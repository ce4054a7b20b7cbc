// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.core.model.Ip;
import java.util.Optional;

/** Which addresses no packet can be balanced to. */
final class AddressRules {

  private static final Ip BROADCAST = Ip.parse("255.255.255.255");

  private AddressRules() {}

  /**
   * Why an address can be neither a VIP nor a backend, as "a loopback address" (RFC 6890); empty if
   * it can.
   */
  static Optional<String> refusal(Ip ip) {
    return Optional.ofNullable(ip.isIpv4() ? ofIpv4(ip) : ofIpv6(ip));
  }

  private static String ofIpv4(Ip ip) {
    int firstByte = (int) (ip.low() >>> 24);
    if (ip.equals(BROADCAST)) {
      return "the broadcast address";
    }
    if (ip.low() == 0) {
      return "the unspecified address";
    }
    if (firstByte == 0) {
      return "an address of \"this network\", 0.0.0.0/8";
    }
    if (firstByte == 127) {
      return "a loopback address";
    }
    return firstByte >= 224 && firstByte < 240 ? "a multicast address" : null;
  }

  private static String ofIpv6(Ip ip) {
    if (ip.high() == 0 && ip.low() == 0) {
      return "the unspecified address";
    }
    if (ip.high() == 0 && ip.low() == 1) {
      return "the loopback address";
    }
    return ip.high() >>> 56 == 0xff ? "a multicast address" : null;
  }
}
