// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.service;

import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import java.util.List;
import java.util.Map;

/**
 * A Service of type LoadBalancer, as far as it makes a difference here.
 *
 * @param name of the Service
 * @param annotations all of them
 * @param ports in the order of the Service
 * @param ipFamilies as the API server has assigned them, the preferred one first; empty if unknown
 * @param ipFamilyPolicy {@code null} if unknown
 * @param loadBalancerIp the deprecated field; {@code null} or empty if absent
 * @param sourceRanges {@code spec.loadBalancerSourceRanges}; empty if absent
 * @param isLocal whether {@code externalTrafficPolicy} is Local
 * @param healthCheckNodePort port on which nodes are asked for pods on them; {@code null} if none
 * @param affinitySeconds timeout of {@code sessionAffinity: ClientIP}; {@code null} without
 *     affinity
 */
public record ServiceInput(
    String name,
    Map<String, String> annotations,
    List<Port> ports,
    List<IpFamily> ipFamilies,
    IpFamilyPolicy ipFamilyPolicy,
    String loadBalancerIp,
    List<String> sourceRanges,
    boolean isLocal,
    Integer healthCheckNodePort,
    Integer affinitySeconds) {

  public ServiceInput {
    annotations = Map.copyOf(annotations);
    ports = List.copyOf(ports);
    ipFamilies = List.copyOf(ipFamilies);
    sourceRanges = List.copyOf(sourceRanges);
  }

  /**
   * A port.
   *
   * @param name {@code null} or empty for the only port of a Service
   * @param protocol as the Service has it: TCP, UDP, SCTP
   * @param port the Service's port number
   */
  public record Port(String name, String protocol, int port) {

    /** As {@code TCP port 80}. */
    @Override
    public String toString() {
      return protocol + " port " + port;
    }
  }
}
