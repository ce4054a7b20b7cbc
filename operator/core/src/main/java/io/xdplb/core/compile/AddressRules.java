// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.IpRange;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Which addresses no packet can be balanced to. */
public final class AddressRules {

  private static final Ip BROADCAST = Ip.parse("255.255.255.255");

  /** All for which there is a refusal, by what it says. */
  private static final List<IpRange> UNUSABLE =
      Stream.of(
              "0.0.0.0/32 0.0.0.0/8 127.0.0.0/8 224.0.0.0/4 255.255.255.255/32".split(" "),
              "::/128 ::1/128 ff00::/8".split(" "))
          .flatMap(Stream::of)
          .map(block -> IpRange.of(Cidr.parse(block)))
          .toList();

  private AddressRules() {}

  /**
   * Why an address can be neither a VIP nor a backend, as "a loopback address" (RFC 6890); empty if
   * it can.
   */
  public static Optional<String> refusal(Ip ip) {
    return Optional.ofNullable(ip.isIpv4() ? ofIpv4(ip) : ofIpv6(ip));
  }

  /** Why some address of a range can be no VIP; empty if all can. */
  public static Optional<String> refusal(IpRange range) {
    return UNUSABLE.stream()
        .filter(unusable -> overlap(unusable, range))
        .findFirst()
        .flatMap(unusable -> refusal(max(unusable.first(), range.first())));
  }

  private static Ip max(Ip a, Ip b) {
    return a.compareTo(b) > 0 ? a : b;
  }

  private static boolean overlap(IpRange a, IpRange b) {
    return a.first().isIpv4() == b.first().isIpv4()
        && a.first().compareTo(b.last()) <= 0
        && b.first().compareTo(a.last()) <= 0;
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
