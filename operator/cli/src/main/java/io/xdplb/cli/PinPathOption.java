// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Where the datapath is pinned. */
final class PinPathOption {

  @Option(
      names = "--pin-path",
      paramLabel = "PATH",
      defaultValue = "${XDPLB_PIN_PATH:-/sys/fs/bpf/xdplb}",
      description =
          "Folder below a BPF file system where maps and links are pinned; one a datapath."
              + " Default: ${DEFAULT-VALUE}.")
  private Path path;

  Path path() {
    return path;
  }
}
