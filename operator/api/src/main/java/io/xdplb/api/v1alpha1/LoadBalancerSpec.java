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
 * @param addresses where the load balancer is reachable
 * @param listeners what it listens to, 1 to 64; (protocol, port) is unique among them
 * @param forwarding how packets reach backends; absent means {@link Forwarding.Mode#Auto}
 * @param drain what happens to the flows of a backend that is taken out; absent means the default
 *     grace period
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record LoadBalancerSpec(
    @Required Addresses addresses,
    @Required
        @ListKey("name")
        @Size(min = 1, max = Limits.LISTENERS)
        @ValidationRule(
            value = "self.all(a, self.exists_one(b, a.protocol == b.protocol && a.port == b.port))",
            message = "protocol and port must be unique among the listeners")
        List<Listener> listeners,
    @Default("{}") Forwarding forwarding,
    @Default("{}") Drain drain) {

  /**
   * Addresses of the load balancer.
   *
   * @param requested explicit IPv4 or IPv6 addresses, without prefix length, 1 to 16
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Addresses(
      @Required
          @Size(min = 1, max = Limits.ADDRESSES)
          @ValidationRule(
              value = "self.all(a, isIP(a))",
              message =
                  "must be IPv4 or IPv6 addresses, without prefix length, port, zone or leading"
                      + " zeros")
          @ValidationRule(
              value = "!self.all(a, isIP(a)) || self.all(a, self.exists_one(b, ip(a) == ip(b)))",
              message = "addresses must be unique, however they are spelled")
          List<@Size(min = 1, max = Limits.ADDRESS_LENGTH) String> requested) {}

  /**
   * One protocol and port of every address of the load balancer.
   *
   * @param name unique among the listeners, a DNS label; appears in conditions, metrics and {@code
   *     xdplb status}
   * @param protocol TCP or UDP
   * @param port port number, 1 to 65535
   * @param backends where its traffic goes, at most 32 groups; none means that packets are dropped
   *     and counted
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Listener(
      @Required @Size(min = 1, max = Limits.LABEL_LENGTH) @Pattern(Limits.LABEL) String name,
      @Required Protocol protocol,
      @Required @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) int port,
      @Size(max = Limits.BACKEND_GROUPS) List<Backend> backends) {}

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
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record StaticBackends(
      @Required
          @Size(min = 1, max = Limits.STATIC_ADDRESSES)
          @ValidationRule(
              value = "self.all(a, isIP(a))",
              message =
                  "must be IPv4 or IPv6 addresses, without prefix length, port, zone or leading"
                      + " zeros")
          List<@Size(min = 1, max = Limits.ADDRESS_LENGTH) String> addresses,
      @Required @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) int port) {}

  /**
   * How packets reach backends.
   *
   * @param mode forwarding mode; absent means {@link Mode#Auto}
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Forwarding(@Default("Auto") Mode mode) {
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
   *     {@code 5m} or {@code 1h30m}: one to four whole numbers with the units h, m, s or ms, at
   *     most 24h together; 0s cuts them at once; absent means 5m
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Drain(
      @Default("5m")
          @Size(min = 2, max = 32)
          @Pattern("^([0-9]{1,5}(h|m|s|ms)){1,4}$")
          @ValidationRule(
              value = "duration(self) <= duration('24h')",
              message = "must be at most 24h")
          String gracePeriod) {}
}
