// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.datapath.PacketLab.Translation;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import io.xdplb.testing.packet.Hexdump;
import io.xdplb.testing.packet.Packet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What holds for any packet whatsoever. */
@RequiresBpf
class RandomPacketsTest {
  @RegisterExtension static final PacketLab LAB = new PacketLab();

  private static final int PACKETS = 200_000;
  private static final long MOST_NANOS = TimeUnit.SECONDS.toNanos(60);

  @Test
  void neverAbortedAndPassedAsItWasOrSentAsRightAsItCame() {
    for (Kind kind : Kind.values()) {
      LAB.program(kind.vipOf(1, 1, 1));
    }
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<byte[]> originals = originals(random);
    Map<XdpAction, Integer> verdicts = new EnumMap<>(XdpAction.class);
    long start = System.nanoTime();
    int count = 0;
    while (count < PACKETS && System.nanoTime() - start < MOST_NANOS) {
      byte[] in = mutated(originals.get(random.nextInt(originals.size())), random);
      TestRun.Result result = LAB.run(in);
      verdicts.merge(result.action(), 1, Integer::sum);
      String wrong = wrong(in, result);
      if (wrong != null) {
        throw new AssertionError(
            "%s: packet %d of seed %d\n%s%s\n%s"
                .formatted(
                    wrong,
                    count,
                    seed,
                    Hexdump.of(in),
                    result.action(),
                    Hexdump.difference(in, result.data())));
      }
      count++;
    }
    System.out.printf(
        "%d random packets, seed %d, in %d ms: %s%n",
        count, seed, TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start), verdicts);
    assertThat(count)
        .as("packets within %d s", TimeUnit.NANOSECONDS.toSeconds(MOST_NANOS))
        .isEqualTo(PACKETS);
    assertThat(verdicts.get(XdpAction.TX)).isGreaterThan(PACKETS / 20);
    assertThat(verdicts.get(XdpAction.DROP)).isGreaterThan(PACKETS / 20);
    assertThat(verdicts.get(XdpAction.PASS)).isGreaterThan(PACKETS / 20);
  }

  private static String wrong(byte[] in, TestRun.Result result) {
    byte[] out = result.data();
    return switch (result.action()) {
      case PASS -> Arrays.equals(in, out) ? null : "passed and changed";
      case DROP -> null;
      case TX -> {
        if (Packet.of(out).source().equals(Packet.of(in).destination())) {
          // an answer of our own: RST, unreachable, too big. What it quotes is as it came
          List<String> problems =
              Packet.of(out).problems().stream().filter(p -> !p.startsWith("quoted")).toList();
          yield problems.isEmpty() ? null : "answered with " + problems;
        }
        if (in.length != out.length) {
          yield "sent with another length";
        }
        // a checksum that was wrong is as wrong as before, or else an error would be hidden
        List<String> before = Packet.of(in).problems();
        List<String> after = Packet.of(out).problems();
        yield before.equals(after) ? null : "came with " + before + ", went with " + after;
      }
      default -> "a verdict that there is no reason for";
    };
  }

  /** Of each kind: what opens flows, what belongs to them either way, and what is not ours. */
  private static List<byte[]> originals(Random random) {
    List<byte[]> frames = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      for (int client = 1; client <= 20; client++) {
        byte[] payload = new byte[random.nextInt(200)];
        random.nextBytes(payload);
        Translation to = LAB.establish(kind, client, 4000 + client);
        Frame answer = kind.answer(to.backend(), to.backendPort(), to.natPort());
        frames.add(kind.data(client, 4000 + client).payload(payload).bytes());
        frames.add(kind.opening(client, 5000 + client).payload(payload).bytes());
        frames.add(answer.payload(payload).padding(new byte[8]).bytes());
        frames.add(kind.data(client, 4000).to(kind.vip(11), 80).payload(payload).bytes());
        frames.add(kind.data(client, 4000).fragment(0, true).payload(new byte[64]).bytes());
        frames.add(
            kind.ipv6
                ? answer.extension(Frame.HOP_BY_HOP).bytes()
                : answer.ipOptions(new byte[8]).bytes());
      }
    }
    return frames;
  }

  private static byte[] mutated(byte[] original, Random random) {
    byte[] frame = original.clone();
    switch (random.nextInt(8)) {
      case 0 -> {} // as it is
      case 1 -> random.nextBytes(frame);
      case 2 -> frame = Arrays.copyOf(frame, 14 + random.nextInt(frame.length));
      default -> {
        for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
          int at = Math.min(random.nextInt(frame.length), random.nextInt(frame.length));
          if (random.nextBoolean()) {
            frame[at] ^= (byte) (1 << random.nextInt(8));
          } else {
            frame[at] = (byte) random.nextInt(256);
          }
        }
      }
    }
    return frame;
  }
}
