// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import io.xdplb.testing.kernel.Netns;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;

/** Steps of a set-up, taken back latest first by {@link #close}. */
final class Undo implements AutoCloseable {

  private interface Step {
    void run() throws Exception;
  }

  private final Deque<Step> steps = new ArrayDeque<>();

  /** Remembers to close something. */
  <T extends AutoCloseable> T later(T resource) {
    steps.push(resource::close);
    return resource;
  }

  /** Deletes a folder and the files in it at the end. */
  Path laterDelete(Path folder) {
    steps.push(
        () -> {
          try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
            for (Path file : files) {
              Files.delete(file);
            }
          }
          Files.delete(folder);
        });
    return folder;
  }

  /** Runs {@code ip <object> add <rest>} now and {@code ip <object> del <rest>} at the end. */
  void ipAdd(Netns netns, String object, String rest) {
    netns.ip(object + " add " + rest);
    steps.push(() -> netns.ip(object + " del " + rest));
  }

  /** Runs a command in the namespace at the end. */
  void laterRun(Netns netns, String... command) {
    steps.push(() -> netns.run(command));
  }

  @Override
  public void close() throws Exception {
    Exception failure = null;
    while (!steps.isEmpty()) {
      try {
        steps.pop().run();
      } catch (Exception e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
