// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.xdplb.cli.observe.HttpAddress;
import io.xdplb.cli.observe.HttpEndpoint;
import java.io.IOException;
import picocli.CommandLine.Option;

/** Whether and where probes and metrics are served. */
final class HttpOptions {

  @Option(
      names = "--http",
      paramLabel = "[ADDRESS]:PORT",
      description =
          "Serve /healthz, /readyz and /metrics there, for example :9598. Default: nowhere.")
  private HttpAddress address;

  /**
   * Serves them if that was asked for.
   *
   * @return to be closed; does nothing where they are not served
   * @throws UserError if the address cannot be had
   */
  AutoCloseable serve(
      HttpEndpoint.Probe health, HttpEndpoint.Probe ready, PrometheusRegistry metrics) {
    if (address == null) {
      return () -> {};
    }
    try {
      return HttpEndpoint.start(address, health, ready, metrics);
    } catch (IOException e) {
      throw new UserError(
          "cannot serve probes and metrics at "
              + address.host()
              + ":"
              + address.port()
              + ": "
              + e.getMessage()
              + "; choose another address or port with --http");
    }
  }
}
