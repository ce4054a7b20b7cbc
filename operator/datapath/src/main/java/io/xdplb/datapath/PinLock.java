// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * One agent a pin path. A BPF file system keeps no ordinary files, so the lock is a file in /run,
 * or in the temporary directory where there is no /run; the kernel releases it when the process
 * ends.
 */
final class PinLock implements AutoCloseable {
  private final FileChannel channel;

  private PinLock(FileChannel channel) {
    this.channel = channel;
  }

  static PinLock acquire(Path pinPath) {
    Path run = Path.of("/run");
    Path folder = Files.isWritable(run) ? run : Path.of(System.getProperty("java.io.tmpdir"));
    String name = pinPath.toAbsolutePath().normalize().toString().substring(1).replace('/', '-');
    Path file = folder.resolve("xdplb-" + name + ".lock");
    try {
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock lock;
      try {
        lock = channel.tryLock();
      } catch (OverlappingFileLockException e) {
        lock = null;
      }
      if (lock == null) {
        channel.close();
        throw new DatapathException(
            DatapathException.Reason.Failed,
            ("another agent has %s open (it holds %s); stop it, or give this one a pin path of its"
                    + " own")
                .formatted(pinPath, file));
      }
      return new PinLock(channel);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot lock " + file, e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
