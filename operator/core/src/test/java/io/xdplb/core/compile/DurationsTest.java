// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DurationsTest {

  @ParameterizedTest
  @CsvSource({"0s,0", "90s,90", "5m,300", "1h30m,5400", "24h,86400", "1h1m1s,3661", "2000ms,2"})
  void durationsAreWholeSeconds(String text, int seconds) {
    assertThat(Durations.seconds(text)).isEqualTo(seconds);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "5", "m", "-5m", "1.5h", "5 m", "5min", "1d", "999999999999s", "५m"})
  void whatIsNoDurationIsRefused(String text) {
    assertThatThrownBy(() -> Durations.seconds(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("is not a duration; write whole numbers with units");
  }

  @ParameterizedTest
  @CsvSource({"500ms,whole seconds", "1s1ms,whole seconds", "24h1s,at most 24h", "99999h,at most"})
  void fractionsAndMoreThanADayAreRefused(String text, String message) {
    assertThatThrownBy(() -> Durations.seconds(text)).hasMessageContaining(message);
  }
}
