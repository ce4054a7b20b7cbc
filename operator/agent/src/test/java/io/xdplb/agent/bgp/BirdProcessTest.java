// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import static io.xdplb.agent.bgp.Lab.eventually;
import static io.xdplb.agent.bgp.NodeBird.route;
import static io.xdplb.agent.bgp.PeerBuilder.peer;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.model.Ip;
import io.xdplb.testing.bgp.Router;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** BIRD without Kubernetes. */
@RequiresBpf
class BirdProcessTest {

  @Test
  void itOutlivesItsAgentIsAdoptedAndWithdrawsWhenItIsStopped() throws Exception {
    try (Lab lab = new Lab()) {
      Lab.Machine machine = lab.machine("node", 11);
      Lab.Machine far = lab.machine("router", 1);
      Router router = lab.router(far, Lab.session(machine, "bfd on;"));
      Path folder = lab.folder("standalone").resolve("bird");
      List<String> program =
          List.of("nsenter", "--net=" + machine.netns().path(), "--", BirdProcess.PROGRAM);
      BirdProcess process = new BirdProcess(program, folder);
      lab.opened(process::stop);

      process.stop();
      assertThat(process.ensureRunning()).isTrue();
      assertThat(process.ensureRunning()).isFalse();
      long pid = Long.parseLong(Files.readString(folder.resolve("bird.pid")).strip());
      assertThat(ProcessHandle.current().descendants().map(ProcessHandle::pid)).doesNotContain(pid);

      BgpSettings settings =
          new BgpSettings(
              Ip.parse(machine.ipv4()),
              BgpSettings.DEFAULT_LISTEN_PORT,
              List.of(peer("router", far.ipv4()).build()));
      Bird bird = new Bird(folder, Optional.of(process.log()));
      bird.apply(settings, List.of(route("203.0.113.1", "router")));
      eventually(() -> assertThat(router.paths("203.0.113.1")).isNotEmpty());

      String before = Files.readString(process.log());
      assertThat(new BirdProcess(program, folder).ensureRunning()).isFalse();
      Bird next = new Bird(folder, Optional.of(process.log()));
      next.apply(settings, List.of(route("203.0.113.1", "router")));
      assertThat(next.sessions().get(0).since()).isPresent();
      assertThat(next.sessions().get(0).isEstablished()).isTrue();
      assertThat(process.log()).content().contains("bgp.router").isEqualTo(before);

      process.stop();
      assertThat(process.log()).content().contains("Shutdown completed");
      eventually(() -> assertThat(router.paths("203.0.113.1")).isEmpty());

      Files.writeString(folder.resolve("bird.conf"), "nonsense");
      assertThat(process.ensureRunning()).isTrue();
    }
  }

  @Test
  void aProgramThatIsNotThereIsSaid(@TempDir Path folder) {
    BirdProcess process = new BirdProcess(List.of("/no/such/bird"), folder.resolve("bird"));
    assertThatThrownBy(process::ensureRunning)
        .isInstanceOf(BirdException.class)
        .hasMessageContaining("/no/such/bird")
        .hasMessageContaining("bird2");
  }
}
