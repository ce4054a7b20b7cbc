// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

/** A server that its owner ends for good. */
interface TestServer extends KubernetesApi, AutoCloseable {

  /** Ends all processes or containers and removes all files of the server. */
  @Override
  void close();

  /** This kind of server cannot be had on this machine; the message says why. */
  final class Unavailable extends Exception {
    Unavailable(String why) {
      super(why);
    }

    Unavailable(String why, Throwable cause) {
      super(why, cause);
    }
  }
}
