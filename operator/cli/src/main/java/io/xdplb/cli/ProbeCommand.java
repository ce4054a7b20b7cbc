// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code xdplb probe}. */
@Command(
    name = "probe",
    description = "Asks URLs, for example at a VIP, and says what came back.",
    mixinStandardHelpOptions = true)
final class ProbeCommand implements Callable<Integer> {

  private static final int FIRST_ERROR = 400;

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "URL", arity = "1..*", description = "http or https.")
  private List<URI> urls;

  @Option(
      names = "--timeout-seconds",
      paramLabel = "N",
      defaultValue = "5",
      description = "How long to wait for each answer. Default: ${DEFAULT-VALUE}.")
  private int timeoutSeconds;

  @Override
  public Integer call() throws InterruptedException {
    Duration timeout = Duration.ofSeconds(timeoutSeconds);
    HttpClient client = HttpClient.newBuilder().connectTimeout(timeout).build();
    PrintWriter out = spec.commandLine().getOut();
    int failed = 0;
    for (URI url : urls) {
      long begin = System.nanoTime();
      String result;
      try {
        int status =
            client
                .send(
                    HttpRequest.newBuilder(url).timeout(timeout).build(),
                    HttpResponse.BodyHandlers.discarding())
                .statusCode();
        failed += status < FIRST_ERROR ? 0 : 1;
        result = "status " + status;
      } catch (IOException | IllegalArgumentException e) {
        failed++;
        result = "no answer: " + e;
      }
      out.println(url + ": " + result + ", " + (System.nanoTime() - begin) / 1_000_000 + " ms");
    }
    out.flush();
    return failed == 0 ? 0 : 1;
  }
}
