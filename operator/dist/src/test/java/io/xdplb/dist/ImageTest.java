// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.xdplb.testing.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The file that {@code make image} makes. */
@RequiresImage
class ImageTest {

  private static final long MEBIBYTE = 1 << 20;

  private static Image image;

  @BeforeAll
  static void build() {
    image = Image.build();
  }

  @Test
  void madeAgainItIsTheSame() throws IOException {
    byte[] first = Files.readAllBytes(image.archive());
    String digest = Files.readString(beside(".digest"));
    Image.build();
    assertThat(Files.readString(beside(".digest"))).isEqualTo(digest);
    assertThat(Files.readAllBytes(image.archive())).isEqualTo(first);
  }

  @Test
  void itIsSmall() throws IOException {
    assertThat(Files.size(image.archive())).isLessThan(80 * MEBIBYTE);
  }

  @Test
  void itHoldsNothingButWhatIsNeeded() throws IOException {
    try (Stream<Path> programs = Files.list(image.root().resolve("usr/bin"))) {
      assertThat(programs.map(program -> program.getFileName().toString()))
          .containsExactlyInAnyOrder("dash", "sh", "xdplb");
    }
    try (Stream<Path> all = Files.walk(image.root())) {
      assertThat(
              all.filter(file -> !Files.isSymbolicLink(file) && Files.isRegularFile(file))
                  .filter(file -> isSetUid(file)))
          .isEmpty();
    }
  }

  private static boolean isSetUid(Path file) {
    try {
      return ((int) Files.getAttribute(file, "unix:mode") & 06000) != 0;
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void theSbomNamesEveryJarAndTheDebianPackages() throws IOException {
    JsonNode sbom = new ObjectMapper().readTree(beside(".spdx.json").toFile());
    Set<String> named = new TreeSet<>();
    sbom.path("packages")
        .forEach(
            entry ->
                named.add(
                    entry.path("name").asText().replaceAll(".*:", "")
                        + "-"
                        + entry.path("versionInfo").asText()));
    try (Stream<Path> jars = Files.list(image.root().resolve("usr/lib/xdplb/lib"))) {
      assertThat(named)
          .containsAll(
              jars.map(jar -> jar.getFileName().toString().replaceAll("\\.jar$", "")).toList());
    }
    assertThat(named.toString())
        .contains("libc6-", "libbpf1-", "openjdk-25-jdk-headless-", "dash-");
    assertThat(sbom.path("spdxVersion").asText()).isEqualTo("SPDX-2.3");
  }

  @Test
  void theLauncherIsTheOneOfTheCommandLine() throws IOException {
    assertThat(Files.readString(image.root().resolve("usr/lib/xdplb/xdplb")))
        .isEqualTo(Files.readString(Checkout.path("operator/cli/src/main/scripts/xdplb")));
  }

  private static Path beside(String extension) {
    return Path.of(image.archive().toString().replaceAll("\\.tar$", extension));
  }
}
