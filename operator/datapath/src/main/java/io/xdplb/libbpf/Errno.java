// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.util.HashMap;
import java.util.Map;

/**
 * Error numbers of Linux (include/uapi/asm-generic/errno.h; the same on x86-64 and arm64) and their
 * names.
 */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int EINTR = 4;
  public static final int E2BIG = 7;
  public static final int EAGAIN = 11;
  public static final int EACCES = 13;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int ENODEV = 19;
  public static final int EINVAL = 22;
  public static final int ENOSPC = 28;
  public static final int ERANGE = 34;
  public static final int EOPNOTSUPP = 95;
  public static final int ENETUNREACH = 101;
  public static final int ENOBUFS = 105;
  public static final int EAFNOSUPPORT = 97;
  public static final int ETIMEDOUT = 110;
  public static final int EHOSTUNREACH = 113;

  /** Not meant for user space, but some BPF operations answer it all the same. */
  public static final int ENOTSUPP = 524;

  private static final String BY_NUMBER =
      """
      1 EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT
      ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG
      ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP
      42 ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL
      ENOANO EBADRQC EBADSLT
      59 EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO
      EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX
      ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT
      EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL
      ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN
      ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN
      ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED
      EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON
      524 ENOTSUPP
      """;

  private static final Map<Integer, String> NAMES = names();

  private Errno() {}

  /** The symbolic name, "EBUSY" for 16; "errno 999" for a number without one. */
  public static String name(int errno) {
    return NAMES.getOrDefault(errno, "errno " + errno);
  }

  /** Name and meaning: "EBUSY (Device or resource busy)". */
  public static String describe(int errno) {
    String name = NAMES.get(errno);
    return name == null || errno == ENOTSUPP
        ? name(errno)
        : name + " (" + LibC.strerror(errno) + ")";
  }

  private static Map<Integer, String> names() {
    Map<Integer, String> names = new HashMap<>();
    int next = 0;
    for (String word : BY_NUMBER.trim().split("\\s+")) {
      if (Character.isDigit(word.charAt(0))) {
        next = Integer.parseInt(word);
      } else {
        names.put(next++, word);
      }
    }
    return Map.copyOf(names);
  }
}
