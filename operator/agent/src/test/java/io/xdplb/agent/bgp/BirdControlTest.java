// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.xdplb.agent.bgp.BirdControl.Line;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** BIRD's protocol, against a server that says what a test wants. */
@Timeout(10)
class BirdControlTest {

  private static final String GREETING = "0001 BIRD 2.17.6 ready.\n";

  @TempDir private Path folder;
  private ServerSocketChannel server;
  private BirdControl control;

  @BeforeEach
  void listen() throws IOException {
    Path socket = folder.resolve("bird.ctl");
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(socket));
    control = new BirdControl(socket, Duration.ofMillis(500));
  }

  @AfterEach
  void close() throws IOException {
    server.close();
  }

  @Test
  void anAnswerHasLinesWithCodes() throws Exception {
    answer(GREETING, "1002-first\n1006-  a detail\n   another\n+0007 of the log\n0000 \n");
    assertThat(control.ask("show protocols all").lines())
        .containsExactly(
            new Line(1002, "first"),
            new Line(1006, "  a detail"),
            new Line(1006, "  another"),
            new Line(0, ""));
  }

  @Test
  void anErrorIsAnAnswer() throws Exception {
    answer(GREETING, "0002-Reading configuration from x\n8002 x:3:5 syntax error\n");
    BirdControl.Reply reply = control.ask("configure");
    assertThat(reply.isError()).isTrue();
    assertThat(reply.last()).isEqualTo("x:3:5 syntax error");
  }

  @Test
  void anErrorIsNoneForWhoMustHaveItDone() {
    answer(GREETING, "9001 syntax error\n");
    assertThatThrownBy(() -> control.run("nonsense"))
        .isInstanceOf(BirdException.class)
        .hasMessage("BIRD refuses \"nonsense\": syntax error");
  }

  @Test
  void oneThatDoesNotAnswerIsNotWaitedForForEver() {
    assertThatThrownBy(() -> control.ask("show status"))
        .isInstanceOf(BirdException.class)
        .hasMessageContaining("it takes too long");
  }

  @Test
  void oneThatSaysALittleAgainAndAgainIsNotWaitedForForEver() {
    inBackground(
        channel -> {
          for (int i = 0; i < 100; i++) {
            channel.write(ByteBuffer.wrap("0001-x\n".getBytes(StandardCharsets.US_ASCII)));
            Thread.sleep(50);
          }
        });
    assertThatThrownBy(() -> control.ask("show status"))
        .isInstanceOf(BirdException.class)
        .hasMessageContaining("it takes too long");
  }

  @Test
  void oneThatClosesTheConnectionIsSaid() {
    answer(GREETING, "1002-only half");
    assertThatThrownBy(() -> control.ask("show status"))
        .isInstanceOf(BirdException.class)
        .hasMessageContaining("it closed the connection");
  }

  @Test
  void anotherProtocolIsSaid() {
    answer("HTTP/1.1 400 Bad Request\n", "");
    assertThatThrownBy(() -> control.ask("show status"))
        .isInstanceOf(BirdException.class)
        .hasMessageContaining("no line of BIRD's: \"HTTP/1.1 400 Bad Request\"");
  }

  @Test
  void noneIsSaid() {
    BirdControl nobody = new BirdControl(folder.resolve("other.ctl"));
    assertThatThrownBy(() -> nobody.ask("show status"))
        .isInstanceOf(BirdException.class)
        .hasMessageContaining("other.ctl")
        .hasMessageContaining("show status");
  }

  private interface Script {
    void run(SocketChannel channel) throws Exception;
  }

  /** Greets, reads the command, answers and closes. */
  private void answer(String greeting, String answer) {
    inBackground(
        channel -> {
          channel.write(ByteBuffer.wrap(greeting.getBytes(StandardCharsets.US_ASCII)));
          channel.read(ByteBuffer.allocate(1000));
          channel.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.US_ASCII)));
        });
  }

  private void inBackground(Script script) {
    Thread thread =
        new Thread(
            () -> {
              try (SocketChannel channel = server.accept()) {
                script.run(channel);
              } catch (Exception closedByTheTest) {
                // the client's side says what a test looks at
              }
            },
            "server");
    thread.setDaemon(true);
    thread.start();
  }
}
