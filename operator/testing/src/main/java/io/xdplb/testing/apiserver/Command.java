// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import io.xdplb.testing.apiserver.KubernetesApi.Kubectl;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A command that runs to its end, however long that takes. */
public final class Command {

  private Command() {}

  /**
   * Runs a command, with standard output and standard error apart.
   *
   * @param input its standard input
   * @param command the program and its arguments
   */
  public static Kubectl run(String input, List<String> command) {
    try {
      Process process = new ProcessBuilder(command).start();
      CompletableFuture<String> err =
          CompletableFuture.supplyAsync(() -> text(process.getErrorStream()));
      CompletableFuture<Void> in = CompletableFuture.runAsync(() -> feed(process, input));
      String out = text(process.getInputStream());
      in.join();
      return new Kubectl(process.waitFor(), out, err.join());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot run " + command, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for " + command, e);
    }
  }

  private static String text(InputStream stream) {
    try (stream) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A program that ends without reading its input is no error here: its exit code speaks. */
  private static void feed(Process process, String input) {
    try (OutputStream stream = process.getOutputStream()) {
      stream.write(input.getBytes(StandardCharsets.UTF_8));
    } catch (IOException broken) {
      if (process.isAlive()) {
        throw new UncheckedIOException("cannot write to a command that runs", broken);
      }
    }
  }
}
