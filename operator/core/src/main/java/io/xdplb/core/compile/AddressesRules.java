// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Addresses;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.core.model.Ip;
import java.util.List;
import java.util.Objects;

/** Finds everything that is wrong with what a spec says of addresses. */
final class AddressesRules {

  private static final String WHERE = "spec.addresses";

  private final Findings findings;

  AddressesRules(Findings findings) {
    this.findings = findings;
  }

  /** The addresses that are requested, as far as they are valid. */
  List<Ip> requested(Addresses addresses) {
    if (addresses == null) {
      return List.of();
    }
    String where = WHERE + ".requested";
    List<String> texts = addresses.requested() == null ? List.of() : addresses.requested();
    findings.atMost(where, texts.size(), Limits.ADDRESSES, "addresses");
    List<Ip> requested = findings.ips(where, texts, "a VIP");
    if (addresses.poolRef() != null) {
      findings.name(WHERE + ".poolRef.name", addresses.poolRef().name());
    }
    String key = addresses.sharingKey();
    if (key != null && (key.isEmpty() || key.length() > 63)) {
      findings.invalid(WHERE + ".sharingKey", "has " + key.length() + " characters; use 1 to 63");
    }
    families(addresses, requested);
    return requested;
  }

  private void families(Addresses addresses, List<Ip> requested) {
    List<IpFamily> families = addresses.ipFamilies() == null ? List.of() : addresses.ipFamilies();
    IpFamilyPolicy policy = addresses.ipFamilyPolicy();
    if (families.stream().anyMatch(Objects::isNull)
        || families.stream().distinct().count() < families.size()) {
      findings.invalid(WHERE + ".ipFamilies", "names a family twice or none; write IPv4 or IPv6");
    }
    boolean isDualStack = policy != null && policy != IpFamilyPolicy.SingleStack;
    if (families.size() > 1 && !isDualStack && (policy != null || requested.isEmpty())) {
      findings.invalid(
          WHERE + ".ipFamilies",
          "has two families, which need ipFamilyPolicy PreferDualStack or RequireDualStack");
    }
    if (policy == IpFamilyPolicy.SingleStack
        && requested.stream().map(Ip::isIpv4).distinct().count() > 1) {
      findings.invalid(
          WHERE + ".requested", "has both families, and ipFamilyPolicy SingleStack only one");
    }
    if (families.size() == 1 && !isDualStack) {
      boolean isIpv4 = families.get(0) == IpFamily.IPv4;
      for (Ip ip : requested) {
        if (ip.isIpv4() != isIpv4) {
          findings.invalid(
              WHERE + ".requested",
              ip + " is not of the family in ipFamilies; change one of the two");
        }
      }
    }
  }
}
