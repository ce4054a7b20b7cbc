// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The objects that the files of a folder define. Where two files define the same object the first
 * that did keeps it, and the second takes over when the first no longer defines it.
 */
final class Manifests {

  /**
   * A definition that is not used.
   *
   * @param file in which it is
   * @param manifest the definition
   * @param usedFile the file whose definition of the same object is used
   */
  record Duplicate(String file, Manifest manifest, String usedFile) {}

  private record Definition(String file, Manifest manifest) {}

  private final Map<String, Map<Manifest.Id, Manifest>> byFile = new HashMap<>();
  private final Map<Manifest.Id, List<Definition>> definitions = new HashMap<>();

  /**
   * Says what a file defines, in place of what it defined before.
   *
   * @return the objects that are others than before
   */
  Set<Manifest.Id> put(String file, List<Manifest> manifests) {
    Map<Manifest.Id, Manifest> now =
        manifests.stream()
            .collect(
                Collectors.toMap(
                    Manifest::id, Function.identity(), (a, b) -> a, LinkedHashMap::new));
    Map<Manifest.Id, Manifest> before = byFile.getOrDefault(file, Map.of());
    Set<Manifest.Id> touched = new HashSet<>(before.keySet());
    touched.addAll(now.keySet());
    Map<Manifest.Id, Optional<Manifest>> usedBefore = new HashMap<>();
    touched.forEach(id -> usedBefore.put(id, get(id)));
    touched.forEach(id -> define(id, file, now.get(id)));
    if (now.isEmpty()) {
      byFile.remove(file);
    } else {
      byFile.put(file, now);
    }
    touched.removeIf(
        id -> usedBefore.get(id).map(Manifest::object).equals(get(id).map(Manifest::object)));
    return touched;
  }

  /** All objects of a kind, in order. */
  List<Manifest.Id> all(ManifestKind kind) {
    return definitions.keySet().stream()
        .filter(id -> id.kind() == kind)
        .sorted(Comparator.comparing(Manifest.Id::name))
        .toList();
  }

  /** What a file defines. */
  Set<Manifest.Id> definedBy(String file) {
    return byFile.getOrDefault(file, Map.of()).keySet();
  }

  /** The definition of an object that is used. */
  Optional<Manifest> get(Manifest.Id id) {
    List<Definition> all = definitions.get(id);
    return all == null ? Optional.empty() : Optional.of(all.get(0).manifest());
  }

  /** The file whose definition of an object is used. */
  Optional<String> fileOf(Manifest.Id id) {
    List<Definition> all = definitions.get(id);
    return all == null ? Optional.empty() : Optional.of(all.get(0).file());
  }

  /** The definitions in a file that are not used because another file has the object. */
  List<Duplicate> duplicatesIn(String file) {
    List<Duplicate> duplicates = new ArrayList<>();
    byFile
        .getOrDefault(file, Map.of())
        .forEach(
            (id, manifest) -> {
              String used = definitions.get(id).get(0).file();
              if (!used.equals(file)) {
                duplicates.add(new Duplicate(file, manifest, used));
              }
            });
    return duplicates;
  }

  private void define(Manifest.Id id, String file, Manifest manifest) {
    List<Definition> all = definitions.computeIfAbsent(id, key -> new ArrayList<>(1));
    int at = 0;
    while (at < all.size() && !all.get(at).file().equals(file)) {
      at++;
    }
    if (manifest == null) {
      if (at < all.size()) {
        all.remove(at);
      }
    } else if (at < all.size()) {
      all.set(at, new Definition(file, manifest));
    } else {
      all.add(new Definition(file, Objects.requireNonNull(manifest)));
    }
    if (all.isEmpty()) {
      definitions.remove(id);
    }
  }
}
