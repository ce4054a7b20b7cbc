// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.cluster;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** What {@link RequiresCluster} does: one cluster a JVM, kept in JUnit's root store. */
final class ClusterExtension implements ExecutionCondition, AfterAllCallback, ParameterResolver {

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    Choice choice = choice(context);
    return choice.cluster() != null
        ? ConditionEvaluationResult.enabled(choice.cluster().description())
        : ConditionEvaluationResult.disabled("needs a Kubernetes cluster: " + choice.whyNot());
  }

  /** A test that failed during an outage must not take the next class with it. */
  @Override
  public void afterAll(ExtensionContext context) {
    choice(context).cluster().resume();
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == KubernetesCluster.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return choice(context).cluster();
  }

  /** The store closes it, and with it the cluster, after the last test class. */
  private static Choice choice(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(Namespace.create(ClusterExtension.class))
        .getOrComputeIfAbsent(Choice.class, key -> Choice.make(), Choice.class);
  }

  /** The cluster, or null and why there is none. */
  private record Choice(KubernetesCluster cluster, String whyNot) implements AutoCloseable {

    static Choice make() {
      try {
        return new Choice(KubernetesCluster.up(), null);
      } catch (KubernetesCluster.Unavailable e) {
        return new Choice(null, e.getMessage());
      }
    }

    @Override
    public void close() {
      if (cluster != null) {
        cluster.close();
      }
    }
  }
}
