// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;

/**
 * Evidence of one node.
 *
 * @param agentVersion version of the agent that wrote this
 * @param interfaces where the XDP program is attached, ordered by name
 * @param rootHash digest over {@code bucketHashes}: equal on two nodes exactly when both hold the
 *     same tables
 * @param bucketHashes digests of what the kernel's maps hold, by bucket. A table belongs to the
 *     bucket named by the first two hexadecimal digits of SHA-256("namespace/name"); a bucket
 *     without tables is absent. A bucket's digest equals the operator's own exactly when all its
 *     tables are programmed as desired
 * @param tables how many tables are programmed
 * @param exceptions tables that could not be programmed, at most 64, and why
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record NodeStateStatus(
    String agentVersion,
    List<Interface> interfaces,
    String rootHash,
    Map<String, String> bucketHashes,
    Integer tables,
    List<TableException> exceptions) {

  /**
   * An interface that should take part.
   *
   * @param name of the interface
   * @param attached whether our program is attached now, as the kernel says
   * @param mode native or generic; absent while not attached
   * @param reason why not attached, or why generic; absent when there is nothing to explain
   * @param message the same for a person
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Interface(
      String name, boolean attached, AttachMode mode, String reason, String message) {}

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
   * @param namespace of the ForwardingTable
   * @param name of the ForwardingTable
   * @param reason one word: AddressConflict, MapFull, InvalidTable, NoRoute, Failed
   * @param message what was attempted, on what, and what the kernel answered
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record TableException(String namespace, String name, String reason, String message) {}
}
