// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;

/**
 * The folder that a BIRD and its agent share. Both see it at the same path.
 *
 * @param folder for BIRD and agent only: the configuration has passwords
 */
record BirdFiles(Path folder) {

  /** What BIRD reads when it starts. */
  Path config() {
    return folder.resolve("bird.conf");
  }

  /** What it is told to load; becomes {@link #config} when it has. */
  Path candidate() {
    return folder.resolve("bird.conf.new");
  }

  /** Where it takes commands. */
  Path socket() {
    return folder.resolve("bird.ctl");
  }

  Path pid() {
    return folder.resolve("bird.pid");
  }

  /** The configuration that is there. */
  Optional<String> readConfig() throws BirdException {
    try {
      return Optional.of(Files.readString(config()));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw new BirdException("cannot read BIRD's configuration: " + e, e);
    }
  }

  /** Writes the candidate, readable by its owner only. */
  void writeCandidate(String text) throws BirdException {
    try {
      Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      Files.deleteIfExists(candidate());
      Files.createFile(
          candidate(),
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      Files.writeString(candidate(), text, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw new BirdException("cannot write BIRD's configuration: " + e, e);
    }
  }

  /** Puts the candidate in the place of the configuration. */
  void acceptCandidate() throws BirdException {
    try {
      Files.move(candidate(), config(), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new BirdException("cannot replace BIRD's configuration: " + e, e);
    }
  }
}
