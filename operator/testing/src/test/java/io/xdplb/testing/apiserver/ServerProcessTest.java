// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServerProcessTest {

  @TempDir Path folder;

  @Test
  void aServerThatEndsByItselfIsReportedWithItsLog() {
    Path log = folder.resolve("log");
    try (ServerProcess server =
        ServerProcess.start("broken", log, List.of("sh", "-c", "echo no such flag; exit 3"))) {
      await()
          .atMost(Duration.ofSeconds(10))
          .untilAsserted(
              () ->
                  assertThatThrownBy(server::mustRun)
                      .hasMessageContaining("broken ended with 3")
                      .hasMessageContaining("no such flag"));
    }
  }

  @Test
  void noServerIsLeftWhenTheJvmIsKilled() throws Exception {
    Path pid = folder.resolve("pid");
    Process jvm =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                StartsAServer.class.getName(),
                folder.toString())
            .inheritIO()
            .start();
    try {
      await().atMost(Duration.ofSeconds(30)).until(() -> Files.exists(pid));
      ProcessHandle server =
          ProcessHandle.of(Long.parseLong(Files.readString(pid).strip())).orElseThrow();
      assertThat(server.isAlive()).isTrue();
      jvm.destroyForcibly().waitFor();
      await().atMost(Duration.ofSeconds(10)).until(() -> !server.isAlive());
    } finally {
      jvm.destroyForcibly();
    }
  }

  /** A JVM that has started a server and waits to be killed. */
  static final class StartsAServer {
    public static void main(String[] arguments) throws InterruptedException {
      Path folder = Path.of(arguments[0]);
      ServerProcess.start(
          "server",
          folder.resolve("log"),
          List.of(
              "sh",
              "-c",
              "echo $$ >\"$1.new\"; mv \"$1.new\" \"$1\"; exec sleep 600",
              "server",
              folder.resolve("pid").toString()));
      Thread.sleep(Duration.ofMinutes(10).toMillis());
    }
  }
}
