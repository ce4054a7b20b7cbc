// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.core.compile.CompileInput;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.model.ObjectName;
import io.xdplb.testing.apiserver.ApiRelay;
import io.xdplb.testing.apiserver.ApiServer;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.RunningProcess;
import io.xdplb.testing.kernel.Topology;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * The agent's own cost with many load balancers: how long from its start until the kernel's maps
 * have proven to hold all of them, how much memory then, and how long from a {@code kill -9} and a
 * new start until the new program has taken over. As {@code xdplb agent} on a real API server, and
 * as {@code xdplb standalone} on a folder.
 */
final class AgentBench {
  private static final int ENDPOINTS = 10;
  private static final int FIRST_PORT = 1000;
  private static final double NANOS_A_SECOND = 1e9;

  /** The launcher has the C library give back what is free every five seconds. */
  static final int SETTLED_SECONDS = 7;

  private final int loadBalancers;
  private final int settledSeconds;

  /**
   * @param settledSeconds how long to wait until the memory is looked at
   */
  AgentBench(int loadBalancers, int settledSeconds) {
    this.loadBalancers = loadBalancers;
    this.settledSeconds = settledSeconds;
  }

  /** One round of both. */
  void measure(Results results) throws Exception {
    try (Topology lan = Topology.oneArmed(0, 0, Topology.PeerXdp.NONE)) {
      standalone(lan.balancer(), results);
    }
    try (Topology lan = Topology.oneArmed(0, 0, Topology.PeerXdp.NONE);
        ApiServer server = ApiServer.start()) {
      agent(lan.balancer(), server.api(), results);
    }
  }

  private void standalone(Host host, Results results) throws Exception {
    Undo undo = new Undo();
    try (undo) {
      Path folder = undo.laterDelete(Files.createTempDirectory("xl-bench"));
      for (int i = 0; i < loadBalancers; i++) {
        Files.writeString(folder.resolve("lb" + i + ".yaml"), manifest(i));
      }
      Product product = undo.later(new Product(host.netns()));
      String[] command = {"standalone", folder.toString(), "--interface", host.device()};
      measure(
          "standalone",
          "xdplb standalone",
          product,
          command,
          process ->
              process.output().lines().filter(line -> line.endsWith("(programmed)")).count()
                  == loadBalancers,
          results);
    }
  }

  private void agent(Host host, KubernetesApi api, Results results) throws Exception {
    api.installCrds();
    String node = "bench-node";
    try (KubernetesClient client = api.newClient();
        ApiRelay relay = new ApiRelay(host.netns(), api.config().getMasterUrl());
        Product product = new Product(host.netns())) {
      String namespace = api.newNamespace("bench");
      for (int i = 0; i < loadBalancers; i++) {
        client.resource(table(namespace, i)).create();
      }
      String[] command = {
        "agent",
        "--node-name",
        node,
        "--kubeconfig",
        api.kubeconfig().toString(),
        "--interface",
        host.device()
      };
      measure("agent", "xdplb agent", product, command, process -> tables(client, node), results);
    }
  }

  private boolean tables(KubernetesClient client, String node) {
    NodeState state = client.resources(NodeState.class).withName(node).get();
    NodeStateStatus status = state == null ? null : state.getStatus();
    return status != null
        && status.tables() != null
        && status.tables() == loadBalancers
        && (status.exceptions() == null || status.exceptions().isEmpty());
  }

  private interface Proof {
    boolean given(RunningProcess process);
  }

  private void measure(
      String id, String title, Product product, String[] command, Proof proof, Results results)
      throws Exception {
    long start = System.nanoTime();
    RunningProcess process = product.start(command);
    Product.await(process, "attached", () -> process.output().contains("attached in"));
    results.add(id, title, Quantity.AGENT_ATTACHED, seconds(start));
    Product.await(process, "all programmed", () -> proof.given(process));
    results.add(id, title, Quantity.AGENT_PROGRAMMED, seconds(start));
    TimeUnit.SECONDS.sleep(settledSeconds);
    results.add(id, title, Quantity.AGENT_MEMORY, Product.residentMebibytes(process));
    process.kill();
    long restart = System.nanoTime();
    RunningProcess next = product.start(command);
    Product.await(next, "attached again", () -> next.output().contains("attached in"));
    results.add(id, title, Quantity.AGENT_RELOADED, seconds(restart));
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) / NANOS_A_SECOND;
  }

  private static String manifest(int number) {
    return Manifest.loadBalancer(
        "lb" + number,
        "203.0.113." + (number % 250 + 1),
        FIRST_PORT + number,
        IntStream.range(0, ENDPOINTS).mapToObj(i -> "198.51.100." + (101 + i)).toList());
  }

  private static ForwardingTable table(String namespace, int number) throws Exception {
    LoadBalancer balancer = new YAMLMapper().readValue(manifest(number), LoadBalancer.class);
    ObjectName name = new ObjectName(namespace, balancer.getMetadata().getName());
    CompileResult result = Compiler.compile(new CompileInput(name, balancer.getSpec(), Map.of()));
    if (!(result instanceof CompileResult.Compiled compiled)) {
      throw new IllegalStateException(List.copyOf(result.problems()).toString());
    }
    ForwardingTable table = new ForwardingTable();
    table.setMetadata(
        new ObjectMetaBuilder().withNamespace(namespace).withName(name.name()).build());
    table.setSpec(compiled.table());
    return table;
  }
}
