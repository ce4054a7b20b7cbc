// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/**
 * What a user asks of a load balancer.
 *
 * @param addresses where the load balancer is reachable
 * @param listeners what it listens to; (protocol, port) is unique among them
 * @param forwarding how packets reach backends; absent means {@link Forwarding.Mode#Auto}
 * @param drain what happens to the flows of a backend that is taken out; absent means the default
 *     grace period
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record LoadBalancerSpec(
    Addresses addresses, List<Listener> listeners, Forwarding forwarding, Drain drain) {

  /**
   * Addresses of the load balancer.
   *
   * @param requested explicit IPv4 or IPv6 addresses, without prefix length
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Addresses(List<String> requested) {}

  /**
   * One protocol and port of every address of the load balancer.
   *
   * @param name unique among the listeners; appears in conditions, metrics and {@code xdplb status}
   * @param protocol TCP or UDP
   * @param port 1 to 65535
   * @param backends where its traffic goes; none means that packets are dropped and counted
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Listener(String name, Protocol protocol, int port, List<Backend> backends) {}

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
  public record Backend(
      ServiceRef serviceRef,
      @com.fasterxml.jackson.annotation.JsonProperty("static") StaticBackends staticBackends,
      Integer weight) {}

  /**
   * A port of a Service.
   *
   * @param name of the Service, in the namespace of the LoadBalancer
   * @param port the Service's port number (not the target port), 1 to 65535
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record ServiceRef(String name, int port) {}

  /**
   * Endpoints by address.
   *
   * @param addresses IPv4 or IPv6 addresses; each serves the VIPs of its own family
   * @param port 1 to 65535
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record StaticBackends(List<String> addresses, int port) {}

  /**
   * How packets reach backends.
   *
   * @param mode absent means {@link Mode#Auto}
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Forwarding(Mode mode) {
    /** Forwarding modes. */
    public enum Mode {
      /** The best mode that each backend allows. Today that is NAT for all. */
      Auto,
      /** Destination and source are rewritten; both directions pass through the balancing node. */
      NAT
    }
  }

  /**
   * What happens to the flows of a static backend that is taken out of the spec.
   *
   * @param gracePeriod how long its established flows may go on, as a duration such as {@code 90s},
   *     {@code 5m} or {@code 1h30m}; 0s cuts them at once; absent means 5m
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Drain(String gracePeriod) {}
}
