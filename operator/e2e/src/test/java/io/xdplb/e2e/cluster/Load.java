// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.kernel.Command;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RunningProcess;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Requests that go on until {@link #close}: for each URL two wrk, one that keeps its connections
 * and one that opens a connection for each request.
 */
final class Load implements AutoCloseable {

  private static final Pattern REQUESTS = Pattern.compile("(\\d+) requests in ");
  private static final Pattern ERRORS =
      Pattern.compile("(?:Socket errors|Non-2xx or 3xx responses): (.*)");
  private static final Pattern NUMBER = Pattern.compile("\\d+");

  private final List<RunningProcess> generators = new ArrayList<>();

  /** Returns when the generators run; that their requests are answered is seen at the end. */
  Load(Netns client, List<String> urls) {
    try {
      for (String url : urls) {
        generators.add(start(client, url));
        generators.add(start(client, url, "-H", "Connection: close"));
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private static RunningProcess start(Netns client, String url, String... options) {
    List<String> command =
        new ArrayList<>(List.of("wrk", "-t", "1", "-c", "10", "-d", "600", "-s", paced()));
    command.addAll(List.of(options));
    command.add(url);
    return client.start(command.toArray(String[]::new));
  }

  private static String paced() {
    try {
      return Path.of(Load.class.getResource("/paced.lua").toURI()).toString();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Ends the load. Every request must have been answered: no connection refused, reset or closed
   * too early, no answer later than two seconds, none but 200.
   *
   * @param least how many requests each generator must have made at least
   */
  void mustHaveHadNoError(int least) {
    for (RunningProcess wrk : generators) {
      wrk.mustBeAlive();
      Command.run(List.of("kill", "-INT", "" + wrk.pid())); // it ends in order and says what it has
    }
    for (RunningProcess wrk : generators) {
      Web.until("wrk has ended", () -> !wrk.isAlive());
      String output = wrk.output();
      Matcher requests = REQUESTS.matcher(output);
      assertThat(requests.find()).as(output).isTrue();
      int made = Integer.parseInt(requests.group(1));
      assertThat(made).as(output).isGreaterThan(least);
      int lost =
          ERRORS
              .matcher(output)
              .results()
              .flatMap(found -> NUMBER.matcher(found.group(1)).results())
              .mapToInt(number -> Integer.parseInt(number.group()))
              .sum();
      System.out.printf("%d of %d requests lost%n", lost, made);
      assertThat(lost).as(output).isZero();
    }
  }

  @Override
  public void close() {
    generators.forEach(RunningProcess::close);
  }
}
