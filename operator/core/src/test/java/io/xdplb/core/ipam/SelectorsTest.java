// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Selector;
import io.xdplb.api.v1alpha1.Selector.Operator;
import io.xdplb.api.v1alpha1.Selector.Requirement;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** As Kubernetes' LabelSelector. */
class SelectorsTest {

  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        "In, a, a b, true",
        "In, c, a b, false",
        "In, -, a b, false",
        "NotIn, a, a b, false",
        "NotIn, c, a b, true",
        "NotIn, -, a b, true",
        "Exists, a, -, true",
        "Exists, -, -, false",
        "DoesNotExist, a, -, false",
        "DoesNotExist, -, -, true"
      })
  void anExpression(Operator operator, String label, String values, boolean matches) {
    Requirement requirement =
        new Requirement("team", operator, values == null ? null : Arrays.asList(values.split(" ")));
    assertThat(
            Selectors.matches(
                new Selector(null, List.of(requirement)),
                label == null ? Map.of() : Map.of("team", label)))
        .isEqualTo(matches);
  }

  @Test
  void allThatIsSaidMustHoldAndNothingSaidSelectsAll() {
    Map<String, String> labels = Map.of("team", "edge", "stage", "canary");
    assertThat(Selectors.matches(new Selector(null, null), Map.of())).isTrue();
    assertThat(Selectors.matches(new Selector(Map.of("team", "edge"), null), labels)).isTrue();
    assertThat(Selectors.matches(new Selector(Map.of("team", "core"), null), labels)).isFalse();
    assertThat(Selectors.matches(new Selector(Map.of("team", "edge", "x", "y"), null), labels))
        .isFalse();
    Requirement gone = new Requirement("stage", Operator.DoesNotExist, null);
    assertThat(Selectors.matches(new Selector(Map.of("team", "edge"), List.of(gone)), labels))
        .isFalse();
  }
}
