// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.service;

/**
 * Something the owner of a Service should know.
 *
 * @param reason one word
 * @param where path in the Service, as {@code spec.loadBalancerSourceRanges[0]}
 * @param message what is wrong, why, and what to do
 */
public record Finding(Reason reason, String where, String message) {

  /** Kinds of findings. */
  public enum Reason {
    /** A requested address is none, or there are too many. */
    InvalidAddress(true),
    /** No requested address is of a family that the Service has, or one is not and must be. */
    FamilyMismatch(true),
    /** What should name a pool cannot be its name. */
    InvalidPool(true),
    /** A sharing key is too long. */
    InvalidSharingKey(true),
    /** There is no LoadBalancer of the name in {@code xdplb.io/settings}, or it is no template. */
    SettingsNotFound(true),
    /** No port of the Service can be served. */
    NoUsablePort(true),
    /** A block of source addresses cannot be read: nobody is let in by it. */
    InvalidSourceRange(false),
    /**
     * Both families are preferred, the Service has one, and an address of the other is left out.
     */
    FamilyUnavailable(false),
    /** A port has a protocol that is not balanced. */
    UnsupportedProtocol(false),
    /** A Service has more ports than a LoadBalancer has listeners. */
    TooManyPorts(false),
    /** What an annotation says is not followed. */
    AnnotationIgnored(false),
    /** A field that Kubernetes has deprecated is used. */
    DeprecatedField(false);

    private final boolean refuses;

    Reason(boolean refuses) {
      this.refuses = refuses;
    }

    /** Whether the Service cannot be served as long as it is so. */
    public boolean refuses() {
      return refuses;
    }
  }

  /** As {@code spec.loadBalancerIP: is deprecated; ...}. */
  @Override
  public String toString() {
    return where + ": " + message;
  }
}
