// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.xdplb.cli.standalone.FolderFiles.Stamp;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Follows the content of a folder: told that a file may have changed, it decides when to believe
 * what it finds there. Belongs to one thread.
 *
 * <p>A change that can be used is used once the file has been quiet for {@link #QUIET_NANOS}. What
 * a half-written file looks like too (it does not parse, it defines less than before, it is gone)
 * is believed only if it is still so after {@link #SETTLE_NANOS}: editors truncate, write, rename
 * and delete in that time. A file that cannot be used leaves in force what it last said.
 */
final class FolderFollower {

  /** How long a file must have been quiet before it is read. */
  static final long QUIET_NANOS = 2_000_000;

  /** How long a loss must last before it is believed. */
  static final long SETTLE_NANOS = 100_000_000;

  /** A file that is written all the time is read this often all the same. */
  private static final long LONGEST_NANOS = 50_000_000;

  private static final class FileState {
    private Stamp stamp;
    private long digest;
    private boolean read;
    private long touchedNanos;
    private long firstTouchedNanos;
    private boolean due;
    private long suspectDigest;
    private boolean suspect;
    private long suspectSinceNanos;
  }

  private final FolderFiles files;
  private final ManifestParser parser;
  private final Manifests manifests = new Manifests();
  private final FolderCompiler compiler;
  private final FolderListener listener;
  private final Clock clock;
  private final FolderProblems problems;
  private final Map<String, FileState> states = new HashMap<>();
  private boolean found;
  private String goneBecause;
  private boolean complete;
  private boolean allKnown;

  FolderFollower(FolderFiles files, TableSink sink, FolderListener listener, Clock clock) {
    this.files = files;
    this.parser = new ManifestParser();
    this.clock = clock;
    this.compiler =
        new FolderCompiler(
            manifests,
            sink,
            new FolderAddresses(manifests, new AddressMemory(files.folder()), clock),
            new FolderAnnouncements(manifests, sink));
    this.listener = listener;
    this.problems = new FolderProblems(files, parser, manifests, listener);
  }

  /**
   * Reads every file that is new or different. The first time, all of it counts at once and files
   * are believed as they are; the order among them is that of their last modification, then of
   * their names.
   */
  void rescan(long nowNanos) {
    Optional<Map<String, Stamp>> listed;
    try {
      listed = files.list();
    } catch (IOException e) {
      gone(e.getMessage());
      return;
    }
    if (listed.isEmpty()) {
      gone("it is not there");
      return;
    }
    Map<String, Stamp> now = listed.get();
    if (!found) {
      found = true;
      goneBecause = null;
      listener.folderFound(now.size());
    }
    if (states.isEmpty()) {
      readAll(now, nowNanos);
      return;
    }
    Set<String> names = new HashSet<>(now.keySet());
    names.addAll(states.keySet());
    for (String name : names) {
      FileState state = states.get(name);
      Stamp stamp = now.get(name);
      if (state == null || stamp == null || !stamp.equals(state.stamp)) {
        touch(name, nowNanos);
      }
    }
  }

  /** A file may have changed, come or gone. */
  void touch(String name, long nowNanos) {
    if (!FolderFiles.isManifest(name)) {
      return;
    }
    FileState state = states.computeIfAbsent(name, n -> new FileState());
    if (!state.due) {
      state.firstTouchedNanos = nowNanos;
    }
    state.due = true;
    state.touchedNanos = nowNanos;
  }

  /** Reads the files that are due. */
  void settle(long nowNanos) {
    List<String> due = new ArrayList<>();
    states.forEach(
        (name, state) -> {
          if (nanosUntilDue(state, nowNanos) <= 0) {
            due.add(name);
          }
        });
    Set<Manifest.Id> changed = new HashSet<>();
    for (String name : due) {
      states.get(name).due = false;
      changed.addAll(read(name, nowNanos, false));
    }
    compile(changed);
    if (nanosUntilHoldEnd() == 0) {
      problems.compiled(compiler.endHolds());
    }
  }

  /**
   * How long until {@link #settle} has something to do; {@link Long#MAX_VALUE} if nothing waits.
   */
  long nanosUntilDue(long nowNanos) {
    return states.values().stream()
        .mapToLong(state -> nanosUntilDue(state, nowNanos))
        .reduce(nanosUntilHoldEnd(), Math::min);
  }

  private long nanosUntilHoldEnd() {
    return compiler
        .nextHoldEnd()
        .map(end -> Math.max(0, Duration.between(clock.instant(), end).toNanos()))
        .orElse(Long.MAX_VALUE);
  }

  private static long nanosUntilDue(FileState state, long nowNanos) {
    long at = Long.MAX_VALUE;
    if (state.due) {
      at =
          Math.min(
              state.touchedNanos + QUIET_NANOS - nowNanos,
              state.firstTouchedNanos + LONGEST_NANOS - nowNanos);
    }
    if (state.suspect) {
      at = Math.min(at, state.suspectSinceNanos + SETTLE_NANOS - nowNanos);
    }
    return Math.max(0, at);
  }

  private void readAll(Map<String, Stamp> now, long nowNanos) {
    List<String> oldestFirst =
        now.keySet().stream()
            .sorted(
                Comparator.comparing((String name) -> now.get(name).modifiedNanos())
                    .thenComparing(Comparator.naturalOrder()))
            .toList();
    List<Manifest.Id> inOrder = new ArrayList<>();
    for (String name : oldestFirst) {
      states.put(name, new FileState());
      inOrder.addAll(inFileOrder(read(name, nowNanos, true)));
    }
    problems.compiled(compiler.changed(inOrder));
    listener.read();
    checkComplete();
  }

  private void compile(Set<Manifest.Id> changed) {
    if (!changed.isEmpty()) {
      problems.compiled(compiler.changed(inFileOrder(changed)));
    }
    checkComplete();
  }

  private List<Manifest.Id> inFileOrder(Set<Manifest.Id> ids) {
    return ids.stream()
        .sorted(
            Comparator.comparing(
                    (Manifest.Id id) -> manifests.get(id).map(Manifest::document).orElse(0))
                .thenComparing(Manifest.Id::name)
                .thenComparing(Manifest.Id::kind))
        .toList();
  }

  private void checkComplete() {
    if (!allKnown && found && !problems.anyUnusable()) {
      allKnown = true;
      problems.compiled(compiler.allKnown());
    }
    if (!complete && found && !problems.anyRefused()) {
      complete = true;
      listener.complete();
    }
  }

  private Set<Manifest.Id> read(String name, long nowNanos, boolean believe) {
    FileState state = states.get(name);
    Optional<Stamp> stamp = files.stamp(name);
    if (stamp.isEmpty()) {
      return absent(name, state, nowNanos);
    }
    byte[] content;
    try {
      content = files.read(name);
    } catch (IOException e) {
      FileProblem problem =
          new FileProblem(name, Position.FILE, "cannot be read: " + e.getMessage());
      return suspected(state, -1, nowNanos, believe) ? Set.of() : bad(name, List.of(problem));
    }
    long digest = ContentDigest.of(content);
    if (state.read && digest == state.digest) {
      state.stamp = stamp.get();
      state.suspect = false;
      return Set.of();
    }
    ParsedFile parsed = parse(name, content);
    boolean loses = parsed instanceof ParsedFile.Good good && loses(name, good);
    if ((parsed instanceof ParsedFile.Bad || loses)
        && suspected(state, digest, nowNanos, believe)) {
      return Set.of();
    }
    state.suspect = false;
    state.read = true;
    state.stamp = stamp.get();
    state.digest = digest;
    if (parsed instanceof ParsedFile.Bad bad) {
      return bad(name, bad.problems());
    }
    return define(name, ((ParsedFile.Good) parsed).manifests());
  }

  /** A file must not stop the others, whatever is in it. */
  private ParsedFile parse(String name, byte[] content) {
    try {
      return parser.parse(name, content);
    } catch (RuntimeException e) {
      return new ParsedFile.Bad(
          List.of(new FileProblem(name, Position.FILE, "cannot be parsed: " + e)));
    }
  }

  private boolean loses(String name, ParsedFile.Good good) {
    Set<Manifest.Id> now = good.manifests().stream().map(Manifest::id).collect(Collectors.toSet());
    return !now.containsAll(manifests.definedBy(name));
  }

  /** Whether to wait: {@code false} once the same has been found for long enough. */
  private static boolean suspected(FileState state, long digest, long nowNanos, boolean believe) {
    if (believe) {
      return false;
    }
    if (!state.suspect || state.suspectDigest != digest) {
      state.suspect = true;
      state.suspectDigest = digest;
      state.suspectSinceNanos = nowNanos;
    }
    if (nowNanos - state.suspectSinceNanos < SETTLE_NANOS) {
      return true;
    }
    state.suspect = false;
    return false;
  }

  private Set<Manifest.Id> absent(String name, FileState state, long nowNanos) {
    if (!Files.isDirectory(files.folder())) {
      state.suspect = false;
      gone("it is not there any more");
      return Set.of();
    }
    if (suspected(state, 0, nowNanos, false)) {
      return Set.of();
    }
    states.remove(name);
    return define(name, List.of());
  }

  private Set<Manifest.Id> bad(String name, List<FileProblem> found) {
    problems.unusable(name, found);
    return Set.of();
  }

  private Set<Manifest.Id> define(String name, List<Manifest> now) {
    Set<Manifest.Id> changed = manifests.put(name, now);
    problems.usable(name);
    // Another file may have got the object that this one gave up.
    Set<String> others = new TreeSet<>();
    changed.forEach(id -> manifests.fileOf(id).ifPresent(others::add));
    others.remove(name);
    others.forEach(problems::usable);
    return changed;
  }

  private void gone(String why) {
    found = false;
    if (!why.equals(goneBecause)) {
      goneBecause = why;
      listener.folderGone(why);
    }
  }
}
