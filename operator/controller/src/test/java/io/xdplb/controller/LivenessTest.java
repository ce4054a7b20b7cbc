// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LivenessTest {
  private static final Duration LASTS = Duration.ofSeconds(3);

  private long now = Long.MAX_VALUE - TimeUnit.SECONDS.toNanos(2); // such a clock may overflow
  private final Liveness liveness = new Liveness(() -> now);

  private void pass(int seconds) {
    now += TimeUnit.SECONDS.toNanos(seconds);
  }

  @Test
  void silentIsWhoHasNotRenewedInTimeAndItIsSaidOnce() {
    liveness.seen("a", 1, LASTS);
    liveness.seen("b", 1, LASTS);
    pass(2);
    liveness.seen("b", 2, LASTS);
    assertThat(liveness.fallenSilent()).isEmpty();
    pass(2);
    assertThat(liveness.fallenSilent()).containsExactly("a");
    assertThat(liveness.fallenSilent()).isEmpty();
    assertThat(liveness.isSilent("a")).isTrue();
    assertThat(liveness.isSilent("b")).isFalse();
  }

  @Test
  void aLeaseThatIsReadAgainIsNotRenewed() {
    liveness.seen("a", 1, LASTS);
    pass(2);
    liveness.seen("a", 1, LASTS);
    pass(2);
    assertThat(liveness.fallenSilent()).containsExactly("a");
  }

  @Test
  void aRenewalEndsTheSilence() {
    liveness.seen("a", 1, LASTS);
    pass(4);
    liveness.fallenSilent();
    assertThat(liveness.seen("a", 2, LASTS)).isTrue();
    assertThat(liveness.isSilent("a")).isFalse();
    assertThat(liveness.seen("a", 3, LASTS)).isFalse();
  }

  @Test
  void whileNothingCanBeHeardNobodyFallsSilent() {
    liveness.seen("a", 1, LASTS);
    pass(60);
    liveness.suspend();
    assertThat(liveness.fallenSilent()).isEmpty();
    pass(4);
    assertThat(liveness.fallenSilent()).containsExactly("a");
  }

  @Test
  void nothingIsKnownOfWhoHasNoLease() {
    assertThat(liveness.isSilent("a")).isFalse();
    liveness.seen("a", 1, LASTS);
    pass(4);
    liveness.fallenSilent();
    assertThat(liveness.forget("a")).isTrue();
    assertThat(liveness.isSilent("a")).isFalse();
  }
}
