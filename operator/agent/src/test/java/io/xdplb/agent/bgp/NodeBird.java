// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.core.model.Ip;
import io.xdplb.testing.Checkout;
import io.xdplb.testing.kernel.RunningProcess;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Our side: BIRD as its container runs it, and the agent's part. */
final class NodeBird implements AutoCloseable {

  private final Lab.Machine machine;
  private final Path folder;
  private RunningProcess process;
  private Bird bird;

  private NodeBird(Lab.Machine machine, Path folder) {
    this.machine = machine;
    this.folder = folder;
  }

  static NodeBird start(Lab lab, Lab.Machine machine) {
    NodeBird node = stopped(lab, machine);
    node.start();
    return node;
  }

  /** Only the agent's part. */
  static NodeBird stopped(Lab lab, Lab.Machine machine) {
    NodeBird node = new NodeBird(machine, lab.folder(machine.name()));
    node.newAgent();
    return lab.opened(node);
  }

  /** Starts BIRD; it answers when this returns. */
  void start() {
    process =
        machine
            .netns()
            .start("sh", Checkout.path("operator/image/bird").toString(), folder.toString());
    Lab.eventually(
        () -> {
          process.mustBeAlive();
          control().run("show status");
        });
  }

  /** SIGKILL. */
  void kill() {
    process.kill();
    process.close();
  }

  /** An agent that knows nothing. */
  Bird newAgent() {
    bird = new Bird(folder, Optional.empty());
    return bird;
  }

  Bird agent() {
    return bird;
  }

  BirdControl control() {
    return new BirdControl(folder.resolve("bird.ctl"));
  }

  Path folder() {
    return folder;
  }

  String log() {
    return process.output();
  }

  void apply(List<BgpPeer> peers, Collection<BgpRoute> routes) throws BirdException {
    bird.apply(
        new BgpSettings(Ip.parse(machine.ipv4()), BgpSettings.DEFAULT_LISTEN_PORT, peers), routes);
  }

  /** The session with each peer, by its name; each must have one. */
  Map<String, SessionState> sessions() throws BirdException {
    return bird.sessions().stream()
        .collect(Collectors.toMap(SessionState::peer, Function.identity()));
  }

  static BgpRoute route(String vip, String... peers) {
    return new BgpRoute(Ip.parse(vip), Set.of(peers), Set.of(), OptionalLong.empty());
  }

  @Override
  public void close() {
    if (process != null) {
      process.close();
    }
  }
}
