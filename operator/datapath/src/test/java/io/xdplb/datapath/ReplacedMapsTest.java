// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Planner;
import io.xdplb.libbpf.BpfObject;
import io.xdplb.libbpf.TestObjects;
import io.xdplb.testing.kernel.Clients;
import io.xdplb.testing.kernel.EchoServer;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.kernel.Topology;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * An agent whose maps have another layout than those that a former version has pinned. The former
 * version is this one, attached and at work, with a map of another value size pinned in the place
 * of one of its own.
 */
@RequiresBpf
class ReplacedMapsTest {

  private static final int PORT = 7;
  private static final Duration TIMEOUT = Duration.ofSeconds(2);
  private static final VipKey VIP = new VipKey(Ip.parse("203.0.113.10"), Protocol.UDP, PORT);

  private Topology topology;
  private EchoServer server;
  private TestDatapath former;
  private Datapath next;

  @BeforeEach
  void aFormerVersionAtWork() throws Exception {
    topology = Topology.oneArmed(1, 1, Topology.PeerXdp.STUB);
    Host backend = topology.backends().get(0);
    server = EchoServer.start(backend, PORT);
    former = TestDatapath.open(topology.balancer(), DatapathConfig.AttachPreference.NATIVE);
    former.program(vip());
    assertThat(answers()).isTrue();
    former.stop();
    Path pin = pins().resolve("backends");
    Files.delete(pin);
    try (BpfObject other = TestObjects.load("maps")) {
      other.map("ring").pin(pin);
    }
  }

  @AfterEach
  void close() {
    if (next != null) {
      next.close();
    }
    former.close();
    server.close();
    topology.close();
  }

  @Test
  void theFormerProgramGoesOnUntilAllIsProgrammedInNewMaps() throws Exception {
    open();
    assertThat(next.replaces().orElseThrow()).startsWith("backends: ");
    assertThat(next.programmed()).isEmpty();
    assertThat(answers()).as("by the former program and its maps").isTrue();
    program();
    assertThat(answers()).isTrue();
    assertThat(Files.exists(pins().resolve("backends"))).isTrue();

    inside(() -> next.attach(topology.balancer().device()));
    next.replaced();
    assertThat(next.replaces()).isEmpty();
    assertThat(answers()).as("by the new program").isTrue();
    assertThat(packets()).as("counted in what is pinned now").isPositive();
    assertThat(Files.exists(Maps.newMapPins(former.pinPath()))).isFalse();

    open();
    assertThat(next.replaces()).as("for the agent after it").isEmpty();
    assertThat(next.programmed()).hasSize(1);
    assertThat(answers()).isTrue();
  }

  @Test
  void anAgentThatEndsMeanwhileIsFollowedByOneThatBeginsAgain() throws Exception {
    open();
    program();
    open();
    assertThat(next.replaces()).isPresent();
    assertThat(next.programmed()).as("nothing is known of what was begun").isEmpty();
    assertThat(answers()).isTrue();

    program();
    inside(() -> next.attach(topology.balancer().device()));
    open(); // before it said that it has replaced them
    assertThat(next.replaces()).isPresent();
    assertThat(answers()).as("by the program of the one that ended").isTrue();
    program();
    inside(() -> next.attach(topology.balancer().device()));
    next.replaced();
    assertThat(answers()).isTrue();
  }

  @Test
  void anAgentThatEndsBetweenTheOldPinsAndTheNewOnesLosesNothing() throws Exception {
    open();
    program();
    inside(() -> next.attach(topology.balancer().device()));
    next.replaced();
    next.close();
    next = null;
    Files.move(pins(), Maps.newMapPins(former.pinPath()));
    open();
    assertThat(next.replaces()).isEmpty();
    assertThat(next.programmed()).hasSize(1);
    assertThat(answers()).isTrue();
  }

  private Path pins() {
    return Maps.mapPins(former.pinPath());
  }

  /** As an agent that begins, after the one before has ended. */
  private void open() {
    if (next != null) {
      next.close();
    }
    next = inside(() -> Datapath.open(former.config()));
  }

  private void program() {
    inside(
        () -> {
          Planner.plan(Optional.of(vip()), Optional.empty(), 1).forEach(next::apply);
          return null;
        });
  }

  private Vip vip() {
    Ip address = Ip.parse(topology.backends().get(0).ipv4());
    return new Vip(VIP, 1009, List.of(new Backend(new BackendKey(address, PORT), 1, 0)));
  }

  private <T> T inside(Callable<T> body) {
    return topology.balancer().netns().call(body);
  }

  /** A new flow each time. */
  private boolean answers() {
    try {
      return Clients.udp(
              topology.client().netns(), VIP.address().toString(), PORT, "hello", TIMEOUT)
          .endsWith("hello");
    } catch (IllegalStateException e) {
      return false;
    }
  }

  private long packets() {
    try (DatapathView view = DatapathView.open(former.pinPath())) {
      return view.vips().get(0).backends().get(0).packetsToBackend();
    }
  }
}
