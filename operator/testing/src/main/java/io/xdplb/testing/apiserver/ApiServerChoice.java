// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

/**
 * The server that tests run on, or why there is none.
 *
 * @param server null where there is none
 * @param why which server it is, or why none can be had
 */
record ApiServerChoice(TestServer server, String why) implements AutoCloseable {

  /** Environment variable that names the server; its values are in {@link RequiresApiServer}. */
  static final String VARIABLE = "XDPLB_TEST_APISERVER";

  /** Starts the server with this name, or the first that can be had where it is null or empty. */
  static ApiServerChoice make(String name) {
    return make(name, ModulesServer::open, K3sServer::open);
  }

  static ApiServerChoice make(String name, Kind modules, Kind k3s) {
    return switch (name == null ? "" : name) {
      case "modules" -> named(name, modules);
      case "k3s" -> named(name, k3s);
      case "" -> first(modules, k3s);
      default ->
          throw new IllegalArgumentException(
              VARIABLE + " is \"" + name + "\"; it may be modules, k3s or absent");
    };
  }

  private static ApiServerChoice named(String name, Kind kind) {
    try {
      return of(kind.open());
    } catch (TestServer.Unavailable e) {
      throw new IllegalStateException(
          VARIABLE + " asks for " + name + ", which cannot be had: " + e.getMessage(), e);
    }
  }

  private static ApiServerChoice first(Kind modules, Kind k3s) {
    try {
      return of(modules.open());
    } catch (TestServer.Unavailable noModules) {
      try {
        return of(k3s.open());
      } catch (TestServer.Unavailable noK3s) {
        return new ApiServerChoice(
            null,
            "needs a Kubernetes API server. From modules: "
                + noModules.getMessage()
                + ". K3s: "
                + noK3s.getMessage());
      }
    }
  }

  private static ApiServerChoice of(TestServer server) {
    return new ApiServerChoice(server, server.description());
  }

  @Override
  public void close() {
    if (server != null) {
      server.close();
    }
  }

  /** Opens one kind of server. */
  interface Kind {
    TestServer open() throws TestServer.Unavailable;
  }
}
