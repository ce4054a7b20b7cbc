// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Row 42: who may come. */
@RequiresBpf
class SourceRangesTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int REPLACEMENTS = 40;

  private enum Mode {
    DSR,
    HERE,
    NAT
  }

  static Stream<Arguments> kindsAndModes() {
    return Stream.of(Kind.values())
        .flatMap(kind -> Stream.of(Mode.values()).map(mode -> Arguments.of(kind, mode)));
  }

  private static Vip vip(Kind kind, Mode mode, String... ranges) {
    Backend backend =
        switch (mode) {
          case DSR -> Dsr.backend(kind, 1, 1, Outer.IPV4.pod(1));
          case HERE -> Dsr.backend(kind, 1, 1, Outer.IPV4.here());
          case NAT -> new Backend(kind.backendKey(1), 1, 0);
        };
    Access access =
        Access.from(Stream.of(ranges).map(Cidr::parse).toList(), UnavailablePolicy.REJECT);
    return Dsr.vip(kind.vipKey(), 0, access, List.of(backend));
  }

  private static Frame from(Kind kind, String source) {
    return kind.opening(1, 4000).from(source, 4000);
  }

  private static void admits(Kind kind, String... sources) {
    for (String source : sources) {
      XdpAction action = LAB.run(from(kind, source).bytes()).action();
      assertThat(action).as(source).isIn(XdpAction.TX, XdpAction.PASS);
    }
  }

  private static void refuses(Kind kind, String... sources) {
    for (String source : sources) {
      LAB.drops(DropReason.SOURCE_NOT_ALLOWED, from(kind, source));
      LAB.drops(DropReason.SOURCE_NOT_ALLOWED, from(kind, source).flags(Frame.ACK));
    }
  }

  @ParameterizedTest
  @MethodSource("kindsAndModes")
  void row42_onlySourcesInTheRangesComeInAndTheOthersLeaveNoTrace(Kind kind, Mode mode) {
    LAB.program(
        kind.ipv6
            ? vip(kind, mode, "2001:db8:c::/48", "2001:db8:e::5/128", "2001:db8:f:8000::/49")
            : vip(kind, mode, "198.18.0.0/15", "192.0.2.5/32", "203.0.113.128/25", "10.0.0.0/9"));
    String[] outside =
        kind.ipv6
            ? new String[] {
              "2001:db8:b:ffff:ffff:ffff:ffff:ffff",
              "2001:db8:d::",
              "2001:db8:e::4",
              "2001:db8:e::6",
              "2001:db8:f:7fff:ffff:ffff:ffff:ffff",
              "2001:db8:10::",
              "1::"
            }
            : new String[] {
              "198.17.255.255",
              "198.20.0.0",
              "192.0.2.4",
              "192.0.2.6",
              "203.0.113.127",
              "203.0.114.0",
              "10.128.0.0",
              "9.255.255.255"
            };
    String[] inside =
        kind.ipv6
            ? new String[] {
              "2001:db8:c::",
              "2001:db8:c:ffff:ffff:ffff:ffff:ffff",
              "2001:db8:e::5",
              "2001:db8:f:8000::",
              "2001:db8:f:ffff:ffff:ffff:ffff:ffff"
            }
            : new String[] {
              "198.18.0.0",
              "198.19.255.255",
              "192.0.2.5",
              "203.0.113.128",
              "203.0.113.255",
              "10.0.0.0",
              "10.127.255.255"
            };
    refuses(kind, outside);
    assertThat(LAB.flowsBegun()).isZero();
    admits(kind, inside);
    refuses(kind, outside);
    assertThat(LAB.flowsBegun()).isEqualTo(mode == Mode.DSR ? 0 : inside.length);
  }

  @ParameterizedTest
  @MethodSource("kindsAndModes")
  void row42_theWholeFamilyIsARangeToo(Kind kind, Mode mode) {
    LAB.program(vip(kind, mode, kind.ipv6 ? "::/0" : "0.0.0.0/0"));
    String[] all =
        kind.ipv6
            ? new String[] {"::2", "1::", "2001:db8::1", "fe80::1"}
            : new String[] {"1.0.0.0", "127.255.255.254", "192.0.2.1", "223.255.255.255"};
    for (String source : all) {
      if (source.startsWith("127")) {
        LAB.drops(DropReason.BAD_SOURCE, from(kind, source));
      } else {
        admits(kind, source);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kindsAndModes")
  void row42_rangesOfTheOtherFamilyOnlyOrNoneAtAllCloseTheVip(Kind kind, Mode mode) {
    String[] sources =
        kind.ipv6
            ? new String[] {"::2", "1::", "2001:db8:c::1", kind.client(1)}
            : new String[] {"1.0.0.0", "192.0.2.1", "198.51.100.101", kind.client(1)};
    LAB.program(vip(kind, mode, kind.ipv6 ? "0.0.0.0/0" : "::/0"));
    refuses(kind, sources);
    LAB.program(vip(kind, mode)); // a list without entries is not the same as no list
    refuses(kind, sources);
    LAB.program(vip(kind, mode, kind.ipv6 ? "2001:db8:c::/48" : "192.0.2.0/24"));
    admits(kind, kind.client(1));
    LAB.program(vip(kind, mode));
    refuses(kind, kind.client(1));
    assertThat(LAB.flowsBegun()).isEqualTo(mode == Mode.DSR ? 0 : 1);
  }

  /** Each VIP has its own ranges, also when one is replaced or removed. */
  @ParameterizedTest
  @EnumSource
  void row42_rangesAreOfTheirVipAlone(Kind kind) {
    Kind other = Kind.values()[kind.ordinal() ^ 1];
    String first = kind.ipv6 ? "2001:db8:c::1/128" : "192.0.2.1/32";
    String second = kind.ipv6 ? "2001:db8:c::2/128" : "192.0.2.2/32";
    LAB.program(vip(kind, Mode.DSR, first), vip(other, Mode.DSR, second));
    for (int i = 0; i < 3; i++) {
      admits(kind, kind.client(1));
      refuses(kind, kind.client(2));
      admits(other, kind.client(2));
      refuses(other, kind.client(1));
      LAB.program(vip(kind, Mode.DSR, second));
      refuses(kind, kind.client(1));
      refuses(other, kind.client(1));
      LAB.program(vip(kind, Mode.DSR, first));
    }
    LAB.test().remove(kind.vipKey());
    refuses(other, kind.client(1));
    admits(other, kind.client(2));
    LAB.program(Dsr.vip(kind, Outer.IPV4.pod(1))); // open
    admits(kind, kind.client(1), kind.client(2));
    refuses(other, kind.client(1));
  }

  /** The sources that both lists have come in all the time, and those that none has never do. */
  @ParameterizedTest
  @EnumSource
  void row42_rangesAreReplacedWithoutAGap(Kind kind) throws Exception {
    Vip[] vips =
        kind.ipv6
            ? new Vip[] {
              vip(kind, Mode.DSR, "2001:db8:c::/64", "2001:db8:d::/48"),
              vip(kind, Mode.DSR, "2001:db8:c::1/128", "::/8")
            }
            : new Vip[] {
              vip(kind, Mode.DSR, "192.0.2.0/26", "198.18.0.0/15"),
              vip(kind, Mode.DSR, "192.0.2.1/32", "10.0.0.0/8")
            };
    String never = kind.ipv6 ? "2001:db8:c:1::1" : "192.0.2.77";
    LAB.program(vips[0]);
    AtomicBoolean ended = new AtomicBoolean();
    AtomicInteger rounds = new AtomicInteger();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    byte[] good = from(kind, kind.client(1)).bytes();
    byte[] bad = from(kind, never).bytes();
    Thread traffic =
        new Thread(
            () ->
                LAB.netns()
                    .call(
                        () -> {
                          while (!ended.get()) {
                            TestRun.Result in = LAB.run(good);
                            TestRun.Result out = LAB.run(bad);
                            if (in.action() != XdpAction.TX || out.action() != XdpAction.DROP) {
                              failure.set(new AssertionError(in.action() + " and " + out.action()));
                              return null;
                            }
                            rounds.incrementAndGet();
                          }
                          return null;
                        }),
            "traffic");
    traffic.start();
    try {
      for (int i = 1; i <= REPLACEMENTS && failure.get() == null; i++) {
        LAB.program(vips[i % 2]);
        int until = rounds.get() + 5; // each list sees some packets
        long deadline = System.nanoTime() + 10_000_000_000L;
        while (rounds.get() < until && failure.get() == null) {
          assertThat(System.nanoTime()).as("%d rounds", rounds.get()).isLessThan(deadline);
          Thread.onSpinWait();
        }
      }
    } finally {
      ended.set(true);
      traffic.join();
    }
    assertThat(failure.get()).isNull();
  }

  /** Answers of our own go to nobody who may not come. */
  @ParameterizedTest
  @EnumSource
  void row42_whoMayNotComeIsNotAnswered(Kind kind) {
    Access access =
        Access.from(
            List.of(Cidr.parse(kind.ipv6 ? "2001:db8:c::1/128" : "192.0.2.1/32")),
            UnavailablePolicy.REJECT);
    LAB.program(Dsr.vip(kind.vipKey(), 0, access, List.of()));
    LAB.drops(DropReason.SOURCE_NOT_ALLOWED, kind.opening(2, 4000));
    Frame frame = kind.opening(1, 4000);
    Frame answer = kind.tcp() ? Answers.reset(frame) : Answers.portUnreachable(frame);
    PacketLab.same(answer.bytes(), LAB.sent(frame));
  }
}
