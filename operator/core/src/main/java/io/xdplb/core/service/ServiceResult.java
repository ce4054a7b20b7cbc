// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.service;

import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import java.util.List;
import java.util.Map;

/** What becomes of a Service. */
public sealed interface ServiceResult {

  /** All that was found. */
  List<Finding> findings();

  /**
   * It becomes a LoadBalancer.
   *
   * @param spec with every default filled in, so that it equals what an API server stores
   * @param portErrors ports that are not served, and why in one word
   * @param isProxy whether traffic inside the cluster shall take the way through the load balancer
   *     too
   */
  record Mapped(
      LoadBalancerSpec spec,
      Map<ServiceInput.Port, Finding.Reason> portErrors,
      boolean isProxy,
      List<Finding> findings)
      implements ServiceResult {
    public Mapped {
      portErrors = Map.copyOf(portErrors);
      findings = List.copyOf(findings);
    }
  }

  /** It cannot; a LoadBalancer that was made of it before stays as it is. */
  record Refused(List<Finding> findings) implements ServiceResult {
    public Refused {
      findings = List.copyOf(findings);
    }
  }
}
