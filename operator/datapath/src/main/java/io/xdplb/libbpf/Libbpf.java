// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

/** The native library as a whole. */
public final class Libbpf {
  private Libbpf() {}

  /**
   * The version of the libbpf that was found, "v1.1".
   *
   * @throws UnsatisfiedLinkError naming the package to install, if there is none. Call this first,
   *     so that a user sees that message and not a consequence of it
   */
  public static String version() {
    return LibBpf.libbpf_version_string();
  }

  /** How many CPUs the kernel could ever have: the number of values in a per-CPU map's entry. */
  public static int possibleCpus() {
    return PossibleCpus.COUNT;
  }

  private static final class PossibleCpus {
    static final int COUNT = read();

    private static int read() {
      int count = LibBpf.libbpf_num_possible_cpus();
      if (count <= 0) {
        throw LibbpfException.of("count the possible CPUs of", "this machine", count);
      }
      return count;
    }
  }
}
