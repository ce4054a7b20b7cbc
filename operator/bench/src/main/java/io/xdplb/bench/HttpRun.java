// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a client saw.
 *
 * @param requests answered
 * @param p50Us median latency in µs
 * @param p99Us its 99th percentile in µs
 */
record HttpRun(long requests, double requestsPerSecond, double p50Us, double p99Us) {

  /** More failed requests than this share, and the measurement says nothing. */
  private static final double TOLERATED_ERRORS = 0.001;

  private static final Map<String, Double> MICROSECONDS = Map.of("us", 1.0, "ms", 1e3, "s", 1e6);

  /**
   * Reads what {@code wrk --latency} prints.
   *
   * @throws IllegalStateException with the output, if a value is missing or requests failed
   */
  static HttpRun parseWrk(String printed) {
    long requests = Long.parseLong(find("(\\d+) requests in ", printed).group(1));
    double errors = 0;
    Matcher socket =
        Pattern.compile("Socket errors: connect (\\d+), read (\\d+), write (\\d+), timeout (\\d+)")
            .matcher(printed);
    if (socket.find()) {
      for (int i = 1; i <= 4; i++) {
        errors += Double.parseDouble(socket.group(i));
      }
    }
    Matcher status = Pattern.compile("Non-2xx or 3xx responses: (\\d+)").matcher(printed);
    if (status.find()) {
      errors += Double.parseDouble(status.group(1));
    }
    if (requests == 0 || errors > requests * TOLERATED_ERRORS) {
      throw new IllegalStateException("requests failed:\n" + printed);
    }
    return new HttpRun(
        requests,
        Double.parseDouble(find("Requests/sec: +([\\d.]+)", printed).group(1)),
        microseconds(find("50% +([\\d.]+)(us|ms|s)", printed)),
        microseconds(find("99% +([\\d.]+)(us|ms|s)", printed)));
  }

  private static double microseconds(Matcher found) {
    return Double.parseDouble(found.group(1)) * MICROSECONDS.get(found.group(2));
  }

  private static Matcher find(String pattern, String printed) {
    Matcher matcher = Pattern.compile(pattern).matcher(printed);
    if (!matcher.find()) {
      throw new IllegalStateException("no \"" + pattern + "\" in:\n" + printed);
    }
    return matcher;
  }
}
