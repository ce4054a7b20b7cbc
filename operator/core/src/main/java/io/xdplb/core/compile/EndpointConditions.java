// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

/**
 * Conditions of an endpoint as an EndpointSlice gives them; {@code null} where absent. The API
 * (discovery/v1, EndpointConditions) reads an absent condition as ready, serving and not
 * terminating.
 *
 * @param ready takes new flows
 * @param serving able to answer, whether or not it is terminating
 * @param terminating on its way out
 */
public record EndpointConditions(Boolean ready, Boolean serving, Boolean terminating) {

  /** Nothing said: ready, serving and not terminating. */
  public static final EndpointConditions ABSENT = new EndpointConditions(null, null, null);

  /** Whether it takes new flows. */
  public boolean isReady() {
    return ready == null || ready;
  }

  /** Whether it can answer. */
  public boolean isServing() {
    return serving == null || serving;
  }

  /** Whether it is on its way out. */
  public boolean isTerminating() {
    return terminating != null && terminating;
  }

  /** Whether it may take new flows when no endpoint of its group is ready. */
  public boolean isFallback() {
    return isServing() && isTerminating();
  }
}
