// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.xdplb.testing.kernel.Command;
import io.xdplb.testing.kernel.Netns;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The program {@code xdpbench} and the BPF objects, unpacked from the class path. */
final class Tool implements AutoCloseable {

  private static final List<String> OBJECTS =
      List.of("floor", "generator", "harness", "rewrite", "sink");
  private static final String SHIPPED = "/io/xdplb/bpf/xdplb.bpf.o";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path folder;

  Tool() {
    try {
      folder = Files.createTempDirectory("xl-bench");
      folder.toFile().deleteOnExit();
      unpack("xdpbench");
      for (String object : OBJECTS) {
        unpack(object + ".bpf.o");
      }
      unpack(SHIPPED);
      if (!Path.of(path()).toFile().setExecutable(true)) {
        throw new IOException("cannot make " + path() + " executable");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The executable. */
  String path() {
    return folder.resolve("xdpbench").toString();
  }

  /** The file of a BPF object, by its name without suffix. */
  String object(String name) {
    return folder.resolve(name + ".bpf.o").toString();
  }

  /** The file of the product's BPF object. */
  String shipped() {
    return folder.resolve(Path.of(SHIPPED).getFileName()).toString();
  }

  /** As {@link #run(Netns, String...)}, in the namespace of this process. */
  JsonNode run(String... arguments) {
    return parse(Command.run(command(arguments)));
  }

  /**
   * Runs one of the tool's commands in a namespace.
   *
   * @return the JSON that it printed
   * @throws IllegalStateException with its message, if it failed
   */
  JsonNode run(Netns netns, String... arguments) {
    return runWithInput(netns, "", arguments);
  }

  /** The same, with text on standard input. */
  JsonNode runWithInput(Netns netns, String input, String... arguments) {
    return parse(netns.runWithInput(input, command(arguments).toArray(String[]::new)));
  }

  private List<String> command(String... arguments) {
    List<String> command = new ArrayList<>(List.of(path()));
    command.addAll(List.of(arguments));
    return command;
  }

  private static JsonNode parse(String printed) {
    try {
      return JSON.readTree(printed);
    } catch (IOException e) {
      throw new UncheckedIOException("not JSON: " + printed, e);
    }
  }

  @Override
  public void close() throws IOException {
    Files.delete(Path.of(path()));
    for (String object : OBJECTS) {
      Files.delete(Path.of(object(object)));
    }
    Files.delete(Path.of(shipped()));
    Files.delete(folder);
  }

  private void unpack(String name) throws IOException {
    try (InputStream in = Tool.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException("no " + name + " beside " + Tool.class.getName() + ": was make run?");
      }
      Path file = folder.resolve(Path.of(name).getFileName());
      file.toFile().deleteOnExit();
      Files.copy(in, file);
    }
  }
}
