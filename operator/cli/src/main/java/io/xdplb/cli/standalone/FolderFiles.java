// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The manifest files of a folder, as they are on disk now. Sub-folders are not looked into. */
record FolderFiles(Path folder) {

  /** A file larger than this is no manifest. */
  static final long MAX_BYTES = 16L << 20;

  /**
   * What tells one content of a file from another without reading it.
   *
   * @param modifiedNanos last modification, nanoseconds since 1970
   * @param size in bytes
   * @param fileKey device and inode: a rename brings another one
   */
  record Stamp(long modifiedNanos, long size, Object fileKey) {

    static Stamp of(BasicFileAttributes attributes) {
      return new Stamp(
          attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS),
          attributes.size(),
          attributes.fileKey());
    }
  }

  /** Whether a file name is that of a manifest: {@code *.yaml, *.yml, *.json}, not hidden. */
  static boolean isManifest(String name) {
    return !name.startsWith(".")
        && (name.endsWith(".yaml") || name.endsWith(".yml") || name.endsWith(".json"));
  }

  /**
   * All manifests with their stamps.
   *
   * @return empty if the folder is not there
   * @throws IOException if it cannot be read
   */
  Optional<Map<String, Stamp>> list() throws IOException {
    Map<String, Stamp> files = new HashMap<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        if (isManifest(name)) {
          stamp(name).ifPresent(stamp -> files.put(name, stamp));
        }
      }
      return Optional.of(files);
    } catch (NoSuchFileException | NotDirectoryException e) {
      return Optional.empty();
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  /** The stamp of one file; empty if it is not there or no file. */
  Optional<Stamp> stamp(String name) {
    try {
      BasicFileAttributes attributes =
          Files.readAttributes(folder.resolve(name), BasicFileAttributes.class);
      return attributes.isRegularFile() ? Optional.of(Stamp.of(attributes)) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /**
   * The content of a file.
   *
   * @throws IOException if it cannot be read or is too large
   */
  byte[] read(String name) throws IOException {
    Path file = folder.resolve(name);
    if (Files.size(file) > MAX_BYTES) {
      throw new IOException("larger than " + (MAX_BYTES >> 20) + " MiB");
    }
    return Files.readAllBytes(file);
  }
}
