// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.xdplb.core.ipam.Allocation.Assigned;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Which addresses of pools were allocated, in a file beside the manifests: what a LoadBalancer's
 * status is where there is an API server. Nothing else tells after a restart: who came first
 * decides who has which address, and files do not say who came first. Copied to another machine
 * together with the manifests it gives the same addresses there.
 */
final class AddressMemory {

  /** Hidden, so that it is no manifest. */
  static final String FILE = ".xdplb-addresses.json";

  /** The file's content. */
  private record Content(List<Line> addresses) {}

  private record Line(String namespace, String name, String address, String pool) {}

  private static final ObjectMapper JSON = JsonMapper.builder().build();

  private final Path file;
  private SortedMap<ObjectName, List<Assigned>> written = new TreeMap<>();

  AddressMemory(Path folder) {
    file = folder.resolve(FILE);
  }

  /**
   * What was allocated when it was last written.
   *
   * @throws IOException if the file is there and cannot be used
   */
  Map<ObjectName, List<Assigned>> read() throws IOException {
    SortedMap<ObjectName, List<Assigned>> read = new TreeMap<>();
    try {
      for (Line line : JSON.readValue(Files.readAllBytes(file), Content.class).addresses()) {
        read.computeIfAbsent(
                new ObjectName(line.namespace(), line.name()), name -> new ArrayList<>())
            .add(new Assigned(Ip.parse(line.address()), Optional.of(line.pool())));
      }
    } catch (NoSuchFileException e) {
      return Map.of();
    } catch (IllegalArgumentException | NullPointerException e) {
      throw new IOException(file + " is not what was written there: " + e.getMessage(), e);
    }
    written = read;
    return new HashMap<>(read);
  }

  /**
   * Writes what is allocated, if that is something else than before. The file is never
   * half-written.
   *
   * @throws IOException if it cannot be written; what is there stays
   */
  void write(SortedMap<ObjectName, List<Assigned>> allocated) throws IOException {
    if (allocated.equals(written)) {
      return;
    }
    List<Line> lines = new ArrayList<>();
    allocated.forEach(
        (name, addresses) ->
            addresses.forEach(
                assigned ->
                    lines.add(
                        new Line(
                            name.namespace(),
                            name.name(),
                            assigned.address().toString(),
                            assigned.pool().orElseThrow()))));
    Path temporary = file.resolveSibling(FILE + ".new");
    Files.write(
        temporary, JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(new Content(lines)));
    try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    Files.move(
        temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    written = new TreeMap<>(allocated);
  }
}
