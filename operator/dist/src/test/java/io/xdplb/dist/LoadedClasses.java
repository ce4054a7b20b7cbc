// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;

/**
 * Which classes the processes of the image load, and whether its archive has them. The list that
 * the archive is made from, {@code operator/image/classes.txt.gz}, is checked in, so that an image
 * can be made where no datapath can be run, and is the same each time. To write it anew, which is
 * worth it when {@link InstalledTest} says that too few classes come from the archive:
 *
 * <pre>
 * mvn test -pl operator/dist -am -Dtest=InstalledTest -Dsurefire.failIfNoSpecifiedTests=false \
 *   -Dxdplb.classes.write=true
 * </pre>
 */
final class LoadedClasses implements AutoCloseable {

  static final boolean WRITE = Boolean.getBoolean("xdplb.classes.write");

  /** In a container's file systems, the one that it can write and we can see. */
  private static final Path SHARED = Path.of("/dev/shm");

  private final Path file;

  LoadedClasses(String name) {
    file = SHARED.resolve("xdplb-classes-" + name);
  }

  /** For {@code XDPLB_JAVA_OPTS}. */
  String javaOptions() {
    return WRITE ? "-XX:DumpLoadedClassList=" + file : "-Xlog:class+load:file=" + file;
  }

  /** The share of classes that were not read from jars but mapped from the archive, 0 to 1. */
  double fromArchive() {
    List<String> loads = lines().filter(line -> line.contains(" source: ")).toList();
    long mapped = loads.stream().filter(line -> line.contains("shared objects file")).count();
    return (double) mapped / Math.max(1, loads.size());
  }

  private Stream<String> lines() {
    try {
      return Files.readAllLines(file).stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes what several processes that have ended have loaded, once each and in order. */
  static void write(List<LoadedClasses> processes, Path list) throws IOException {
    SortedSet<String> all = new TreeSet<>();
    for (LoadedClasses process : processes) {
      process
          .lines()
          // comments, and what only linking ahead of time would use
          .filter(line -> !line.startsWith("#") && !line.startsWith("@cp"))
          .map(line -> line.replaceAll(" id: [0-9]+", ""))
          .forEach(all::add);
    }
    try (var out = new GZIPOutputStream(Files.newOutputStream(list))) {
      for (String line : all) {
        out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  @Override
  public void close() throws IOException {
    Files.deleteIfExists(file);
  }
}
