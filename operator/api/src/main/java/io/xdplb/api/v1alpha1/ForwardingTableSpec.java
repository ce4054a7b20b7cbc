// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.util.List;

/**
 * The compiled desired state of one LoadBalancer.
 *
 * @param tableHash digest of what a kernel must hold when this table is programmed, 64 hexadecimal
 *     digits; an agent computes the same from the kernel's maps. Where backends have parts it is a
 *     digest of what all nodes together must hold, and an agent reports it when its kernel holds
 *     its node's part
 * @param sourceRanges blocks of addresses from which packets are taken, in canonical form and
 *     ordered, at most 256; others are dropped. Absent means everybody's are taken; a family of
 *     which none is listed is closed
 * @param unavailablePolicy what a new flow gets where no backend takes it, and what packets to
 *     ports of the addresses get that no VIP has; absent means Reject
 * @param healthCheck what nodes say of their pods; absent means nothing. It is not in the kernel,
 *     and not in the hash
 * @param vips one entry an address, protocol and port or range of ports, ordered by these; at most
 *     1024
 * @param slices names of the ForwardingTableSlices that have the backends of the VIPs, which then
 *     have none here; at most 32. Absent means that the VIPs have their backends here
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ForwardingTableSpec(
    @Required @Pattern(Limits.DIGEST) @Size(max = 64) String tableHash,
    @Size(max = Limits.SOURCE_RANGES)
        List<@Size(min = 4, max = Limits.CIDR_LENGTH) @Pattern(Limits.MACHINE_WRITTEN_CIDR) String>
            sourceRanges,
    UnavailablePolicy unavailablePolicy,
    HealthCheck healthCheck,
    @Size(max = Limits.VIPS) List<Vip> vips,
    @Size(max = Limits.SLICES)
        List<@Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.NAME) String> slices) {

  /** One that has its backends in itself. */
  public ForwardingTableSpec(
      String tableHash,
      List<String> sourceRanges,
      UnavailablePolicy unavailablePolicy,
      HealthCheck healthCheck,
      List<Vip> vips) {
    this(tableHash, sourceRanges, unavailablePolicy, healthCheck, vips, null);
  }

  /** The same without a health check. */
  public ForwardingTableSpec(
      String tableHash,
      List<String> sourceRanges,
      UnavailablePolicy unavailablePolicy,
      List<Vip> vips) {
    this(tableHash, sourceRanges, unavailablePolicy, null, vips);
  }

  /** One that is open to everybody and rejects what nobody takes. */
  public ForwardingTableSpec(String tableHash, List<Vip> vips) {
    this(tableHash, null, null, null, vips);
  }

  /**
   * What each node answers by HTTP on a port of its own, unless something else does.
   *
   * @param port on all addresses of the node
   * @param service name of the Service that it is said of
   * @param nodes those that have ready pods, ordered by name, at most 4096; absent means that none
   *     has
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record HealthCheck(
      @Required @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) int port,
      @Required @Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.NAME) String service,
      @Size(max = Limits.OBJECT_BACKENDS) List<LocalEndpoints> nodes) {}

  /**
   * How many ready pods a node has.
   *
   * @param node its name
   * @param count of pods, at least 1
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record LocalEndpoints(
      @Required @Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.NAME) String node,
      @Required @Min(1) @Max(Integer.MAX_VALUE) int count) {}

  /**
   * One address, protocol and port or range of ports, and where its packets go.
   *
   * @param address IPv4 or IPv6, in canonical form (RFC 5952)
   * @param protocol TCP or UDP
   * @param port port number, or the first one of a range, 1 to 65535
   * @param endPort the last port of a range, more than {@code port}; absent means a single port
   * @param listener name of the listener in the LoadBalancer
   * @param affinitySeconds how long a client address without traffic keeps its backend, 1 to 86400;
   *     absent means no affinity
   * @param ringSize number of slots of the Maglev ring, a prime from 1009 to 65537; 0 where no
   *     backend takes new flows
   * @param backends ordered by address and port, each pair once; at most 4096. Absent where they
   *     are in slices
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Vip(
      @Required @Pattern(Limits.MACHINE_WRITTEN_ADDRESS) @Size(min = 2, max = Limits.ADDRESS_LENGTH)
          String address,
      @Required Protocol protocol,
      @Required @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) int port,
      @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) Integer endPort,
      @Required @Size(min = 1, max = Limits.LABEL_LENGTH) @Pattern(Limits.LABEL) String listener,
      @Min(1) @Max(Limits.AFFINITY_SECONDS) Integer affinitySeconds,
      @Required @Min(0) @Max(Limits.RING_SIZE) int ringSize,
      @Size(max = Limits.OBJECT_BACKENDS) List<Backend> backends) {

    /** One of a single port, without affinity. */
    public Vip(
        String address,
        Protocol protocol,
        int port,
        String listener,
        int ringSize,
        List<Backend> backends) {
      this(address, protocol, port, null, listener, null, ringSize, backends);
    }

    /** The same with other backends. */
    public Vip with(List<Backend> others) {
      return new Vip(address, protocol, port, endPort, listener, affinitySeconds, ringSize, others);
    }
  }

  /**
   * One endpoint of a VIP.
   *
   * @param address IPv4 or IPv6 as the VIP, in canonical form
   * @param port port number, 1 to 65535; 0 where the VIP has a range of ports and each packet keeps
   *     its own
   * @param weight share of the ring relative to the other backends of the VIP; 0 takes no new flows
   *     and lets existing ones end. It holds on nodes that no {@code parts} of the VIP's backends
   *     name, neither them nor their zone
   * @param drainSeconds for how long its flows live on after this backend has left the table, at
   *     most 86400; 0 cuts them at once
   * @param mode NAT or DSR; absent means NAT
   * @param encapsulation what is put around packets on their way there: None, GUE or IPIP; absent
   *     means None
   * @param node where the outer packet goes, IPv4 or IPv6 of any family: a pod's node or the server
   *     itself; present exactly with GUE and IPIP
   * @param agent whether the receiver at {@code node} is an agent of ours, which translates to the
   *     backend's address and port; absent means false
   * @param parts the weight on some nodes. A node goes by its own name if some backend of the VIP
   *     names it, else by its zone; a backend that does not name this takes no new flows there. A
   *     node drops new flows to a VIP whose backends all have weight 0 there and not elsewhere
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Backend(
      @Required @Pattern(Limits.MACHINE_WRITTEN_ADDRESS) @Size(min = 2, max = Limits.ADDRESS_LENGTH)
          String address,
      @Required @Min(0) @Max(Limits.MAX_PORT) int port,
      @Required @Min(0) @Max(Integer.MAX_VALUE) int weight,
      @Required @Min(0) @Max(Limits.DRAIN_SECONDS) int drainSeconds,
      Mode mode,
      Encapsulation encapsulation,
      @Pattern(Limits.MACHINE_WRITTEN_ADDRESS) @Size(min = 2, max = Limits.ADDRESS_LENGTH)
          String node,
      Boolean agent,
      @Size(max = Limits.BACKEND_PARTS) List<Part> parts) {

    /** One that is reached by NAT. */
    public Backend(String address, int port, int weight, int drainSeconds) {
      this(address, port, weight, drainSeconds, null, null, null, null, null);
    }

    /**
     * The weight of a backend on one node or on the nodes of a zone.
     *
     * @param place Node or Zone
     * @param name of the node or zone
     * @param weight as that of the backend
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Part(
        @Required Place place,
        @Required @Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.PLACE) String name,
        @Required @Min(0) @Max(Integer.MAX_VALUE) int weight) {

      /** What a name is the name of. */
      public enum Place {
        /** One node. */
        Node,
        /** The nodes whose label topology.kubernetes.io/zone has this value. */
        Zone
      }
    }

    /** Who rewrites addresses. */
    public enum Mode {
      /** The balancing node, of both directions. */
      NAT,
      /** Not the balancing node: the backend's side answers the client directly. */
      DSR
    }

    /** What is put around a packet. */
    public enum Encapsulation {
      /** Nothing. */
      None,
      /** UDP and GUE. */
      GUE,
      /** Only an IP header (RFC 2003, RFC 2473). */
      IPIP
    }
  }
}
