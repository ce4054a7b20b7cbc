// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import java.util.Map;

/**
 * Evidence of one node.
 *
 * @param agentVersion version of the agent that wrote this
 * @param addresses the node's own addresses, to which other nodes send encapsulated packets and
 *     from which it sends its own; the preferred one of each family first, at most 16
 * @param interfaces where the XDP program is attached, ordered by name, at most 64
 * @param rootHash digest over {@code bucketHashes}: equal on two nodes exactly when both hold the
 *     same tables
 * @param bucketHashes digests of what the kernel's maps hold, by bucket. A table belongs to the
 *     bucket named by the first two hexadecimal digits of SHA-256("namespace/name"); a bucket
 *     without tables is absent. A bucket's digest equals the operator's own exactly when all its
 *     tables are programmed as desired
 * @param tables how many tables are programmed
 * @param exceptions tables that could not be programmed, at most 64, and why
 * @param announcing what the node announces; absent while its agent does not know
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record NodeStateStatus(
    @Size(max = 64) String agentVersion,
    @Size(max = Limits.NODE_ADDRESSES)
        List<
                @Size(min = 2, max = Limits.ADDRESS_LENGTH) @Pattern(Limits.MACHINE_WRITTEN_ADDRESS)
                String>
            addresses,
    @ListKey("name") @Size(max = Limits.INTERFACES) List<Interface> interfaces,
    @Pattern(Limits.DIGEST) @Size(max = 64) String rootHash,
    @AtomicMap @Size(max = Limits.BUCKETS)
        Map<String, @Pattern(Limits.BUCKET_DIGEST) @Size(max = 32) String> bucketHashes,
    @Min(0) Integer tables,
    @ListKey({"namespace", "name"}) @Size(max = Limits.EXCEPTIONS) List<TableException> exceptions,
    Announcing announcing) {

  /**
   * What a node announces.
   *
   * @param epoch the newest epoch of the Membership that the node has been in for so long that no
   *     older vote counts; absent while it has none
   * @param l2 addresses that it answers ARP and NDP for: by its datapath, while a majority of the
   *     members votes for it
   * @param routes addresses that at least one router has a route for from here, as the BGP daemon
   *     says
   * @param duplicates addresses that it does not announce because somebody else answers for them,
   *     at most 64
   * @param sessions BGP sessions that it should have, at most 32
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Announcing(
      @Min(0) Long epoch,
      @Size(max = Limits.ANNOUNCED)
          List<
                  @Size(min = 2, max = Limits.ADDRESS_LENGTH)
                  @Pattern(Limits.MACHINE_WRITTEN_ADDRESS) String>
              l2,
      @Size(max = Limits.ANNOUNCED)
          List<
                  @Size(min = 2, max = Limits.ADDRESS_LENGTH)
                  @Pattern(Limits.MACHINE_WRITTEN_ADDRESS) String>
              routes,
      @ListKey("address") @Size(max = Limits.EXCEPTIONS) List<Duplicate> duplicates,
      @ListKey("peer") @Size(max = Limits.BGP_PEERS) List<Session> sessions) {}

  /**
   * An address that somebody else on the LAN has.
   *
   * @param address the load balancer's
   * @param interfaceName where the other one answered
   * @param mac the other one's hardware address
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Duplicate(
      @Required @Size(min = 2, max = Limits.ADDRESS_LENGTH) @Pattern(Limits.MACHINE_WRITTEN_ADDRESS)
          String address,
      @JsonProperty("interface") @Required @Size(min = 1, max = Limits.INTERFACE_NAME_LENGTH)
          String interfaceName,
      @Required @Pattern(Limits.MAC) @Size(max = 17) String mac) {}

  /**
   * A BGP session, as the daemon says.
   *
   * @param peer name of the BGPPeer
   * @param state Established, or how far it has come
   * @param message what is in the way, for a person, at most 1024 characters; absent when nothing
   *     is
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Session(
      @Required @Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.NAME) String peer,
      @Required @Pattern(Limits.REASON) @Size(max = 64) String state,
      @Size(max = Limits.MESSAGE_LENGTH) String message) {}

  /**
   * An interface that should take part.
   *
   * @param name the interface's name
   * @param attached whether our program is attached now, as the kernel says
   * @param mode Native or Generic; absent while not attached
   * @param reason why not attached, or why generic, in one word; absent when there is nothing to
   *     explain
   * @param message the same for a person, at most 1024 characters
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Interface(
      @Required @Size(min = 1, max = Limits.INTERFACE_NAME_LENGTH) String name,
      @Required boolean attached,
      AttachMode mode,
      @Pattern(Limits.REASON) @Size(max = 64) String reason,
      @Size(max = Limits.MESSAGE_LENGTH) String message) {}

  /** How an XDP program is attached. */
  public enum AttachMode {
    /** In the driver, before the kernel allocates a socket buffer. */
    Native,
    /** In the kernel's stack, after it: works everywhere, slower. */
    Generic
  }

  /**
   * A table that this node does not hold as desired.
   *
   * @param namespace the ForwardingTable's namespace
   * @param name the ForwardingTable's name
   * @param reason one word: AddressConflict, MapFull, InvalidTable, NoRoute, Failed
   * @param message what was attempted, on what, and what the kernel answered, at most 1024
   *     characters
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record TableException(
      @Required @Size(min = 1, max = Limits.LABEL_LENGTH) String namespace,
      @Required @Size(min = 1, max = Limits.NAME_LENGTH) String name,
      @Required @Pattern(Limits.REASON) @Size(max = 64) String reason,
      @Required @Size(max = Limits.MESSAGE_LENGTH) String message) {}
}
