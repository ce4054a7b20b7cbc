// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** The interfaces that the kernel's default routes leave by, of both families. */
final class DefaultInterfaces {

  private static final String NONE = "0".repeat(32);
  private static final int RTF_REJECT = 0x200;

  private DefaultInterfaces() {}

  /** Those of the calling thread's network namespace, ordered by name. */
  static List<String> find() {
    return from(lines("/proc/thread-self/net/route"), lines("/proc/thread-self/net/ipv6_route"));
  }

  /**
   * From the lines of the two files.
   *
   * @param ipv4 as {@code eth0 00000000 010011AC 0003 ...}: interface, destination, gateway, flags,
   *     three counters, mask; addresses in hexadecimal
   * @param ipv6 as {@code <destination> 00 <source> 00 <gateway> <metric> ... <flags> eth0}
   */
  static List<String> from(List<String> ipv4, List<String> ipv6) {
    Set<String> names = new TreeSet<>();
    for (String line : ipv4) {
      String[] words = line.strip().split("\\s+");
      if (words.length >= 8 && words[1].equals("00000000") && words[7].equals("00000000")) {
        names.add(words[0]);
      }
    }
    for (String line : ipv6) {
      String[] words = line.strip().split("\\s+");
      if (words.length >= 10
          && words[0].equals(NONE)
          && words[1].equals("00")
          && (Integer.parseUnsignedInt(words[8], 16) & RTF_REJECT) == 0) {
        names.add(words[9]);
      }
    }
    names.remove("lo");
    return List.copyOf(names);
  }

  private static List<String> lines(String file) {
    try {
      Path path = Path.of(file);
      return Files.exists(path) ? Files.readAllLines(path) : List.of();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
