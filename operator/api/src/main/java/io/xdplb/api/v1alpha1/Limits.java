// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

/** Bounds that the schemas and the code share. */
public final class Limits {

  /** Addresses of a load balancer. */
  public static final int ADDRESSES = 16;

  /** Listeners of a load balancer. */
  public static final int LISTENERS = 64;

  /** Groups of backends of a listener. */
  public static final int BACKEND_GROUPS = 32;

  /** Addresses of a group of static backends. */
  public static final int STATIC_ADDRESSES = 128;

  /** Weight of a group of backends. */
  public static final int GROUP_WEIGHT = 1000;

  /** VIPs of a ForwardingTable: each address with each listener. */
  public static final int VIPS = ADDRESSES * LISTENERS;

  /** Backends of a VIP in a ForwardingTable. */
  public static final int VIP_BACKENDS = 4096;

  /**
   * Backends of a ForwardingTable, summed over its VIPs: of these sizes an API server still stores
   * it (etcd takes 1.5 MiB an object, and 15,000 backends with the longest addresses have 1.49 MB).
   */
  public static final int TABLE_BACKENDS = 12_000;

  /** Longest grace period of a drain, in seconds: 24 hours. */
  public static final int DRAIN_SECONDS = 86_400;

  /** Slots of a Maglev ring. */
  public static final int RING_SIZE = 65_537;

  /** Interfaces that a NodeState lists. */
  public static final int INTERFACES = 64;

  /** Tables that a NodeState lists as not programmed. */
  public static final int EXCEPTIONS = 64;

  /** Characters of a message in a NodeState; the writer cuts what is longer. */
  public static final int MESSAGE_LENGTH = 1024;

  /** Characters of the text form of an IPv6 address with an embedded IPv4 address. */
  static final int ADDRESS_LENGTH = 45;

  /** Entries of {@link NodeStateStatus#bucketHashes}: two hexadecimal digits name a bucket. */
  static final int BUCKETS = 256;

  static final int MIN_PORT = 1;
  static final int MAX_PORT = 65_535;

  /** Characters of a DNS label, RFC 1123. */
  static final int LABEL_LENGTH = 63;

  /** Characters of an object's name. */
  static final int NAME_LENGTH = 253;

  /** Characters of the name of an interface: IFNAMSIZ without the final zero. */
  static final int INTERFACE_NAME_LENGTH = 15;

  /** A DNS label, RFC 1123. */
  static final String LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

  /** Digits, separators and nothing else: whoever writes tables writes parsed addresses. */
  static final String MACHINE_WRITTEN_ADDRESS = "^[0-9a-f.:]+$";

  /** SHA-256 in hexadecimal. */
  static final String DIGEST = "^[0-9a-f]{64}$";

  /** Half as long: a sum of digests, see TableDigests in core. */
  static final String BUCKET_DIGEST = "^[0-9a-f]{32}$";

  /** One word that a program can compare. */
  static final String REASON = "^[A-Za-z]([A-Za-z0-9]*)$";

  private Limits() {}
}
