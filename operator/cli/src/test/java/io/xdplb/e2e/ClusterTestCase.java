// SPDX-License-Identifier: Apache-2.0
package io.xdplb.e2e;

import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RequiresBpf;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.LifecycleMethodExecutionExceptionHandler;

/**
 * A class of tests on one {@link Cluster}. Each test leaves it empty, and that it can is part of
 * each test. A failure carries what the cluster looked like.
 */
@RequiresBpf
@RequiresApiServer
@ExtendWith(ClusterTestCase.Explain.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class ClusterTestCase {

  private final int backends;
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  /** Shared by the tests of the class. */
  Cluster cluster;

  ClusterTestCase(int backends) {
    this.backends = backends;
  }

  @BeforeAll
  void startCluster(KubernetesApi api) {
    cluster = Cluster.start(api, backends);
    try {
      startServers();
    } catch (RuntimeException e) {
      cluster.close();
      throw e;
    }
  }

  /** Servers that all tests of the class use, {@link Cluster#opened}. */
  void startServers() {}

  /** Where clients are. */
  Netns client() {
    return cluster.lan().client().netns();
  }

  /** The topology's backends, from the first. */
  List<Host> hosts(int count) {
    return cluster.lan().backends().subList(0, count);
  }

  @AfterEach
  void closeAndClear() throws Exception {
    while (!open.isEmpty()) {
      open.pop().close();
    }
    cluster.clear();
  }

  @AfterAll
  void closeCluster() {
    if (cluster != null) {
      cluster.close();
    }
  }

  /** Closes {@code resource} at the end of the test. */
  <T extends AutoCloseable> T opened(T resource) {
    open.push(resource);
    return resource;
  }

  /** Adds to a failure what the cluster looked like when it happened. */
  static final class Explain
      implements AfterTestExecutionCallback, LifecycleMethodExecutionExceptionHandler {
    @Override
    public void afterTestExecution(ExtensionContext context) {
      context.getExecutionException().ifPresent(failure -> explain(context, failure));
    }

    @Override
    public void handleBeforeEachMethodExecutionException(
        ExtensionContext context, Throwable failure) throws Throwable {
      explain(context, failure);
      throw failure;
    }

    private static void explain(ExtensionContext context, Throwable failure) {
      Cluster cluster = ((ClusterTestCase) context.getRequiredTestInstance()).cluster;
      failure.addSuppressed(new WhatWasThere(cluster.describe()));
    }
  }

  private static final class WhatWasThere extends Exception {
    private static final long serialVersionUID = 1;

    WhatWasThere(String description) {
      super(description, null, false, false);
    }
  }
}
