// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that watches a folder by inotify and tells a {@link FolderFollower}. Events can be
 * lost, and some file systems have none: a slow rescan finds what they did not tell.
 */
final class FolderWatch implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(FolderWatch.class);
  private static final long RESCAN_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** While the folder is not there, nothing tells when it comes. */
  private static final long LOOK_FOR_FOLDER_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  private final Path folder;
  private final FolderFollower follower;
  private final WatchService watch;
  private final Thread thread;
  private WatchKey key;
  private Object watchedFolder;
  private long nextRescan;

  FolderWatch(Path folder, FolderFollower follower) {
    this.folder = folder;
    this.follower = follower;
    try {
      this.watch = FileSystems.getDefault().newWatchService();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "cannot watch "
              + folder
              + ": "
              + e.getMessage()
              + "; too many inotify instances? See fs.inotify.max_user_instances",
          e);
    }
    this.thread = new Thread(this::run, "folder");
  }

  void start() {
    thread.start();
  }

  @Override
  public void close() {
    try {
      watch.close();
      thread.join();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    nextRescan = System.nanoTime();
    try {
      while (true) {
        try {
          step();
        } catch (RuntimeException e) {
          if (e instanceof ClosedWatchServiceException) {
            throw e;
          }
          log.error("after a change of {}; going on", folder, e);
        }
      }
    } catch (ClosedWatchServiceException e) {
      log.debug("closed");
    } catch (InterruptedException e) {
      log.info("interrupted");
    }
  }

  private void step() throws InterruptedException {
    long now = System.nanoTime();
    if (now - nextRescan >= 0) {
      boolean watching = register();
      nextRescan = now + (watching ? RESCAN_NANOS : LOOK_FOR_FOLDER_NANOS);
      follower.rescan(now);
    }
    follower.settle(System.nanoTime());
    now = System.nanoTime();
    long wait = Math.min(nextRescan - now, follower.nanosUntilDue(now));
    WatchKey signalled = watch.poll(Math.max(wait, 0), TimeUnit.NANOSECONDS);
    if (signalled != null) {
      for (WatchEvent<?> event : signalled.pollEvents()) {
        noted(event);
      }
      if (!signalled.reset()) {
        key = null;
        nextRescan = System.nanoTime();
      }
    }
  }

  private void noted(WatchEvent<?> event) {
    long now = System.nanoTime();
    if (event.kind() == StandardWatchEventKinds.OVERFLOW) {
      log.info("events of {} were lost: reading all of it", folder);
      nextRescan = now;
    } else {
      String name = Objects.toString(event.context());
      if (name.startsWith("..")) {
        // A mounted ConfigMap: its files are links through "..data", which is replaced as a whole.
        nextRescan = now;
      }
      follower.touch(name, now);
    }
  }

  /** Whether events of the folder that is there now are received. */
  private boolean register() {
    try {
      if (!Files.isDirectory(folder)) {
        key = null;
        return false;
      }
      Object now = Files.readAttributes(folder, BasicFileAttributes.class).fileKey();
      if (key == null || !key.isValid() || !Objects.equals(now, watchedFolder)) {
        if (key != null) {
          key.cancel();
        }
        key =
            folder.register(
                watch,
                StandardWatchEventKinds.ENTRY_CREATE,
                StandardWatchEventKinds.ENTRY_MODIFY,
                StandardWatchEventKinds.ENTRY_DELETE);
        watchedFolder = now;
      }
      return true;
    } catch (IOException e) {
      log.debug("cannot watch {}", folder, e);
      key = null;
      return false;
    }
  }
}
