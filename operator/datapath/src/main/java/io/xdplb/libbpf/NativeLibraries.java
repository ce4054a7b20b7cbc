// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import java.util.Map;

/** Binds classes of native methods to shared libraries, with an error a user can act on. */
final class NativeLibraries {
  private NativeLibraries() {}

  /**
   * Binds each native method of a class to the symbol of that name.
   *
   * @param debianPackage what to install where the library is absent
   * @throws UnsatisfiedLinkError if the library, or one of the symbols, is absent
   */
  static void bind(Class<?> natives, String library, String debianPackage) {
    try {
      Native.register(
          natives,
          NativeLibrary.getInstance(library, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8")));
    } catch (UnsatisfiedLinkError e) {
      UnsatisfiedLinkError clear =
          new UnsatisfiedLinkError(
              "cannot load "
                  + library
                  + ": install the package that has it (Debian and Ubuntu: apt-get install "
                  + debianPackage
                  + "); the loader said: "
                  + e.getMessage());
      clear.initCause(e);
      throw clear;
    }
  }
}
