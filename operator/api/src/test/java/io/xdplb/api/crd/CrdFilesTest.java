// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The files in {@code crds/} are what the records say. After a change of the records, write them
 * anew with
 *
 * <pre>
 * mvn test -pl operator/api -am -Dtest=CrdFilesTest -Dsurefire.failIfNoSpecifiedTests=false -Dxdplb.crds.write=true
 * </pre>
 */
class CrdFilesTest {

  private static final Path FOLDER = Checkout.path("crds");

  @Test
  void filesAreWhatTheRecordsSay() throws IOException {
    Map<String, String> generated = CrdGenerator.generate();
    if (Boolean.getBoolean("xdplb.crds.write")) {
      for (Map.Entry<String, String> file : generated.entrySet()) {
        Files.writeString(FOLDER.resolve(file.getKey()), file.getValue());
      }
    }
    assertThat(names()).isEqualTo(generated.keySet());
    for (Map.Entry<String, String> file : generated.entrySet()) {
      assertThat(Files.readString(FOLDER.resolve(file.getKey())))
          .as(
              "crds/%s differs from the records; see the Javadoc of %s for how to write it anew",
              file.getKey(), CrdFilesTest.class.getSimpleName())
          .isEqualTo(file.getValue());
    }
  }

  private static Set<String> names() throws IOException {
    try (Stream<Path> files = Files.list(FOLDER)) {
      return files.map(file -> file.getFileName().toString()).collect(Collectors.toSet());
    }
  }
}
