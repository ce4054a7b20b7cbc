// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

/** An API server for what is no JUnit test; chosen as for {@link RequiresApiServer}. */
public final class ApiServer implements AutoCloseable {
  private final ApiServerChoice choice;

  private ApiServer(ApiServerChoice choice) {
    this.choice = choice;
  }

  /**
   * Starts one.
   *
   * @throws IllegalStateException if none can be had here, with the reason
   */
  public static ApiServer start() {
    ApiServerChoice choice = ApiServerChoice.make(System.getenv(ApiServerChoice.VARIABLE));
    if (choice.server() == null) {
      throw new IllegalStateException(choice.why());
    }
    return new ApiServer(choice);
  }

  /** How to use it. */
  public KubernetesApi api() {
    return choice.server();
  }

  @Override
  public void close() {
    choice.close();
  }
}
