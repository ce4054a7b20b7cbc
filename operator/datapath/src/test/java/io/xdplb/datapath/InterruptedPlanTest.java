// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.plan.Planner;
import io.xdplb.core.plan.ProgrammedVip;
import io.xdplb.core.table.VipImage;
import io.xdplb.testing.kernel.RequiresBpf;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * An agent that ends in the middle of a plan or of an operation, and the next one. The kernel's
 * maps stay; what an agent knows of them begins anew.
 */
@RequiresBpf
class InterruptedPlanTest {
  @RegisterExtension
  static final PacketLab LAB =
      new PacketLab(
          pins ->
              new DatapathConfig(
                  pins,
                  PacketLab.NAT_PORTS,
                  1024,
                  4096,
                  1 << 20,
                  1 << 12,
                  DatapathConfig.AttachPreference.NATIVE));

  private static final int DRAIN = 3600;
  private static final long NOW = 1_000_000;

  private Maps maps;
  private Network network;
  private VipMaps agent;

  @BeforeEach
  void open() {
    LAB.test().stop();
    maps = Maps.open(LAB.test().config());
    network = new Network(maps.map("interfaces"));
    network.refresh();
    agent = new VipMaps(maps, network);
  }

  @AfterEach
  void close() {
    maps.close();
    LAB.test().reopen();
  }

  private void nextAgent() {
    agent = new VipMaps(maps, network);
  }

  private ProgrammedVip programmed(Kind kind) {
    return agent.programmed(kind.vipKey());
  }

  private List<Operation> plan(Kind kind, Optional<Vip> to) {
    return Planner.plan(to, Optional.of(programmed(kind)), NOW);
  }

  private void program(Kind kind, Optional<Vip> to) {
    plan(kind, to).forEach(agent::apply);
  }

  private void assertProgrammed(Kind kind, Optional<Vip> vip, String when) {
    assertThat(new ReadBack(maps, agent).image(kind.vipKey()))
        .as(when)
        .isEqualTo(vip.map(VipImage::desired));
  }

  private void assertNothingLeft(Kind kind, String when) {
    program(kind, Optional.empty());
    assertThat(KernelState.read(LAB.test().pinPath())).as(when).isEqualTo(KernelState.EMPTY);
  }

  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void planThatEndedAnywhereIsContinuedAndLeaksNothing(Kind kind) {
    Optional<Vip> none = Optional.empty();
    Optional<Vip> small = Optional.of(kind.vipOf(DRAIN, new int[] {1, 1}));
    Optional<Vip> large = Optional.of(kind.vipOf(0, new int[] {-1, 3, 1, 0, 1}));
    Optional<Vip> empty = Optional.of(new Vip(kind.vipKey(), 0, List.of()));
    List<Optional<Vip>> states =
        List.of(none, small, large, empty, Optional.of(guarded(kind)), Optional.of(tunnels(kind)));
    for (Optional<Vip> from : states) {
      for (Optional<Vip> to : states) {
        program(kind, from);
        int length = plan(kind, to).size();
        for (int done = 0; done <= length; done++) {
          interrupt(kind, from, to, done);
        }
      }
    }
  }

  /** From some sources only, and to a backend on this machine. */
  private static Vip guarded(Kind kind) {
    Access access =
        Access.from(
            List.of(Cidr.parse(kind.ipv6 ? "2001:db8::/32" : "192.0.2.0/24")),
            UnavailablePolicy.DROP);
    Delivery here = Delivery.ipip(Ip.parse(kind.balancer()));
    Backend backend = new Backend(kind.backendKey(1), 1, DRAIN, here);
    return new Vip(kind.vipKey(), Maglev.sizeFor(1), 60, access, List.of(backend));
  }

  private static Vip tunnels(Kind kind) {
    Delivery pod = Delivery.pod(Ip.parse(kind.backend(9)));
    Backend first = new Backend(kind.backendKey(1), 10, 0, pod);
    Backend second = new Backend(kind.backendKey(2), 2, DRAIN, Delivery.L2);
    return new Vip(kind.vipKey(), Maglev.sizeFor(12), List.of(first, second));
  }

  private void interrupt(Kind kind, Optional<Vip> from, Optional<Vip> to, int done) {
    program(kind, from);
    List<Operation> plan = plan(kind, to);
    String when = "after %d of %s".formatted(done, plan);
    ProgrammedVip expected = programmed(kind);
    for (Operation operation : plan.subList(0, done)) {
      agent.apply(operation);
      expected = expected.after(operation);
    }
    nextAgent();
    // of what was not published yet, or no longer, nothing is left
    assertThat(programmed(kind))
        .as(when)
        .isEqualTo(expected.hasEntry() ? expected : ProgrammedVip.absent(kind.vipKey()));
    program(kind, to);
    assertProgrammed(kind, to, when);
    assertNothingLeft(kind, when);
  }

  /**
   * What kill -9 within an operation can leave: every state in which one of its writes is missing.
   */
  @ParameterizedTest
  @EnumSource(names = {"TCP4", "UDP6"})
  void operationThatEndedAnywhereIsClearedAway(Kind kind) {
    Optional<Vip> vip = Optional.of(kind.vipOf(1, 1));
    for (int port : new int[] {Kind.VIP_PORT, 0}) { // the VIP's key, that of its address
      Consumer<ByteBuffer> clear =
          bucket -> {
            for (int at = 0; at < bucket.capacity(); at += Layouts.Key.LAYOUT.size()) {
              if (Wire.port(bucket, at + Layouts.Key.PORT) == port) {
                bucket.putInt(at + Layouts.Key.HANDLE, 0);
              }
            }
          };
      lose(kind, vip, "keys", clear);
    }
    lose(kind, vip, "vips", value -> value.putInt(Layouts.Vip.HANDLE, 0));
    lose(kind, vip, "backends", value -> value.putInt(Layouts.Backend.HANDLE, 0));
    lose(kind, vip, "address_filter", value -> value.put(new byte[value.capacity()]));
    lose(kind, vip, "rings", value -> value.putInt(0, 0));
  }

  private void lose(Kind kind, Optional<Vip> vip, String map, Consumer<ByteBuffer> write) {
    program(kind, vip);
    KernelState whole = KernelState.read(LAB.test().pinPath());
    assertThat(RawMap.change(LAB.pin(map), write)).as("changed entries of %s", map).isPositive();
    nextAgent();
    program(kind, vip);
    assertProgrammed(kind, vip, "after a write to " + map + " was lost");
    assertThat(KernelState.read(LAB.test().pinPath())).isEqualTo(whole);
    assertNothingLeft(kind, "after a write to " + map + " was lost");
  }
}
