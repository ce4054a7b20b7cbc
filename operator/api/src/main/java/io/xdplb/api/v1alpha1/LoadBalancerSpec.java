// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;

/**
 * What a user asks of a load balancer.
 *
 * @param addresses where the load balancer is reachable; absent means one address from the best
 *     pool that it may use
 * @param listeners what it listens to, 1 to 64, required but in a template; protocol, port and
 *     endPort together are unique among them. A packet belongs to the listener with the narrowest
 *     range that has its port: a single port within a range is the single port's. Two ranges of one
 *     protocol are apart, or one is within the other; at most 16 listeners are ranges
 * @param forwarding how packets reach backends; absent means {@link Forwarding.Mode#Auto}
 * @param drain what happens to the flows of a backend that is taken out; absent means the default
 *     grace period
 * @param access who may use the load balancer; absent means everybody
 * @param unavailablePolicy what a new flow gets where no backend takes it, and what packets to
 *     ports of the addresses get that no listener has: Reject answers with TCP RST or ICMP port
 *     unreachable, Drop with silence; absent means Reject
 * @param trafficPolicy which endpoints a node uses; absent means all of them
 * @param template true makes it a template: it is never programmed, and needs no listeners.
 *     Services take what they cannot say themselves from it, see the annotation xdplb.io/settings:
 *     forwarding, drain, access and unavailablePolicy. Absent means false
 * @param withdrawn true takes the load balancer off all nodes, while it keeps its addresses; absent
 *     means false
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "has(self.listeners) || has(self.template) && self.template",
    message = "listeners are required, except in a template")
public record LoadBalancerSpec(
    @Default("{}") Addresses addresses,
    @ListKey("name")
        @Size(min = 1, max = Limits.LISTENERS)
        @ValidationRule(
            value =
                "self.all(a, self.exists_one(b, a.protocol == b.protocol && a.port == b.port"
                    + " && (has(a.endPort) ? a.endPort : a.port)"
                    + " == (has(b.endPort) ? b.endPort : b.port)))",
            message = "protocol, port and endPort must be unique among the listeners")
        @ValidationRule(
            value =
                "self.all(a, !has(a.endPort) || self.all(b, a.protocol != b.protocol"
                    + " || !has(b.endPort) || b.port <= a.port || b.port > a.endPort"
                    + " || b.endPort <= a.endPort))",
            message =
                "of two ranges of ports that overlap, one must be within the other: a port in both"
                    + " belongs to the narrower one")
        @ValidationRule(
            value =
                "self.filter(l, has(l.endPort) && l.endPort > l.port).size() <= "
                    + Limits.PORT_RANGES,
            message = "at most " + Limits.PORT_RANGES + " listeners may have a range of ports")
        List<Listener> listeners,
    @Default("{}") Forwarding forwarding,
    @Default("{}") Drain drain,
    Access access,
    @Default("Reject") UnavailablePolicy unavailablePolicy,
    @Default("{}") TrafficPolicy trafficPolicy,
    Boolean template,
    Boolean withdrawn) {

  /** One whose nodes use all endpoints. */
  public LoadBalancerSpec(
      Addresses addresses,
      List<Listener> listeners,
      Forwarding forwarding,
      Drain drain,
      Access access,
      UnavailablePolicy unavailablePolicy) {
    this(addresses, listeners, forwarding, drain, access, unavailablePolicy, null, null, null);
  }

  /** One that is open to everybody and rejects what nobody takes. */
  public LoadBalancerSpec(
      Addresses addresses, List<Listener> listeners, Forwarding forwarding, Drain drain) {
    this(addresses, listeners, forwarding, drain, null, null);
  }

  /**
   * Addresses of the load balancer: those that are requested, and one from a pool for each family
   * that is asked for and has none among these. An address once given stays, whatever becomes of
   * its pool, until the load balancer is deleted or asks for something else.
   *
   * @param poolRef the pool that addresses are taken from; absent means the pool with the highest
   *     priority of those that assign automatically and that this namespace may use
   * @param requested explicit IPv4 or IPv6 addresses, without prefix length, at most 16. Those that
   *     are in a pool follow its rules, those in none are had without a pool
   * @param ipFamilyPolicy SingleStack: an address of one family. PreferDualStack: one of each, or
   *     of one only where the pools have no other. RequireDualStack: one of each, or none at all.
   *     Absent means the requested addresses and no more, or without any SingleStack
   * @param ipFamilies which families, in order: the first is the one of SingleStack, and what
   *     PreferDualStack rather has. Absent means those of the requested addresses, then IPv4, or
   *     IPv6 where no pool has IPv4 addresses for this namespace
   * @param sharingKey load balancers of one namespace with the same key share an address, if
   *     protocol and ports of their listeners are apart, 1 to 63 characters; absent means an
   *     address for this one alone. A requested address that is in no pool is shared without a key
   *     too
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  @ValidationRule(
      value =
          "!has(self.ipFamilies) || self.ipFamilies.size() < 2 || has(self.requested)"
              + " && self.requested.size() > 0 && !has(self.ipFamilyPolicy)"
              + " || has(self.ipFamilyPolicy) && self.ipFamilyPolicy != 'SingleStack'",
      message = "two ipFamilies need ipFamilyPolicy PreferDualStack or RequireDualStack")
  @ValidationRule(
      value =
          "!has(self.ipFamilyPolicy) || self.ipFamilyPolicy != 'SingleStack' || !has(self.requested)"
              + " || !self.requested.all(a, isIP(a))"
              + " || self.requested.all(a, ip(a).family() == ip(self.requested[0]).family())",
      message = "with ipFamilyPolicy SingleStack the requested addresses must be of one family")
  @ValidationRule(
      value =
          "!has(self.ipFamilies) || self.ipFamilies.size() != 1 || has(self.ipFamilyPolicy)"
              + " && self.ipFamilyPolicy != 'SingleStack' || !has(self.requested)"
              + " || !self.requested.all(a, isIP(a)) || self.requested.all(a,"
              + " ip(a).family() == (self.ipFamilies[0] == 'IPv4' ? 4 : 6))",
      message = "requested addresses must be of the family in ipFamilies")
  public record Addresses(
      PoolRef poolRef,
      @Size(max = Limits.ADDRESSES)
          @ValidationRule(
              value = "self.all(a, isIP(a))",
              message =
                  "must be IPv4 or IPv6 addresses, without prefix length, port, zone or leading"
                      + " zeros")
          @ValidationRule(
              value = "!self.all(a, isIP(a)) || self.all(a, self.exists_one(b, ip(a) == ip(b)))",
              message = "addresses must be unique, however they are spelled")
          List<@Size(min = 1, max = Limits.ADDRESS_LENGTH) String> requested,
      IpFamilyPolicy ipFamilyPolicy,
      @Size(max = 2)
          @ValidationRule(
              value = "self.all(a, self.exists_one(b, a == b))",
              message = "each family must be named once")
          List<IpFamily> ipFamilies,
      @Size(min = 1, max = Limits.LABEL_LENGTH) String sharingKey) {

    /** These, and no others. */
    public Addresses(List<String> requested) {
      this(null, requested, null, null, null);
    }
  }

  /**
   * An AddressPool.
   *
   * @param name which pool
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record PoolRef(
      @Required @Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.NAME) String name) {}

  /** How many families a load balancer has addresses of. */
  public enum IpFamilyPolicy {
    /** One. */
    SingleStack,
    /** Both, or one where the pools have no other. */
    PreferDualStack,
    /** Both, or nothing. */
    RequireDualStack
  }

  /**
   * One protocol and port, or range of ports, of every address of the load balancer.
   *
   * @param name unique among the listeners, a DNS label; appears in conditions, metrics and {@code
   *     xdplb status}
   * @param protocol TCP or UDP
   * @param port port number, or the first one of a range, 1 to 65535
   * @param endPort the last port of a range, {@code port} to 65535; absent means that it is no
   *     range. Backends get each packet at the port it was sent to: {@code static.port} is the same
   *     as {@code port} then, and the target port of a Service is not used
   * @param sessionAffinity whether a client stays with its backend over several connections; absent
   *     means that each connection is balanced by itself
   * @param backends where its traffic goes, at most 32 groups; none means that no new flow is
   *     taken, see unavailablePolicy
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  @ValidationRule(
      value = "!has(self.endPort) || self.endPort >= self.port",
      message = "endPort must not be less than port")
  @ValidationRule(
      value =
          "!has(self.endPort) || self.endPort == self.port || !has(self.backends)"
              + " || self.backends.all(b, !has(b.static) || b.static.port == self.port)",
      message =
          "static.port must be the listener's port where the listener has a range: packets keep"
              + " their port")
  public record Listener(
      @Required @Size(min = 1, max = Limits.LABEL_LENGTH) @Pattern(Limits.LABEL) String name,
      @Required Protocol protocol,
      @Required @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) int port,
      @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) Integer endPort,
      SessionAffinity sessionAffinity,
      @Size(max = Limits.BACKEND_GROUPS) List<Backend> backends) {

    /** One of a single port, without affinity. */
    public Listener(String name, Protocol protocol, int port, List<Backend> backends) {
      this(name, protocol, port, null, null, backends);
    }
  }

  /**
   * Whether a client stays with its backend.
   *
   * @param type None: each connection is balanced by itself. ClientIP: all connections from one
   *     client address go to the same backend; absent means None
   * @param timeoutSeconds how long a client without traffic is remembered, in seconds, 1 to 86400;
   *     absent means 10800
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record SessionAffinity(
      @Default("None") Type type,
      @Default("" + Limits.DEFAULT_AFFINITY_SECONDS) @Min(1) @Max(Limits.AFFINITY_SECONDS)
          Integer timeoutSeconds) {
    /** Kinds of affinity. */
    public enum Type {
      /** Each connection is balanced by itself. */
      None,
      /** By the address that packets come from. */
      ClientIP
    }
  }

  /**
   * A group of endpoints that shares the traffic of a listener with the other groups in proportion
   * to the weights. Exactly one of {@code serviceRef} and {@code static} is set.
   *
   * @param serviceRef the endpoints of a Service in the same namespace
   * @param staticBackends endpoints by address
   * @param weight share of the whole group, 0 to 1000, however many endpoints it has; 0 takes it
   *     out for new flows and lets its existing flows end; absent means 1
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  @ValidationRule(
      value = "has(self.serviceRef) != has(self.static)",
      message = "exactly one of serviceRef and static must be set")
  public record Backend(
      ServiceRef serviceRef,
      @JsonProperty("static") StaticBackends staticBackends,
      @Default("1") @Min(0) @Max(Limits.GROUP_WEIGHT) Integer weight) {}

  /**
   * A port of a Service.
   *
   * @param name the Service's name, in the namespace of the LoadBalancer
   * @param port the Service's port number (not the target port), 1 to 65535
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record ServiceRef(
      @Required @Size(min = 1, max = Limits.LABEL_LENGTH) @Pattern(Limits.LABEL) String name,
      @Required @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) int port) {}

  /**
   * Endpoints by address.
   *
   * @param addresses IPv4 or IPv6 addresses, 1 to 128; each serves the VIPs of its own family
   * @param port port number, 1 to 65535
   * @param encapsulation how DSR reaches these servers, which have the address of the load balancer
   *     themselves and answer the client directly. IPIP: in a plain IP header. GUE: in UDP, which
   *     spreads over a server's queues. L2: as it is, with the MAC address changed, to a server on
   *     a link of the balancing node. With IPIP and L2 {@code port} must be the listener's, because
   *     the server sees the packet as the client sent it; with GUE another port needs xdplb on the
   *     server. Absent means that these servers are reached by NAT. Not used where forwarding.mode
   *     is NAT
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record StaticBackends(
      @Required
          @Size(min = 1, max = Limits.STATIC_ADDRESSES)
          @ValidationRule(
              value = "self.all(a, isIP(a))",
              message =
                  "must be IPv4 or IPv6 addresses, without prefix length, port, zone or leading"
                      + " zeros")
          List<@Size(min = 1, max = Limits.ADDRESS_LENGTH) String> addresses,
      @Required @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) int port,
      Encapsulation encapsulation) {

    /** Ones that are reached by NAT. */
    public StaticBackends(List<String> addresses, int port) {
      this(addresses, port, null);
    }

    /** How DSR reaches a server. */
    public enum Encapsulation {
      /** In a plain IP header (RFC 2003, RFC 2473). */
      IPIP,
      /** In UDP and GUE. */
      GUE,
      /** Not at all: only the MAC address changes. */
      L2
    }
  }

  /**
   * How packets reach backends.
   *
   * @param mode NAT: destination and source are rewritten, answers come back through the balancing
   *     node; works with any backend. DSR: backends see the client's address and answer it
   *     directly; needs the agent on the node of each pod and an encapsulation for each static
   *     backend, and a pod without an agent takes no traffic. Auto: DSR for the backends that allow
   *     it, NAT for the others; status.forwarding says which. Absent means Auto
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Forwarding(@Default("Auto") Mode mode) {
    /** Forwarding modes. */
    public enum Mode {
      /** The best mode that each backend allows: DSR where it can be, else NAT. */
      Auto,
      /** Backends answer clients directly (direct server return). */
      DSR,
      /** Destination and source are rewritten; both directions pass through the balancing node. */
      NAT
    }
  }

  /**
   * Which of its endpoints a node uses.
   *
   * @param external Cluster: every node uses all endpoints. Local: a node uses only the pods that
   *     run on it, and drops new flows while it has none and another node has some; every backend
   *     must be a serviceRef, and a pod whose EndpointSlice names no node is used by none. Absent
   *     means Cluster. Outside a cluster, the one machine there is uses all
   * @param prefer which pods a node uses while there are ready ones of that kind, and all
   *     otherwise; not with Local. It holds for each Service by itself, and only while the node of
   *     each ready pod, and for SameZone its zone, is known; static backends are used by all nodes.
   *     A listener with several backends tells at most 64 nodes and zones apart. Absent means what
   *     the hints of the Service's EndpointSlices ask for, which Kubernetes writes for {@code
   *     trafficDistribution}. Where nodes use different pods, a flow that reaches another node than
   *     before, because routers have chosen anew, may come to another pod and break; and a few
   *     flows between nodes may when the number of pods grows or shrinks past 40 or 160
   * @param healthCheckNodePort port on which each node says by HTTP whether it has ready pods of
   *     the load balancer: 200 if so, else 503, and how many in JSON, as kube-proxy does. Where
   *     something else has the port, such as kube-proxy for the same Service, that answers. Only
   *     with Local; absent means none
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  @ValidationRule(
      value = "!has(self.prefer) || self.external != 'Local'",
      message = "with external Local a node uses only its own pods, and prefers none")
  @ValidationRule(
      value = "!has(self.healthCheckNodePort) || self.external == 'Local'",
      message = "only with external Local do nodes differ in what healthCheckNodePort would say")
  public record TrafficPolicy(
      @Default("Cluster") External external,
      Prefer prefer,
      @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) Integer healthCheckNodePort) {

    /** One that asks for nothing else. */
    public TrafficPolicy(External external) {
      this(external, null, null);
    }

    /** One that has no health check. */
    public TrafficPolicy(External external, Prefer prefer) {
      this(external, prefer, null);
    }

    /** For traffic that comes to an address of the load balancer. */
    public enum External {
      /** All endpoints. */
      Cluster,
      /** Those of the node that a packet comes to. */
      Local
    }

    /** Pods that are near the node that a packet comes to. */
    public enum Prefer {
      /** Those in its zone, by the label topology.kubernetes.io/zone of the Nodes. */
      SameZone,
      /** Those on it, else those in its zone. */
      SameNode
    }
  }

  /**
   * Who may use the load balancer.
   *
   * @param sourceRanges blocks of IPv4 and IPv6 addresses, as 10.0.0.0/8, from which packets are
   *     taken, at most 256; all others are dropped. Absent or empty means everybody. Addresses of a
   *     family of which no block is listed are closed
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Access(
      @Size(max = Limits.SOURCE_RANGES)
          @ValidationRule(
              value = "self.all(r, isCIDR(r))",
              message = "must be blocks of IPv4 or IPv6 addresses, as 10.0.0.0/8 or 2001:db8::/32")
          List<@Size(min = 1, max = Limits.CIDR_LENGTH) String> sourceRanges) {}

  /**
   * What happens to the flows of a static backend that is taken out of the spec.
   *
   * @param gracePeriod how long its established flows may go on, as a duration such as {@code 90s},
   *     {@code 5m} or {@code 1h30m}: one to four whole numbers with the units h, m, s or ms, whole
   *     seconds and at most 24h together; 0s cuts them at once; absent means 5m
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Drain(
      @Default("5m")
          @Size(min = 2, max = 32)
          @Pattern(Limits.DURATION)
          @ValidationRule(
              value = "duration(self) <= duration('24h')",
              message = "must be at most 24h")
          @ValidationRule(
              value = "duration(self).getMilliseconds() % 1000 == 0",
              message = "must be whole seconds")
          String gracePeriod) {}
}
