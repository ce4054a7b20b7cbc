// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import com.sun.security.auth.module.UnixSystem;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** The test loads BPF programs or makes network namespaces: skipped, and said so, without root. */
@Inherited
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
@ExtendWith(RequiresBpf.Condition.class)
public @interface RequiresBpf {

  /** Root on a kernel with BTF. */
  final class Condition implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      if (new UnixSystem().getUid() != 0) {
        return ConditionEvaluationResult.disabled("needs root to load BPF programs");
      }
      if (!Files.exists(Path.of("/sys/kernel/btf/vmlinux"))) {
        return ConditionEvaluationResult.disabled("needs a kernel with BTF");
      }
      return ConditionEvaluationResult.enabled("root, and a kernel with BTF");
    }
  }
}
