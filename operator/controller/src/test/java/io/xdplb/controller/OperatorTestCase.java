// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;

/** An operator for all tests of a class, and a namespace for each of them. */
@RequiresApiServer
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class OperatorTestCase {

  final KubernetesApi api;
  TestOperator operator;
  TestCluster cluster;

  OperatorTestCase(KubernetesApi api) {
    this.api = api;
  }

  @BeforeAll
  void start() {
    operator = new TestOperator(api);
  }

  @AfterAll
  void stop() {
    operator.close();
  }

  @BeforeEach
  void open() {
    cluster = new TestCluster(api);
  }

  @AfterEach
  void close() {
    cluster.close();
  }
}
