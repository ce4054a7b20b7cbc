// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

/** The kernel, or a library in front of it, refused something. */
public class KernelException extends RuntimeException {
  private final String attempted;
  private final String subject;
  private final int errno;

  /**
   * @param attempted what was tried, as a verb that leads to the subject: "attach program drop to"
   * @param subject on what: "interface eth0 (ifindex 3)"
   * @param errno what was answered; 0 when the refusal did not come from the kernel
   * @param advice what the reader can do about it, or ""
   */
  public KernelException(String attempted, String subject, int errno, String advice) {
    this(attempted, subject, errno, advice, "");
  }

  KernelException(String attempted, String subject, int errno, String advice, String appendix) {
    super(message(attempted, subject, errno, advice) + appendix);
    this.attempted = attempted;
    this.subject = subject;
    this.errno = errno;
  }

  /** What was tried, for example "attach program drop to". */
  public String attempted() {
    return attempted;
  }

  /** On what it was tried, for example "interface eth0 (ifindex 3)". */
  public String subject() {
    return subject;
  }

  /** The positive error number, comparable with the constants of {@link Errno}; 0 if none. */
  public int errno() {
    return errno;
  }

  /** The error number's name, "EBUSY"; "" if there is none. */
  public String errnoName() {
    return errno == 0 ? "" : Errno.name(errno);
  }

  private static String message(String attempted, String subject, int errno, String advice) {
    String message = "cannot " + attempted + " " + subject;
    if (errno != 0) {
      message += ": " + Errno.describe(errno);
    }
    return advice.isEmpty() ? message : message + ": " + advice;
  }
}
