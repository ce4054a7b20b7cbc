// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.BpfFs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * One agent a pin path: a lock on the folder itself, which the kernel releases with the process.
 */
final class PinLock implements AutoCloseable {
  private final AutoCloseable held;

  private PinLock(AutoCloseable held) {
    this.held = held;
  }

  /**
   * Makes the folder if it is absent, and locks it.
   *
   * @throws DatapathException if it is on no BPF file system, or somebody else has it
   */
  static PinLock acquire(Path pinPath) {
    try {
      BpfFs.ensureMounted(Path.of("/sys/fs/bpf"));
      if (!BpfFs.contains(pinPath)) {
        throw new DatapathException(
            DatapathException.Reason.Failed,
            "the pin path " + pinPath + " is on no BPF file system; choose one below /sys/fs/bpf");
      }
      Files.createDirectories(pinPath);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot make " + pinPath, e);
    }
    return new PinLock(
        BpfFs.tryLock(pinPath)
            .orElseThrow(
                () ->
                    new DatapathException(
                        DatapathException.Reason.Failed,
                        "another agent has "
                            + pinPath
                            + " open; stop it, or give this one a pin path of its own")));
  }

  @Override
  public void close() {
    try {
      held.close();
    } catch (Exception e) {
      throw new IllegalStateException("cannot release the lock of the pin path", e);
    }
  }
}
