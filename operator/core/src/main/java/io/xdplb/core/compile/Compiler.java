// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import java.util.Set;

/** x. */
public final class Compiler {
  private Compiler() {}

  /** x. */
  public static Set<ServicePort> servicePorts(LoadBalancerSpec spec) {
    throw new UnsupportedOperationException();
  }

  /** x. */
  public static CompileResult compile(CompileInput input) {
    throw new UnsupportedOperationException();
  }
}
