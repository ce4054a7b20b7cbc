// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.xdplb.cli.standalone.FolderCompiler.Outcome;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** What is wrong in which file now, so that each problem is told once and its end too. */
final class FolderProblems {

  /** What the compiler said of one object, in terms of its file. */
  private record Compilation(String file, boolean refused, List<FileProblem> problems) {}

  private final FolderFiles files;
  private final ManifestParser parser;
  private final Manifests manifests;
  private final FolderListener listener;
  private final Map<String, List<FileProblem>> unusable = new TreeMap<>();
  private final Map<String, List<FileProblem>> duplicates = new HashMap<>();
  private final Map<Manifest.Id, Compilation> compilations = new HashMap<>();

  FolderProblems(
      FolderFiles files, ManifestParser parser, Manifests manifests, FolderListener listener) {
    this.files = files;
    this.parser = parser;
    this.manifests = manifests;
    this.listener = listener;
  }

  /** Whether it is not known what a file defines. */
  boolean anyUnusable() {
    return !unusable.isEmpty();
  }

  /** Whether something that should be in force is not. */
  boolean anyRefused() {
    return !unusable.isEmpty() || compilations.values().stream().anyMatch(Compilation::refused);
  }

  /** A file cannot be used. */
  void unusable(String file, List<FileProblem> found) {
    if (!found.equals(unusable.put(file, found))) {
      listener.problems(file, found, true);
    }
  }

  /** A file can be used; objects that another file defines too are told. */
  void usable(String file) {
    boolean mended = unusable.remove(file) != null;
    List<FileProblem> now =
        manifests.duplicatesIn(file).stream()
            .map(
                d ->
                    new FileProblem(
                        file,
                        d.manifest().at(),
                        d.manifest().id()
                            + " is defined in "
                            + d.usedFile()
                            + " too, which keeps it; remove one of the two"))
            .toList();
    List<FileProblem> before =
        Optional.ofNullable(now.isEmpty() ? duplicates.remove(file) : duplicates.put(file, now))
            .orElse(List.of());
    if (!now.isEmpty() && !now.equals(before)) {
      listener.problems(file, now, false);
    } else if (mended || (now.isEmpty() && !before.isEmpty())) {
      listener.mended(file);
    }
  }

  /** Objects were compiled. */
  void compiled(List<Outcome> outcomes) {
    Set<Manifest.Id> gone = new HashSet<>(compilations.keySet());
    gone.removeIf(id -> manifests.get(id).isPresent());
    gone.forEach(compilations::remove);
    for (Outcome outcome : outcomes) {
      String file = manifests.fileOf(outcome.id()).orElseThrow();
      List<FileProblem> found = locate(file, outcome);
      Compilation now = new Compilation(file, outcome.refused(), found);
      Compilation before =
          found.isEmpty() ? compilations.remove(outcome.id()) : compilations.put(outcome.id(), now);
      if (!found.isEmpty() && !now.equals(before)) {
        listener.problems(file, found, outcome.refused());
      } else if (found.isEmpty() && before != null) {
        listener.mended(file);
      }
    }
  }

  private List<FileProblem> locate(String file, Outcome outcome) {
    if (outcome.problems().isEmpty()) {
      return List.of();
    }
    int document = manifests.get(outcome.id()).orElseThrow().document();
    byte[] content;
    try {
      content = files.read(file);
    } catch (IOException e) {
      content = new byte[0];
    }
    List<FileProblem> located = new ArrayList<>();
    for (var problem : outcome.problems()) {
      located.add(
          new FileProblem(
              file,
              parser.locate(file, content, document, problem.where()),
              outcome.id() + ": " + problem));
    }
    return located;
  }
}
