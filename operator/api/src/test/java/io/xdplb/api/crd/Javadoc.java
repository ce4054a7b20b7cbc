// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import com.sun.source.doctree.DocCommentTree;
import com.sun.source.doctree.DocTree;
import com.sun.source.doctree.LinkTree;
import com.sun.source.doctree.LiteralTree;
import com.sun.source.doctree.ParamTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * The Javadoc of the API's types: the one place where a field is described, for readers of the code
 * and of {@code kubectl explain}.
 */
final class Javadoc {

  private static final Path SOURCES = Path.of("src/main/java/io/xdplb/api/v1alpha1");

  /** Keys: {@code Outer.Inner} for a type, {@code Outer.Inner#component} for a component. */
  private final Map<String, String> texts = new HashMap<>();

  private Javadoc() {}

  static Javadoc ofApi() {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    try (Stream<Path> files = Files.list(SOURCES);
        StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
      JavacTask task =
          (JavacTask)
              compiler.getTask(
                  null,
                  manager,
                  null,
                  null,
                  null,
                  manager.getJavaFileObjectsFromPaths(files.sorted().toList()));
      Javadoc javadoc = new Javadoc();
      Scanner scanner = javadoc.new Scanner(DocTrees.instance(task));
      for (CompilationUnitTree unit : task.parse()) {
        scanner.scan(unit, null);
      }
      return javadoc;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the API's sources in " + SOURCES, e);
    }
  }

  /** What a type is. */
  String of(Class<?> type) {
    return text(name(type));
  }

  /** What a component of a record is. */
  String of(Class<?> type, String component) {
    return text(name(type) + "#" + component);
  }

  private String text(String key) {
    String text = texts.get(key);
    if (text == null || text.isBlank()) {
      throw new IllegalStateException("no Javadoc of " + key);
    }
    return Character.toUpperCase(text.charAt(0))
        + text.substring(1)
        + (text.endsWith(".") ? "" : ".");
  }

  private static String name(Class<?> type) {
    return type.getEnclosingClass() == null
        ? type.getSimpleName()
        : name(type.getEnclosingClass()) + "." + type.getSimpleName();
  }

  private final class Scanner extends TreePathScanner<Void, Void> {
    private final DocTrees trees;
    private final Deque<String> names = new ArrayDeque<>();

    Scanner(DocTrees trees) {
      this.trees = trees;
    }

    @Override
    public Void visitClass(ClassTree type, Void unused) {
      names.addLast(type.getSimpleName().toString());
      DocCommentTree comment = trees.getDocCommentTree(getCurrentPath());
      if (comment != null) {
        String name = String.join(".", names);
        texts.put(name, plain(comment.getFullBody()));
        for (DocTree tag : comment.getBlockTags()) {
          if (tag instanceof ParamTree parameter) {
            texts.put(name + "#" + parameter.getName(), plain(parameter.getDescription()));
          }
        }
      }
      super.visitClass(type, unused);
      names.removeLast();
      return null;
    }
  }

  private static String plain(List<? extends DocTree> text) {
    return text.stream()
        .map(Javadoc::plain)
        .collect(Collectors.joining())
        .replaceAll("\\s+", " ")
        .strip();
  }

  private static String plain(DocTree part) {
    if (part instanceof LiteralTree code) {
      return code.getBody().toString();
    }
    if (part instanceof LinkTree link) {
      String target = link.getReference().toString();
      return target.substring(target.lastIndexOf('#') + 1);
    }
    return part.toString();
  }
}
