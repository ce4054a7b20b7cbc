// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.xdplb.testing.Checkout;
import io.xdplb.testing.kernel.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The file that {@code make image} makes. */
@RequiresImage
class ImageTest {

  private static final long MEBIBYTE = 1 << 20;

  /**
   * $1 the image's files: BIRD as its container runs it, probed and stopped as the manifest does.
   */
  private static final String BIRD =
      """
      mount -t tmpfs tmpfs "$1/tmp"
      inside() { env -i PATH=/usr/bin:/usr/sbin chroot "$@"; }
      inside "$1" /usr/lib/xdplb/bird /tmp &
      for _ in $(seq 100); do [ -S "$1/tmp/bird.ctl" ] && break; sleep 0.1; done
      inside "$1" birdcl -s /tmp/bird.ctl show status
      inside "$1" birdcl -s /tmp/bird.ctl graceful restart
      wait
      """;

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
    assertThat(programs("usr/bin")).containsExactlyInAnyOrder("dash", "sh", "xdplb");
    assertThat(programs("usr/sbin")).containsExactlyInAnyOrder("bird", "birdcl");
    try (Stream<Path> all = Files.walk(image.root())) {
      assertThat(
              all.filter(file -> !Files.isSymbolicLink(file) && Files.isRegularFile(file))
                  .filter(file -> isSetUid(file)))
          .isEmpty();
    }
  }

  private static List<String> programs(String folder) throws IOException {
    try (Stream<Path> programs = Files.list(image.root().resolve(folder))) {
      return programs.map(program -> program.getFileName().toString()).toList();
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
  void birdRunsInItAndCanBeAsked() {
    String root = image.root().toString();
    List<String> alone = List.of("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child");
    assertThat(
            Command.run(
                Stream.of(alone, List.of("bash", "-euc", BIRD, "bird", root))
                    .flatMap(List::stream)
                    .toList()))
        .contains("Daemon is up and running")
        .contains("Graceful restart requested");
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
        .contains("libc6-", "libbpf1-", "openjdk-25-jdk-headless-", "dash-", "bird2-");
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
