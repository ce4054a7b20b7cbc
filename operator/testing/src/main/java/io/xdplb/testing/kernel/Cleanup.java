// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Everything that lives outside this JVM (namespaces, processes, folders) is noted here from its
 * creation to its {@code close}: what a test left open is closed when the JVM ends, latest first.
 */
final class Cleanup {

  /** How the names of namespaces and temporary files begin: unique on the machine. */
  static final String PREFIX = "xl-" + ProcessHandle.current().pid() + "-";

  private static final Deque<AutoCloseable> OPEN = new ArrayDeque<>();

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(Cleanup::closeAll, "network cleanup"));
  }

  private Cleanup() {}

  static synchronized void opened(AutoCloseable resource) {
    OPEN.push(resource);
  }

  /** Whether {@code resource} was still noted as open: false on a second close. */
  static synchronized boolean closed(AutoCloseable resource) {
    return OPEN.remove(resource);
  }

  /**
   * Closes all of {@code resources}, in order, even if some fail.
   *
   * @throws RuntimeException the first failure, the others suppressed in it
   */
  static void closeEach(Iterable<? extends AutoCloseable> resources) {
    RuntimeException failure = null;
    for (AutoCloseable resource : resources) {
      try {
        resource.close();
      } catch (Exception e) {
        if (failure == null) {
          failure = e instanceof RuntimeException r ? r : new IllegalStateException(e);
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private static void closeAll() {
    Deque<AutoCloseable> rest;
    synchronized (Cleanup.class) {
      rest = new ArrayDeque<>(OPEN);
    }
    try {
      closeEach(rest);
    } catch (RuntimeException e) {
      e.printStackTrace();
    }
  }
}
