// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.NoSuchElementException;
import java.util.stream.Stream;

/** The checkout in which the tests run: a module's folder, as Maven does, or any below its top. */
public final class Checkout {

  private Checkout() {}

  /**
   * A file or folder of the checkout.
   *
   * @param path relative to the top, such as {@code crds}
   * @throws NoSuchElementException when no folder from here up has it
   */
  public static Path path(String path) {
    Path here = Path.of("").toAbsolutePath();
    return Stream.iterate(here, folder -> folder != null, Path::getParent)
        .map(folder -> folder.resolve(path))
        .filter(Files::exists)
        .findFirst()
        .orElseThrow(() -> new NoSuchElementException("no " + path + " in or above " + here));
  }
}
