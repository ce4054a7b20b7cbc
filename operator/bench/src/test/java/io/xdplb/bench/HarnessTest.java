// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.RequiresBpf;
import io.xdplb.testing.packet.Frame;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whether what the harness gives to a program is what the program would get from a network. */
@RequiresBpf
class HarnessTest {

  private static final int ETHERNET = 14;
  private static final int GUE = 20 + 8 + 12;
  private static final int FLOWS = 70_000; // more than a client has ports

  private Tool tool;
  private Netns host;
  private Netns far;

  @BeforeEach
  void network() {
    tool = new Tool();
    host = Netns.create("host");
    far = Netns.create("far");
    Netns.veth(host, "eth0", far, "eth0");
  }

  @AfterEach
  void remove() throws Exception {
    far.close();
    host.close();
    tool.close();
  }

  @Test
  void framesOfAllFlowsHaveRightChecksums() {
    attach("floor", "reflect");
    for (boolean ipv6 : List.of(false, true)) {
      for (Frame frame : List.of(tcp(ipv6), udp(ipv6))) {
        Traffic traffic = Traffic.flows(frame.bytes(), FLOWS).over(100);
        JsonNode pass = run("pass " + traffic.words()).get(0);
        assertThat(pass.get("changed").asInt()).isEqualTo(FLOWS);
        byte[] first = bytes(pass);
        assertThat(first).hasSameSizeAs(frame.bytes());
        assertChecksums(first, ETHERNET);
        // A number that no frame before it had, and so other ports, client and VIP.
        byte[] other = bytes(run("pass " + traffic.from(FLOWS - 1).words()).get(0));
        assertChecksums(other, ETHERNET);
        assertThat(Arrays.compare(other, 26, other.length, first, 26, first.length)).isNotZero();
      }
    }
  }

  @Test
  void innerHeadersVaryAndOuterOnesDoNot() {
    attach("floor", "reflect");
    for (boolean ipv6 : List.of(false, true)) {
      byte[] inner = tcp(ipv6).bytes();
      byte[] payload = new byte[12 + inner.length - ETHERNET];
      System.arraycopy(inner, ETHERNET, payload, 12, inner.length - ETHERNET);
      byte[] frame =
          Frame.udp("198.51.100.1", 50000, "198.51.100.101", 6080).payload(payload).bytes();
      Traffic traffic = Traffic.flows(frame, FLOWS).inner(ETHERNET + GUE).from(FLOWS - 1);
      byte[] made = bytes(run("pass " + traffic.words()).get(0));
      assertThat(Arrays.copyOfRange(made, ETHERNET, ETHERNET + GUE))
          .isEqualTo(Arrays.copyOfRange(frame, ETHERNET, ETHERNET + GUE));
      assertThat(Arrays.copyOfRange(made, ETHERNET + GUE, made.length))
          .isNotEqualTo(Arrays.copyOfRange(frame, ETHERNET + GUE, frame.length));
      assertChecksums(made, ETHERNET + GUE);
    }
  }

  @Test
  void answersAnswerWhatThePassBecame() {
    attach("rewrite", "rewrite");
    Frame frame = Frame.tcp("198.51.100.10", 0, "203.0.113.1", 80);
    Frame answer = Frame.tcp("198.51.100.99", 0, "198.51.100.1", 0);
    List<JsonNode> passes =
        run(
            "pass " + Traffic.flows(frame.bytes(), 1000).words(),
            "pass " + Traffic.answers(answer.bytes(), 1000).words());
    assertThat(passes.get(1).get("changed").asInt()).isEqualTo(1000);
    byte[] last = bytes(passes.get(1));
    assertThat(HexFormat.of().formatHex(last, 26, 34)).isEqualTo("cb007101c633640a");
    assertThat(HexFormat.of().formatHex(last, 34, 36)).isEqualTo("0050");
    assertChecksums(last, ETHERNET);
  }

  @Test
  void programThatDoesNothingCostsNothingAndTheReferenceSomething() {
    attach("floor", "reflect");
    Traffic reference = Traffic.same(Frame.tcp("198.51.100.10", 1, "203.0.113.1", 80).bytes());
    JsonNode measured =
        run(
                "reference " + reference.words(),
                "measure 20 " + Traffic.flows(tcp(false).bytes(), 1000).words())
            .get(0);
    double nothing = measured.get("nanoseconds").asDouble();
    assertThat(nothing).as(measured.toString()).isBetween(-15.0, 15.0);
    assertThat(measured.get("reference").asDouble()).as(measured.toString()).isGreaterThan(nothing);
  }

  private static Frame tcp(boolean ipv6) {
    return ipv6
        ? Frame.tcp("2001:db8:0:4::1", 0, "2001:db8:0:2::1", 80)
        : Frame.tcp("192.0.2.1", 0, "203.0.113.1", 80);
  }

  private static Frame udp(boolean ipv6) {
    return (ipv6
            ? Frame.udp("2001:db8:0:4::1", 0, "2001:db8:0:2::1", 80)
            : Frame.udp("192.0.2.1", 0, "203.0.113.1", 80))
        .payload(new byte[] {1, 2, 3});
  }

  private void attach(String object, String program) {
    tool.run(host, "attach", tool.object(object), program, "eth0", "native");
  }

  private List<JsonNode> run(String... script) {
    JsonNode answers =
        tool.runWithInput(
            host,
            String.join("\n", script) + "\n",
            "alone",
            tool.object("harness"),
            tool.object("floor"),
            tool.object("rewrite"),
            "eth0");
    return StreamSupport.stream(answers.spliterator(), false).toList();
  }

  private static byte[] bytes(JsonNode pass) {
    return HexFormat.of().parseHex(pass.get("frame").asText());
  }

  /** From the IP header at {@code ip} to the frame's end, as its receiver checks them. */
  private static void assertChecksums(byte[] frame, int ip) {
    boolean ipv6 = (frame[ip] & 0xf0) == 0x60;
    int layer4 = ip + (ipv6 ? 40 : 20);
    if (!ipv6) {
      assertThat(sum(frame, ip, ip + 20)).as("IP checksum").isEqualTo(0xffff);
    }
    int protocol = frame[ip + (ipv6 ? 6 : 9)];
    long total =
        sum(frame, ip + (ipv6 ? 8 : 12), layer4)
            + protocol
            + (frame.length - layer4)
            + sum(frame, layer4, frame.length);
    assertThat(folded(total))
        .as("layer 4 checksum of %s", HexFormat.of().formatHex(frame))
        .isEqualTo(0xffff);
  }

  private static int sum(byte[] bytes, int from, int to) {
    long sum = 0;
    for (int at = from; at < to; at++) {
      sum += (at - from) % 2 == 0 ? (bytes[at] & 0xff) << 8 : bytes[at] & 0xff;
    }
    return folded(sum);
  }

  private static int folded(long sum) {
    long folded = sum;
    while (folded > 0xffff) {
      folded = (folded & 0xffff) + (folded >> 16);
    }
    return (int) folded;
  }
}
