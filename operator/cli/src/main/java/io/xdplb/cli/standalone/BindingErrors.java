// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonMappingException.Reference;
import com.fasterxml.jackson.databind.exc.InvalidFormatException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import java.io.IOException;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import java.util.stream.Collectors;
import org.yaml.snakeyaml.error.MarkedYAMLException;

/** What Jackson and SnakeYAML found, in words for the one who wrote the file. */
final class BindingErrors {

  private static final int MAX_KNOWN_FIELDS = 12;

  private BindingErrors() {}

  /** The text is no YAML or JSON. */
  static FileProblem syntax(String file, IOException e) {
    if (e.getCause() instanceof MarkedYAMLException yaml && yaml.getProblemMark() != null) {
      String context = yaml.getContext() == null ? "" : yaml.getContext() + ": ";
      return new FileProblem(
          file,
          new Position(yaml.getProblemMark().getLine() + 1, yaml.getProblemMark().getColumn() + 1),
          "cannot be parsed: " + context + yaml.getProblem());
    }
    if (e instanceof JsonProcessingException at) {
      return new FileProblem(
          file,
          Position.of(at.getLocation()),
          "cannot be parsed: " + firstLine(at.getOriginalMessage()));
    }
    return new FileProblem(file, Position.FILE, "cannot be parsed: " + firstLine(e.getMessage()));
  }

  /** The text is YAML or JSON, but not of the shape of its kind. */
  static FileProblem binding(String file, JsonMappingException e, DocumentOutline outline) {
    String path = path(e);
    return new FileProblem(file, outline.position(path), reason(e, path));
  }

  private static String reason(JsonMappingException e, String path) {
    if (e instanceof UnrecognizedPropertyException unknown) {
      return unknownField(unknown, path);
    }
    if (e instanceof InvalidFormatException format && format.getTargetType() != null) {
      return "%s: %s is not %s"
          .formatted(path, quoted(format.getValue()), meant(format.getTargetType()));
    }
    if (e instanceof MismatchedInputException mismatch && mismatch.getTargetType() != null) {
      return "%s: %s is meant, not %s".formatted(path, meant(mismatch.getTargetType()), found(e));
    }
    return (path.isEmpty() ? "" : path + ": ") + firstLine(e.getOriginalMessage());
  }

  private static String unknownField(UnrecognizedPropertyException e, String path) {
    int dot = path.lastIndexOf('.');
    String known =
        e.getKnownPropertyIds().stream()
            .map(Object::toString)
            .sorted()
            .limit(MAX_KNOWN_FIELDS)
            .collect(Collectors.joining(", "));
    return "unknown field \"%s\"%s; known fields: %s%s"
        .formatted(
            e.getPropertyName(),
            dot < 0 ? "" : " in " + path.substring(0, dot),
            known,
            e.getKnownPropertyIds().size() > MAX_KNOWN_FIELDS ? ", ..." : "");
  }

  private static String path(JsonMappingException e) {
    StringBuilder path = new StringBuilder();
    for (Reference step : e.getPath()) {
      if (step.getFieldName() == null) {
        path.append('[').append(step.getIndex()).append(']');
      } else {
        path.append(path.isEmpty() ? "" : ".").append(step.getFieldName());
      }
    }
    return path.toString();
  }

  private static String meant(Class<?> type) {
    if (type.isEnum()) {
      return Arrays.stream(type.getEnumConstants())
          .map(Object::toString)
          .collect(Collectors.joining(" or "));
    }
    if (Collection.class.isAssignableFrom(type)) {
      return "a list";
    }
    if (type == String.class) {
      return "a text";
    }
    if (type == boolean.class || type == Boolean.class) {
      return "true or false";
    }
    if (type.isPrimitive() || Number.class.isAssignableFrom(type)) {
      return "a whole number";
    }
    return Map.class.isAssignableFrom(type) ? "a mapping of texts" : "a mapping";
  }

  private static String found(JsonMappingException e) {
    JsonToken token = e.getProcessor() instanceof JsonParser parser ? parser.currentToken() : null;
    if (token == null) {
      return "this";
    }
    return switch (token) {
      case START_ARRAY -> "a list";
      case START_OBJECT, FIELD_NAME -> "a mapping";
      case VALUE_STRING -> "a text";
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> "a number";
      case VALUE_TRUE, VALUE_FALSE -> "true or false";
      default -> "nothing";
    };
  }

  private static String quoted(Object value) {
    return value instanceof String ? "\"" + value + "\"" : String.valueOf(value);
  }

  private static String firstLine(String text) {
    return text == null ? "no reason given" : text.lines().findFirst().orElse(text);
  }
}
