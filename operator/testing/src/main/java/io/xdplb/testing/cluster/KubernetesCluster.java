// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.cluster;

import io.fabric8.kubernetes.client.Config;
import io.xdplb.testing.Checkout;
import io.xdplb.testing.apiserver.Command;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A cluster that runs, and how to use it. Its controllers do run, its nodes run pods, its API
 * server can be stopped for a while ({@link #stop} freezes it).
 *
 * <p>Addresses that tests may give to load balancers: 203.0.113.0/24 and 2001:db8:0:2::/64. The
 * {@link #client} has a route for them over all nodes, by the hash of the flow.
 */
public final class KubernetesCluster implements KubernetesApi, AutoCloseable {

  /** Exit status of the script where a cluster cannot be had. */
  private static final int CANNOT_BE_HAD = 3;

  private static final String SCRIPT = "operator/testing/cluster/cluster";
  private static final Logger log = LoggerFactory.getLogger(KubernetesCluster.class);

  /** Takes the cluster down when this JVM closes the pipe, or is gone. */
  private static final String WATCHER = "read -r _; exec \"$0\" down";

  private final Path script;
  private final Map<String, String> environment;
  private final Process watcher;
  private final Set<String> paused = new HashSet<>();

  private KubernetesCluster(Path script, Map<String, String> environment, Process watcher) {
    this.script = script;
    this.environment = environment;
    this.watcher = watcher;
  }

  /**
   * Brings it up: a quarter of a minute, the first time on a machine some minutes more. One that is
   * up already is used, and {@link #close} leaves it.
   *
   * @throws Unavailable if there can be none here
   * @throws IllegalStateException if it should have come up and did not
   */
  public static KubernetesCluster up() throws Unavailable {
    Path script = Checkout.path(SCRIPT);
    boolean wasUp = run(script, "env").succeeded();
    Process watcher = wasUp ? null : watch(script);
    log.info("{} up (some minutes where its parts are not built yet)", script);
    Kubectl up = run(script, "up");
    if (!up.succeeded()) {
      end(watcher);
      if (up.exitCode() == CANNOT_BE_HAD) {
        throw new Unavailable(up.err().strip());
      }
      throw new IllegalStateException(
          script + " up ended with " + up.exitCode() + ":\n" + up.err() + up.out());
    }
    Map<String, String> environment =
        run(script, "env")
            .outOrFail()
            .lines()
            .map(line -> line.split("=", 2))
            .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
    return new KubernetesCluster(script, environment, watcher);
  }

  @Override
  public String description() {
    return nodes().size() + " nodes in containers, " + environment.get("KUBECTL");
  }

  @Override
  public Path kubeconfig() {
    return Path.of(environment.get("KUBECONFIG"));
  }

  @Override
  public Config config() {
    return Config.fromKubeconfig(kubeconfig().toFile());
  }

  @Override
  public Kubectl kubectlWithInput(String input, String... arguments) {
    return Command.run(
        input,
        Stream.concat(
                Stream.of(environment.get("KUBECTL"), "--kubeconfig=" + kubeconfig()),
                Stream.of(arguments))
            .toList());
  }

  /** A host in the nodes' network that is no part of the cluster. */
  public Host client() {
    return new Host(
        Netns.existing(environment.get("CLIENT_NETNS")),
        "client",
        "eth0",
        environment.get("CLIENT4"),
        environment.get("CLIENT6"));
  }

  /** The nodes, by name. */
  public List<ContainerNode> nodes() {
    return IntStream.iterate(1, i -> environment.containsKey("NODE" + i), i -> i + 1)
        .mapToObj(i -> environment.get("NODE" + i).split(" "))
        .map(words -> new ContainerNode(words[0], words[1], words[2], words[3]))
        .toList();
  }

  /**
   * A node.
   *
   * @param name as Kubernetes knows it
   * @param ipv4 its internal address
   * @param ipv6 its internal address
   * @param container that it is
   */
  public record ContainerNode(String name, String ipv4, String ipv6, String container) {}

  /** The node with this name. */
  public ContainerNode node(String name) {
    return nodes().stream().filter(node -> node.name().equals(name)).findFirst().orElseThrow();
  }

  /** Runs a command on a node, in its namespaces, to its end. */
  public Kubectl onNode(ContainerNode node, String... command) {
    return docker(
        Stream.concat(Stream.of("exec", node.container()), Stream.of(command))
            .toArray(String[]::new));
  }

  /**
   * The BPF programs that are attached in a node's network, as {@code bpftool net} lists them: XDP,
   * tc and others, each with its device.
   */
  public String programsOn(ContainerNode node) {
    String pid =
        docker("inspect", "--format", "{{.State.Pid}}", node.container()).outOrFail().strip();
    return Command.run("", List.of("nsenter", "--net", "--target", pid, "bpftool", "net", "show"))
        .outOrFail();
  }

  /** Freezes all processes of a node, those of its pods too; its kernel goes on. */
  public synchronized void pause(ContainerNode node) {
    pause(node.container());
  }

  /** Lets a frozen node go on. Does nothing while it runs. */
  public synchronized void resume(ContainerNode node) {
    resume(node.container());
  }

  /** Restarts a node as a reboot does: no pod and no pin survives it. */
  public void restart(ContainerNode node) {
    run(script, "restart", node.name()).outOrFail();
  }

  /** Gives each node the images of an archive, as {@code docker save} writes it. */
  public void load(Path archive) {
    run(script, "load", archive.toString()).outOrFail();
  }

  @Override
  public synchronized void stop() {
    pause("xdplb-control-plane");
  }

  @Override
  public synchronized void start() {
    resume("xdplb-control-plane");
  }

  /** Lets all that is frozen go on. */
  synchronized void resume() {
    List.copyOf(paused).forEach(this::resume);
  }

  private void pause(String container) {
    if (paused.add(container)) {
      docker("pause", container).outOrFail();
    }
  }

  private void resume(String container) {
    if (paused.remove(container)) {
      docker("unpause", container).outOrFail();
    }
  }

  private Kubectl docker(String... arguments) {
    String host = environment.get("DOCKER_HOST");
    return Command.run(
        "",
        Stream.of(
                Stream.of("docker"),
                host == null ? Stream.<String>empty() : Stream.of("--host", host),
                Stream.of(arguments))
            .flatMap(words -> words)
            .toList());
  }

  private static Kubectl run(Path script, String... arguments) {
    return Command.run(
        "", Stream.concat(Stream.of(script.toString()), Stream.of(arguments)).toList());
  }

  private static Process watch(Path script) {
    try {
      return new ProcessBuilder("setsid", "bash", "-c", WATCHER, script.toString())
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .redirectError(ProcessBuilder.Redirect.DISCARD)
          .start();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot start the watcher of the cluster", e);
    }
  }

  private static void end(Process watcher) {
    if (watcher == null) {
      return;
    }
    try {
      watcher.getOutputStream().close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close the pipe to the watcher of the cluster", e);
    }
    int status = watcher.onExit().join().exitValue();
    if (status != 0) {
      throw new IllegalStateException("the cluster did not go down: status " + status);
    }
  }

  /** Removes all of it, unless it was up before. */
  @Override
  public void close() {
    end(watcher);
  }

  /** There can be no cluster on this machine; the message says why. */
  public static final class Unavailable extends Exception {
    private static final long serialVersionUID = 1;

    Unavailable(String why) {
      super(why);
    }
  }
}
