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

  /** Ranges of ports among the listeners of a load balancer, and so of one of its addresses. */
  public static final int PORT_RANGES = 16;

  /** Blocks of addresses that a load balancer admits. */
  public static final int SOURCE_RANGES = 256;

  /** Blocks of an address pool. */
  public static final int POOL_BLOCKS = 64;

  /** Addresses and blocks that a pool excludes. */
  public static final int POOL_EXCLUSIONS = 256;

  /** Largest priority of a pool; the smallest one is its negative. */
  public static final int POOL_PRIORITY = 1000;

  /** Largest quota of a namespace in a pool. */
  public static final int POOL_QUOTA = 1_000_000;

  /** Pools, and blocks of addresses, that an announcement policy selects. */
  public static final int POLICY_BLOCKS = 64;

  /** Interfaces that an announcement policy names. */
  static final int POLICY_INTERFACES = 16;

  /** BGP peers that an announcement policy names, and that a node has sessions with. */
  public static final int BGP_PEERS = 32;

  /** Communities of the routes of an announcement policy. */
  static final int COMMUNITIES = 32;

  /** Nodes that have a vote on who answers for an address. */
  public static final int MEMBERS = 63;

  /** Addresses that a NodeState lists as announced in one way. */
  public static final int ANNOUNCED = 8192;

  /** The largest number of an autonomous system: the one after it is reserved. */
  static final long MAX_ASN = 4_294_967_294L;

  /** The largest number in 32 bits. */
  static final long MAX_UNSIGNED = 4_294_967_295L;

  /** Longest affinity of a client, in seconds: 24 hours. */
  public static final int AFFINITY_SECONDS = 86_400;

  /** Affinity of a client where none is given, in seconds: 3 hours. */
  public static final int DEFAULT_AFFINITY_SECONDS = 10_800;

  /** Weight of a group of backends. */
  public static final int GROUP_WEIGHT = 1000;

  /** VIPs of a ForwardingTable: each address with each listener. */
  public static final int VIPS = ADDRESSES * LISTENERS;

  /** Backends of a VIP: each then has four slots of the largest ring. */
  public static final int VIP_BACKENDS = 16_384;

  /** Backends of a load balancer, over its VIPs: as many as a node has room for by default. */
  public static final int TABLE_BACKENDS = 32_768;

  /** Nodes and zones on which a backend in a ForwardingTable has weights of its own. */
  public static final int BACKEND_PARTS = 64;

  /**
   * Backends that a ForwardingTable has in one object, over its VIPs; those of a larger one are in
   * about so many a slice. A change of one of them writes so much at most.
   */
  public static final int SLICE_BACKENDS = 1024;

  /** Slices of a ForwardingTable. */
  public static final int SLICES = TABLE_BACKENDS / SLICE_BACKENDS;

  /** Entries of one list of backends that an object may have: more than are ever written. */
  static final int OBJECT_BACKENDS = 4 * SLICE_BACKENDS;

  /** Longest grace period of a drain, in seconds: 24 hours. */
  public static final int DRAIN_SECONDS = 86_400;

  /** Slots of a Maglev ring. */
  public static final int RING_SIZE = 65_537;

  /** Interfaces that a NodeState lists. */
  public static final int INTERFACES = 64;

  /** Tables that a NodeState lists as not programmed. */
  public static final int EXCEPTIONS = 64;

  /** Addresses that a NodeState lists. */
  public static final int NODE_ADDRESSES = 16;

  /** Characters of a message in a NodeState or a listener's status; the writer cuts the rest. */
  public static final int MESSAGE_LENGTH = 1024;

  /** Characters of the text form of an IPv6 address with an embedded IPv4 address. */
  static final int ADDRESS_LENGTH = 45;

  /** Characters of an address, a slash and the length of a prefix. */
  static final int CIDR_LENGTH = ADDRESS_LENGTH + 4;

  /** Entries of {@link NodeStateStatus#bucketHashes}: two hexadecimal digits name a bucket. */
  static final int BUCKETS = 256;

  static final int MIN_PORT = 1;
  static final int MAX_PORT = 65_535;

  /** Characters of a DNS label, RFC 1123. */
  static final int LABEL_LENGTH = 63;

  /** Characters of an object's name. */
  public static final int NAME_LENGTH = 253;

  /** Characters of the name of an interface: IFNAMSIZ without the final zero. */
  static final int INTERFACE_NAME_LENGTH = 15;

  /** Characters of a label's key: a DNS name, a slash and a name. */
  static final int LABEL_KEY_LENGTH = NAME_LENGTH + 1 + LABEL_LENGTH;

  /** Labels, expressions and values of a {@link Selector}. */
  static final int SELECTOR_TERMS = 32;

  /** One to four whole numbers with the units h, m, s or ms. */
  static final String DURATION = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

  /** A DNS name, RFC 1123: the name of an object. */
  static final String NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

  /** The name of a node, or the value of a label that names a zone. */
  static final String PLACE = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";

  /** A DNS label, RFC 1123. */
  static final String LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

  /** The name of an interface. */
  static final String INTERFACE = "^[^ /:*]+$";

  /** The same, or the beginning of one and a star. */
  static final String INTERFACE_PATTERN = "^[^ /:*]*[^ /:]$";

  /** A standard community, or the name of a well-known one. */
  static final String COMMUNITY =
      "^([0-9]{1,5}:[0-9]{1,5}|no-export|no-advertise|no-peer|graceful-shutdown)$";

  /** A large community. */
  static final String LARGE_COMMUNITY = "^[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10}$";

  /** A key in a Secret. */
  static final String SECRET_KEY = "^[-._a-zA-Z0-9]+$";

  /** A hardware address. */
  static final String MAC = "^([0-9a-f]{2}:){5}[0-9a-f]{2}$";

  /** Digits, separators and nothing else: whoever writes tables writes parsed addresses. */
  static final String MACHINE_WRITTEN_ADDRESS = "^[0-9a-f.:]+$";

  /** An address like that, with the length of a prefix. */
  static final String MACHINE_WRITTEN_CIDR = "^[0-9a-f.:]+/[0-9]{1,3}$";

  /** SHA-256 in hexadecimal. */
  static final String DIGEST = "^[0-9a-f]{64}$";

  /** Half as long: a sum of digests, see TableDigests in core. */
  static final String BUCKET_DIGEST = "^[0-9a-f]{32}$";

  /** One word that a program can compare. */
  static final String REASON = "^[A-Za-z]([A-Za-z0-9]*)$";

  private Limits() {}
}
