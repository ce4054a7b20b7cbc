// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.testing.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * {@code docs/api.md} is what the records say. After a change of the records, write it anew with
 *
 * <pre>
 * mvn test -pl operator/api -am -Dtest='CrdFilesTest,ReferenceDocTest' -Dsurefire.failIfNoSpecifiedTests=false -Dxdplb.crds.write=true
 * </pre>
 */
class ReferenceDocTest {

  private static final Path FILE = Checkout.path("docs").resolve("api.md");

  @Test
  void theReferenceIsWhatTheRecordsSay() throws IOException {
    String generated = ReferenceDoc.of(CrdGenerator.generate());
    if (Boolean.getBoolean("xdplb.crds.write")) {
      Files.writeString(FILE, generated);
    }
    assertThat(Files.readString(FILE))
        .as("docs/api.md differs from the records; see the Javadoc of %s", getClass().getName())
        .isEqualTo(generated);
  }

  @Test
  void everyFieldOfTheSpecIsExplained() {
    assertThat(ReferenceDoc.of(CrdGenerator.generate()).lines())
        .filteredOn(line -> line.contains("`spec."))
        .isNotEmpty()
        .allSatisfy(line -> assertThat(line.split("\\|")[3].strip()).as(line).isNotEmpty());
  }
}
