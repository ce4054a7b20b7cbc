// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.core.model.Vip;
import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** An agent takes over what a former one has left in the kernel. */
@RequiresBpf
class AdoptionTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int DRAIN = 3600;

  @Test
  void nextAgentFindsWhatWasProgrammedAndFlowsGoOn() {
    for (Kind kind : Kind.values()) {
      LAB.program(kind.vipOf(DRAIN, new int[] {1, 2, 3, 4}));
      LAB.program(kind.vipOf(DRAIN, new int[] {1, 2, 0, -1, 5})); // one weight 0, one draining
    }
    LAB.program(BalanceTest.single(Kind.TCP4, 81, 3), new Vip(Kind.TCP4.vipKey(), 0, List.of()));
    LAB.program(Kind.TCP4.vipOf(2, 1));
    Map<Kind, Translation> flows =
        List.of(Kind.values()).stream()
            .collect(Collectors.toMap(Function.identity(), kind -> LAB.establish(kind, 1, 4000)));
    var before = List.copyOf(LAB.test().datapath().programmed());
    KernelState state = KernelState.read(LAB.test().pinPath());

    LAB.test().reopen();

    assertThat(LAB.test().datapath().programmed()).containsExactlyInAnyOrderElementsOf(before);
    assertThat(KernelState.read(LAB.test().pinPath())).isEqualTo(state);
    flows.forEach(
        (kind, to) -> {
          assertThat(LAB.forwards(kind, kind.data(1, 4000))).isEqualTo(to);
          Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
          LAB.returns(kind, answer, kind.client(1), 4000);
        });
  }

  @Test
  void secondAgentOnTheSamePinPathIsRefused() {
    DatapathConfig config =
        new DatapathConfig(
            LAB.test().pinPath(),
            PacketLab.NAT_PORTS,
            64,
            64,
            4096,
            4096,
            DatapathConfig.AttachPreference.NATIVE);
    assertThatThrownBy(() -> Datapath.open(config))
        .isInstanceOf(DatapathException.class)
        .hasMessageContaining("another agent")
        .hasMessageContaining(LAB.test().pinPath().toString());
    LAB.test().stop();
    Datapath.open(config).close();
    LAB.test().reopen();
  }

  @Test
  void secondIsMeasuredAsTheKernelCountsIt() {
    int[] second = {0};
    LAB.configure(config -> second[0] = config.getInt(Layouts.Config.SECOND));
    long start = System.nanoTime();
    int first = LAB.jiffies();
    while (LAB.jiffies() - first < second[0] / 4) {
      Thread.onSpinWait();
    }
    double measured = (System.nanoTime() - start) / 1e9;
    System.out.println("HZ = " + second[0] + ", a quarter of a second lasts " + measured + " s");
    assertThat(measured).isBetween(0.2, 0.3);
  }
}
