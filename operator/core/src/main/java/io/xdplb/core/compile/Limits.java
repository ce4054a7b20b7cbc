// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

/** Bounds of a LoadBalancer, those of its schema. */
final class Limits {
  /** Addresses of a load balancer. */
  static final int ADDRESSES = 16;

  /** Listeners of a load balancer. */
  static final int LISTENERS = 64;

  /** Groups of backends of a listener. */
  static final int BACKEND_GROUPS = 32;

  /** Addresses of a group of static backends. */
  static final int STATIC_ADDRESSES = 128;

  /** Weight of a group of backends. */
  static final int GROUP_WEIGHT = 1000;

  /** Backends of a VIP in a ForwardingTable. */
  static final int VIP_BACKENDS = 4096;

  /** Longest grace period of a drain, in seconds: 24 hours. */
  static final int DRAIN_SECONDS = 86_400;

  private Limits() {}
}
