// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What {@link RequiresApiServer} does: one server a JVM, kept in JUnit's root store. */
final class ApiServerExtension
    implements ExecutionCondition, BeforeAllCallback, AfterAllCallback, ParameterResolver {

  private static final Logger log = LoggerFactory.getLogger(ApiServerExtension.class);

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    return chosen(context).server() != null
        ? ConditionEvaluationResult.enabled(chosen(context).why())
        : ConditionEvaluationResult.disabled(chosen(context).why());
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    log.info("{} runs on {}", context.getDisplayName(), chosen(context).why());
    context.publishReportEntry("API server", chosen(context).why());
  }

  /** A test that failed during an outage must not take the next class with it. */
  @Override
  public void afterAll(ExtensionContext context) {
    chosen(context).server().start();
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == KubernetesApi.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return chosen(context).server();
  }

  /** The store closes it, and with it the server, after the last test class. */
  private static ApiServerChoice chosen(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(Namespace.create(ApiServerExtension.class))
        .getOrComputeIfAbsent(
            ApiServerChoice.class,
            key -> ApiServerChoice.make(System.getenv(ApiServerChoice.VARIABLE)),
            ApiServerChoice.class);
  }
}
