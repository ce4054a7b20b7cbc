// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import io.xdplb.testing.Checkout;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The checked-in CRDs. */
final class CrdManifests {

  private CrdManifests() {}

  /** All of them as one text for {@code kubectl apply -f -}. */
  static String ofCheckout() {
    Path folder = Checkout.path("crds");
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().map(CrdManifests::read).collect(Collectors.joining("---\n"));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot list " + folder, e);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }
}
