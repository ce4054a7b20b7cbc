// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What libbpf prints goes to the log at debug level instead of stderr; its warnings are kept for
 * the calling thread too, so that an exception can quote them.
 */
final class LibbpfLog {
  private static final Logger log = LoggerFactory.getLogger("io.xdplb.libbpf");
  private static final int LIBBPF_DEBUG = 2;
  private static final int LONGEST_MESSAGE = 8192;
  private static final int LONGEST_MEMORY = 64 * 1024;

  private static final ThreadLocal<StringBuilder> warnings =
      ThreadLocal.withInitial(StringBuilder::new);

  /** libbpf holds only the address: without this reference the callback would be collected. */
  private static final LibBpf.PrintFunction function = LibbpfLog::print;

  private LibbpfLog() {}

  static void install() {
    LibBpf.libbpf_set_print(function);
  }

  /** Forgets what was said so far on this thread: call before an operation that may be refused. */
  static void clear() {
    warnings.get().setLength(0);
  }

  /** The warnings on this thread since {@link #clear()}. */
  static String warnings() {
    return warnings.get().toString();
  }

  private static int print(int level, Pointer format, Pointer args) {
    if (level == LIBBPF_DEBUG && !log.isDebugEnabled()) {
      return 0;
    }
    byte[] buffer = new byte[LONGEST_MESSAGE];
    int length = LibC.vsnprintf(buffer, buffer.length, format, args);
    if (length <= 0) {
      return 0;
    }
    String message =
        new String(buffer, 0, Math.min(length, buffer.length - 1), StandardCharsets.UTF_8);
    log.debug("{}", message.stripTrailing());
    StringBuilder memory = warnings.get();
    if (level != LIBBPF_DEBUG && memory.length() < LONGEST_MEMORY) {
      memory.append(message);
    }
    return length;
  }
}
