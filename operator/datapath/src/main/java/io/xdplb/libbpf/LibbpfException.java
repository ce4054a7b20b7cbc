// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.util.List;

/** A BPF operation was refused. Carries the verifier's whole log when there is one. */
public final class LibbpfException extends KernelException {
  private static final int SHOWN_LOG_LINES = 15;

  private final String verifierLog;
  private final String libraryLog;

  LibbpfException(String attempted, String subject, int errno, String advice) {
    this(attempted, subject, errno, advice, "", "");
  }

  LibbpfException(
      String attempted,
      String subject,
      int errno,
      String advice,
      String verifierLog,
      String libraryLog) {
    super(
        attempted,
        subject,
        errno,
        advice,
        section("libbpf said", libraryLog) + section("the verifier said", verifierLog));
    this.verifierLog = verifierLog;
    this.libraryLog = libraryLog;
  }

  /** For a refusal by a call that answers {@code -errno}. */
  static LibbpfException of(String attempted, String subject, int result) {
    return new LibbpfException(attempted, subject, -result, advice(-result));
  }

  /** The verifier's (or the kernel's BTF checker's) whole log; "" when it said nothing. */
  public String verifierLog() {
    return verifierLog;
  }

  /** libbpf's own warnings about this operation; "" when it gave none. */
  public String libraryLog() {
    return libraryLog;
  }

  /** What usually helps against an error number, whatever the operation. */
  static String advice(int errno) {
    return switch (errno) {
      case Errno.EPERM -> "needs root, or CAP_BPF and CAP_NET_ADMIN";
      case Errno.ENOTSUPP, Errno.EOPNOTSUPP -> "this kernel or driver does not support it";
      default -> "";
    };
  }

  private static String section(String title, String log) {
    if (log.isBlank()) {
      return "";
    }
    List<String> lines = log.strip().lines().toList();
    int hidden = Math.max(0, lines.size() - SHOWN_LOG_LINES);
    String omitted = hidden == 0 ? "" : " (" + hidden + " lines before these)";
    return "\n"
        + title
        + omitted
        + ":\n  "
        + String.join("\n  ", lines.subList(hidden, lines.size()));
  }
}
