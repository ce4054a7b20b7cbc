// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

/**
 * Something the user should know.
 *
 * @param reason one word
 * @param where path in the LoadBalancer, as {@code spec.listeners[0].port}
 * @param message what is wrong, why, and what to do
 */
public record Problem(Reason reason, String where, String message) {

  /** The condition of a LoadBalancer that a problem turns False. */
  public enum Concern {
    ACCEPTED,
    RESOLVED_REFS,
    /** None: the table is as asked for, but probably not as wanted. */
    ADVICE
  }

  /** Kinds of problems. */
  public enum Reason {
    /** The spec cannot be compiled; there is no table. */
    InvalidSpec(Concern.ACCEPTED),
    /** A Service or its port does not exist; its group counts as empty. */
    BackendNotFound(Concern.RESOLVED_REFS),
    /** Mode DSR, and endpoints are on a node without an agent; they were left out. */
    NoAgentOnNode(Concern.RESOLVED_REFS),
    /** Mode DSR, and the node of endpoints is not known; they were left out. */
    NodeUnknown(Concern.RESOLVED_REFS),
    /** Mode DSR, and the node of endpoints has no address to send to; they were left out. */
    NoNodeAddress(Concern.RESOLVED_REFS),
    /** An endpoint of a Service cannot be used and was left out. */
    InvalidEndpoint(Concern.ADVICE),
    /** What there is to say of addresses: where there are conditions, one of its own says it. */
    Address(Concern.ADVICE),
    /** A pool has addresses that another one has too. */
    PoolOverlap(Concern.ADVICE),
    /** A VIP has no endpoint that takes new flows: they are rejected or dropped. */
    NoEndpoints(Concern.ADVICE);

    private final Concern concern;

    Reason(Concern concern) {
      this.concern = concern;
    }

    /** Which condition it turns False. */
    public Concern concern() {
      return concern;
    }
  }

  /** As {@code spec.listeners[0].port: 0 is no port; ...}. */
  @Override
  public String toString() {
    return where + ": " + message;
  }
}
