// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

/** One way of bringing packets for a VIP to servers. */
interface Contender {

  /** The key in the JSON file: lower case, dashes. */
  String id();

  /** The name in tables and in the plot. */
  String title();

  /** Whether what servers answer comes back through the balancer. */
  default boolean seesAnswers() {
    return true;
  }

  /**
   * Sets it up in the scene's balancer.
   *
   * @return once the VIP is balanced; closing it leaves the scene as it was before
   * @throws Exception with what was attempted, if it cannot be set up
   */
  AutoCloseable start(Scene scene) throws Exception;
}
