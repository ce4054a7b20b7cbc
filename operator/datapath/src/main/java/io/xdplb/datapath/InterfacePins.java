// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * A folder of pins, one an interface, under the interface's name.
 *
 * @param folder on a BPF file system; made with the first pin
 */
record InterfacePins(Path folder) {

  /** Where an interface's pin is, or would be. */
  Path of(String interfaceName) {
    // a BPF file system takes no names with a dot, and an interface may have one: eth0.100
    return folder.resolve(interfaceName.replace("%", "%25").replace(".", "%2e"));
  }

  boolean has(String interfaceName) {
    return Files.exists(of(interfaceName));
  }

  /** The interfaces that have a pin. */
  List<String> names() {
    List<String> names = new ArrayList<>();
    if (Files.isDirectory(folder)) {
      try (DirectoryStream<Path> pins = Files.newDirectoryStream(folder)) {
        pins.forEach(
            pin -> names.add(pin.getFileName().toString().replace("%2e", ".").replace("%25", "%")));
      } catch (IOException e) {
        throw new UncheckedIOException("cannot list " + folder, e);
      }
    }
    return names;
  }

  void makeFolder() {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot make " + folder, e);
    }
  }

  /** Removes an interface's pin. Does nothing if there is none. */
  void remove(String interfaceName) {
    try {
      Files.deleteIfExists(of(interfaceName));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot remove the pin " + of(interfaceName), e);
    }
  }

  /** Gives a pin to another name, in place of its own. Does nothing if there is none. */
  void rename(String from, String to) {
    if (has(from)) {
      try {
        Files.move(of(from), of(to), StandardCopyOption.ATOMIC_MOVE);
      } catch (IOException e) {
        throw new UncheckedIOException("cannot rename " + of(from) + " to " + of(to), e);
      }
    }
  }
}
