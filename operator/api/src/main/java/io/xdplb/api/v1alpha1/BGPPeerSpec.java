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

/**
 * How nodes speak BGP with a router. Routes of both families go over one session, whichever family
 * that has.
 *
 * @param nodeSelector labels of the nodes that have a session; absent means all that have an agent
 * @param address the router's; either this or {@code interface}
 * @param interfaceName interface to a router that has no address there but a link-local one
 *     (unnumbered); either this or {@code address}
 * @param asn the router's autonomous system, 1 to 4294967294
 * @param localAsn the nodes' autonomous system, 1 to 4294967294
 * @param port the router's TCP port; absent means 179
 * @param sourceAddress the node's address in the session; absent means the one that the kernel
 *     chooses. Only for a peer of one node
 * @param holdTime after how long without a message the session is over, as {@code 90s}, 3s to 1h;
 *     with BFD it is not what ends it; absent means 90s
 * @param keepaliveTime how often a message is sent, 1s to 20m; absent means a third of the hold
 *     time
 * @param connectRetryTime how long after a failure another connection is tried, 1s to 10m; absent
 *     means 5s
 * @param multihop how many hops away the router may be, 2 to 255; absent means on the same link
 * @param bfd detection of a lost router or link; absent means on with its defaults
 * @param gracefulRestart routes stay while the node's daemon is restarted; absent means as its
 *     defaults say
 * @param passwordSecretRef key of a Secret with the password of TCP MD5 (RFC 2385); absent means
 *     none
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "has(self.address) != has(self.interface)",
    message = "either address or interface must be set")
@ValidationRule(
    value =
        "!has(self.sourceAddress) || has(self.address) && isIP(self.address) &&"
            + " isIP(self.sourceAddress) && ip(self.sourceAddress).family() =="
            + " ip(self.address).family()",
    message = "sourceAddress must be of the address' family")
public record BGPPeerSpec(
    Selector nodeSelector,
    @Size(min = 1, max = Limits.ADDRESS_LENGTH)
        @ValidationRule(value = "isIP(self)", message = "must be an IPv4 or IPv6 address")
        String address,
    @JsonProperty("interface")
        @Size(min = 1, max = Limits.INTERFACE_NAME_LENGTH)
        @Pattern(Limits.INTERFACE)
        String interfaceName,
    @Required @Min(1) @Max(Limits.MAX_ASN) Long asn,
    @JsonProperty("localASN") @Required @Min(1) @Max(Limits.MAX_ASN) Long localAsn,
    @Default("179") @Min(Limits.MIN_PORT) @Max(Limits.MAX_PORT) Integer port,
    @Size(min = 1, max = Limits.ADDRESS_LENGTH)
        @ValidationRule(value = "isIP(self)", message = "must be an IPv4 or IPv6 address")
        String sourceAddress,
    @Default("90s")
        @Size(min = 2, max = 32)
        @Pattern(Limits.DURATION)
        @ValidationRule(
            value =
                "duration(self) >= duration('3s') && duration(self) <= duration('1h')"
                    + " && duration(self).getMilliseconds() % 1000 == 0",
            message = "must be whole seconds, 3s to 1h")
        String holdTime,
    @Size(min = 2, max = 32)
        @Pattern(Limits.DURATION)
        @ValidationRule(
            value =
                "duration(self) >= duration('1s') && duration(self) <= duration('20m')"
                    + " && duration(self).getMilliseconds() % 1000 == 0",
            message = "must be whole seconds, 1s to 20m")
        String keepaliveTime,
    @Default("5s")
        @Size(min = 2, max = 32)
        @Pattern(Limits.DURATION)
        @ValidationRule(
            value =
                "duration(self) >= duration('1s') && duration(self) <= duration('10m')"
                    + " && duration(self).getMilliseconds() % 1000 == 0",
            message = "must be whole seconds, 1s to 10m")
        String connectRetryTime,
    @Min(2) @Max(255) Integer multihop,
    Bfd bfd,
    GracefulRestart gracefulRestart,
    PasswordSecretRef passwordSecretRef) {

  /**
   * Bidirectional Forwarding Detection (RFC 5880).
   *
   * @param enabled absent means true
   * @param interval how often both sides send, 10ms to 10s; absent means 200ms
   * @param multiplier after so many missing messages the other side is lost, 2 to 50; absent means
   *     3
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Bfd(
      @Default("true") Boolean enabled,
      @Default("200ms")
          @Size(min = 2, max = 32)
          @Pattern(Limits.DURATION)
          @ValidationRule(
              value = "duration(self) >= duration('10ms') && duration(self) <= duration('10s')",
              message = "must be 10ms to 10s")
          String interval,
      @Default("3") @Min(2) @Max(50) Integer multiplier) {}

  /**
   * Graceful restart (RFC 4724).
   *
   * @param enabled absent means true where BFD is off, and false where it is on: a router with BFD
   *     takes a daemon that restarts for lost, and nodes that announce the same address take over
   * @param restartTime how long the router keeps the routes, 1s to 1h; absent means 120s
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record GracefulRestart(
      Boolean enabled,
      @Default("120s")
          @Size(min = 2, max = 32)
          @Pattern(Limits.DURATION)
          @ValidationRule(
              value =
                  "duration(self) >= duration('1s') && duration(self) <= duration('1h')"
                      + " && duration(self).getMilliseconds() % 1000 == 0",
              message = "must be whole seconds, 1s to 1h")
          String restartTime) {}

  /**
   * A value in a Secret of the namespace that xdplb is installed in.
   *
   * @param name of the Secret
   * @param key in it; absent means password
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record PasswordSecretRef(
      @Required @Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.NAME) String name,
      @Default("password") @Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.SECRET_KEY)
          String key) {}
}
