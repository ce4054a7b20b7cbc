// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class HttpRunTest {

  private static final String PRINTED =
      """
      Running 1m test @ http://203.0.113.1:80/
        1 threads and 32 connections
        Thread Stats   Avg      Stdev     Max   +/- Stdev
          Latency   541.60us  823.88us  13.49ms   94.52%
          Req/Sec    82.24k     9.31k   91.22k    80.00%
        Latency Distribution
           50%  362.00us
           75%  501.00us
           90%    1.00ms
           99%    4.12ms
        16449 requests in 0.20s, 3.52MB read
      Requests/sec:  82244.83
      Transfer/sec:     17.60MB
      """;

  @Test
  void readsRequestsAndLatenciesInMicroseconds() {
    assertThat(HttpRun.parseWrk(PRINTED)).isEqualTo(new HttpRun(16449, 82244.83, 362, 4120));
  }

  @Test
  void refusesARunWhoseRequestsFailed() {
    String failed =
        PRINTED.replace(
            "Requests/sec",
            "  Socket errors: connect 0, read 3, write 0, timeout 20\nRequests/sec");
    assertThatThrownBy(() -> HttpRun.parseWrk(failed))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("requests failed")
        .hasMessageContaining("timeout 20");
  }

  @Test
  void toleratesOneErrorInAThousand() {
    String printed =
        PRINTED.replace(
            "Requests/sec", "  Socket errors: connect 0, read 3, write 0, timeout 2\nRequests/sec");
    assertThat(HttpRun.parseWrk(printed).requests()).isEqualTo(16449);
  }

  @Test
  void saysWhatIsMissing() {
    assertThatThrownBy(() -> HttpRun.parseWrk(PRINTED.replace("99%", "98%")))
        .hasMessageContaining("99%");
  }
}
