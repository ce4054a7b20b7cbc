// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.xdplb.core.model.ObjectName;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Reads manifests: YAML or JSON, any number of documents a file. As strict as the API server is
 * with {@code --validate=strict}: an unknown field, a duplicate field or a text where a number is
 * meant is an error. YAML aliases are refused, because the binding would take their name for text.
 */
final class ManifestParser {

  static final String DEFAULT_NAMESPACE = "default";
  private static final int MAX_NAME = 253;
  private static final int MAX_NAMESPACE = 63;
  private static final Pattern NAME =
      Pattern.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*");
  private static final Pattern NAMESPACE = Pattern.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?");

  private final JsonFactory yaml =
      YAMLFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();
  private final JsonFactory json =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();
  private final ObjectMapper mapper =
      JsonMapper.builder()
          .annotationIntrospector(new StrictAnnotations())
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .build();

  /**
   * Reads a file.
   *
   * @param file its name, whose end tells JSON from YAML
   * @param content its bytes, UTF-8
   */
  ParsedFile parse(String file, byte[] content) {
    List<DocumentOutline> outlines;
    try {
      outlines = outlines(file, content);
    } catch (IOException e) {
      return new ParsedFile.Bad(List.of(BindingErrors.syntax(file, e)));
    }
    List<FileProblem> problems = new ArrayList<>();
    for (DocumentOutline outline : outlines) {
      check(file, outline).ifPresent(problems::add);
    }
    if (!problems.isEmpty()) {
      return new ParsedFile.Bad(problems);
    }
    return bind(file, content, outlines);
  }

  /**
   * Where something is in a file.
   *
   * @param document which document, from 0
   * @param path as {@code spec.listeners[0].port}
   * @return the whole file, if it cannot be parsed any more or has no such document
   */
  Position locate(String file, byte[] content, int document, String path) {
    try {
      return outlines(file, content).get(document).position(path);
    } catch (IOException | IndexOutOfBoundsException changedMeanwhile) {
      return Position.FILE;
    }
  }

  private List<DocumentOutline> outlines(String file, byte[] content) throws IOException {
    try (JsonParser parser = factory(file).createParser(content)) {
      return DocumentOutline.of(parser);
    }
  }

  private JsonFactory factory(String file) {
    return file.endsWith(".json") ? json : yaml;
  }

  private static Optional<FileProblem> check(String file, DocumentOutline outline) {
    if (outline.isEmpty()) {
      return Optional.empty();
    }
    if (!outline.isMapping()) {
      return problem(file, outline.start(), "a manifest is a mapping with apiVersion and kind");
    }
    if (outline.alias() != null) {
      return problem(file, outline.alias(), "YAML aliases are not supported: write the value out");
    }
    if (outline.apiVersion() == null || outline.kind() == null) {
      return problem(
          file,
          outline.start(),
          (outline.kind() == null ? "kind" : "apiVersion")
              + " is missing; it is one of "
              + ManifestKind.all());
    }
    if (ManifestKind.of(outline.apiVersion(), outline.kind()).isEmpty()) {
      return problem(
          file,
          outline.position("kind"),
          "unknown kind %s (%s); a manifest is one of %s"
              .formatted(outline.kind(), outline.apiVersion(), ManifestKind.all()));
    }
    return Optional.empty();
  }

  private ParsedFile bind(String file, byte[] content, List<DocumentOutline> outlines) {
    List<Manifest> manifests = new ArrayList<>();
    Set<Manifest.Id> seen = new HashSet<>();
    List<FileProblem> problems = new ArrayList<>();
    try (JsonParser parser = factory(file).createParser(content)) {
      for (int i = 0; i < outlines.size(); i++) {
        DocumentOutline outline = outlines.get(i);
        parser.nextToken();
        if (outline.isEmpty()) {
          continue;
        }
        Manifest manifest;
        try {
          manifest = bind(parser, outline, i);
        } catch (JsonMappingException e) {
          // The parser stands in the middle of this document: the next ones wait for its mending.
          problems.add(BindingErrors.binding(file, e, outline));
          break;
        }
        named(file, manifest, outline).ifPresent(problems::add);
        if (!seen.add(manifest.id())) {
          problems.add(
              new FileProblem(file, outline.start(), manifest.id() + " occurs twice in this file"));
        }
        manifests.add(manifest);
      }
    } catch (JsonProcessingException e) {
      problems.add(BindingErrors.syntax(file, e));
    } catch (IOException e) {
      throw new IllegalStateException("bytes in memory cannot fail to be read", e);
    }
    return problems.isEmpty() ? new ParsedFile.Good(manifests) : new ParsedFile.Bad(problems);
  }

  private Manifest bind(JsonParser parser, DocumentOutline outline, int document)
      throws IOException {
    ManifestKind kind = ManifestKind.of(outline.apiVersion(), outline.kind()).orElseThrow();
    HasMetadata object = mapper.readerFor(kind.type()).readValue(parser);
    if (object.getMetadata() == null) {
      object.setMetadata(new ObjectMeta());
    }
    ObjectMeta metadata = object.getMetadata();
    if (metadata.getNamespace() == null || !kind.isNamespaced()) {
      metadata.setNamespace(DEFAULT_NAMESPACE);
    }
    String name = metadata.getName() == null ? "" : metadata.getName();
    return new Manifest(
        new Manifest.Id(kind, new ObjectName(metadata.getNamespace(), name)),
        object,
        document,
        outline.start());
  }

  private static Optional<FileProblem> named(
      String file, Manifest manifest, DocumentOutline outline) {
    String name = manifest.id().name().name();
    String namespace = manifest.id().name().namespace();
    if (name.isEmpty()) {
      return problem(file, outline.position("metadata.name"), "metadata.name is missing");
    }
    if (name.length() > MAX_NAME || !NAME.matcher(name).matches()) {
      return problem(
          file,
          outline.position("metadata.name"),
          "metadata.name: %s is no object name: lower case letters, digits, '-' and '.', at most %d"
              .formatted(shortened(name), MAX_NAME));
    }
    if (namespace.length() > MAX_NAMESPACE || !NAMESPACE.matcher(namespace).matches()) {
      return problem(
          file,
          outline.position("metadata.namespace"),
          "metadata.namespace: %s is no namespace: lower case letters, digits and '-', at most %d"
              .formatted(shortened(namespace), MAX_NAMESPACE));
    }
    return Optional.empty();
  }

  private static String shortened(String text) {
    return text.length() <= 40
        ? "\"" + text + "\""
        : "\"" + text.substring(0, 37) + "...\" (" + text.length() + " characters)";
  }

  private static Optional<FileProblem> problem(String file, Position at, String reason) {
    return Optional.of(new FileProblem(file, at, reason));
  }
}
