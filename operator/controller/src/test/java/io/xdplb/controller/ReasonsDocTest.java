// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.compile.Problem;
import io.xdplb.testing.Checkout;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Whoever meets a condition or a reason finds it in {@code docs/status.md}. */
class ReasonsDocTest {

  @Test
  void everyConditionAndReasonIsExplained() throws Exception {
    String text = Files.readString(Checkout.path("docs").resolve("status.md"));
    List<String> words = new ArrayList<>();
    Arrays.stream(Problem.Reason.values()).map(Enum::name).forEach(words::add);
    for (Class<?> says :
        List.of(
            StatusComposer.class,
            Decision.class,
            PoolStatusComposer.class,
            Announced.class,
            AnnouncingStatusComposer.class)) {
      words.addAll(constants(says));
    }
    assertThat(words)
        .hasSizeGreaterThan(15)
        .allSatisfy(word -> assertThat(text).contains("`" + word + "`"));
  }

  /** What a class calls conditions and reasons. */
  private static List<String> constants(Class<?> type) throws IllegalAccessException {
    List<String> values = new ArrayList<>();
    for (Field field : type.getDeclaredFields()) {
      if (Modifier.isStatic(field.getModifiers()) && field.getType() == String.class) {
        field.setAccessible(true);
        values.add((String) field.get(null));
      }
    }
    return values;
  }
}
