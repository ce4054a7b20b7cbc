// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import io.xdplb.testing.Checkout;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** The test builds the image: it needs root, Debian's tools and a packaged command line. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@ExtendWith(RequiresImage.Condition.class)
@interface RequiresImage {

  /** Skips, with the reason. */
  final class Condition implements ExecutionCondition {

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      if (!System.getProperty("user.name").equals("root")) {
        return ConditionEvaluationResult.disabled("the image is made by root only");
      }
      for (String program : new String[] {"/usr/bin/mmdebstrap", "/usr/bin/llvm-objcopy"}) {
        if (!Files.exists(Path.of(program))) {
          return ConditionEvaluationResult.disabled(
              program + " is missing: make image installs it");
        }
      }
      Path jar = Checkout.path("operator/cli/pom.xml").resolveSibling("target/xdplb.jar");
      return Files.exists(jar)
          ? ConditionEvaluationResult.enabled("all is there")
          : ConditionEvaluationResult.disabled(jar + " is missing: make build makes it");
    }
  }
}
