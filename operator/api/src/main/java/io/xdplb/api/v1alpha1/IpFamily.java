// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

/** Families of addresses. */
public enum IpFamily {
  /** 32 bits. */
  IPv4,
  /** 128 bits. */
  IPv6
}
