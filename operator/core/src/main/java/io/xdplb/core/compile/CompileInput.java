// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.core.model.ObjectName;
import java.util.Map;
import java.util.Objects;

/**
 * A LoadBalancer and the endpoints of the Services it refers to.
 *
 * @param name of the LoadBalancer
 * @param spec as the user wrote it, valid or not; {@code null} if absent
 * @param services what is known of each of {@link Compiler#servicePorts}; one that is missing
 *     counts as {@link ServiceEndpoints.Unknown}
 */
public record CompileInput(
    ObjectName name, LoadBalancerSpec spec, Map<ServicePort, ServiceEndpoints> services) {
  public CompileInput {
    Objects.requireNonNull(name, "name");
    services = Map.copyOf(services);
  }
}
