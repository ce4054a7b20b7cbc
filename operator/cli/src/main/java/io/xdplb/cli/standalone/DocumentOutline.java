// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Where the fields of one document are, and what kind of object it says it is. */
final class DocumentOutline {

  private final Position start;
  private final boolean mapping;
  private final boolean empty;
  private final Map<String, Position> positions = new HashMap<>();
  private String apiVersion;
  private String kind;
  private Position alias;

  private DocumentOutline(JsonParser parser) throws IOException {
    this.start = Position.of(parser.currentTokenLocation());
    this.mapping = parser.currentToken() == JsonToken.START_OBJECT;
    this.empty =
        parser.currentToken() == JsonToken.VALUE_NULL
            || (parser.currentToken() == JsonToken.VALUE_STRING && parser.getText().isEmpty());
  }

  /**
   * The outlines of all documents of a file.
   *
   * @throws IOException if the text cannot be parsed; a JsonProcessingException says where
   */
  static List<DocumentOutline> of(JsonParser parser) throws IOException {
    List<DocumentOutline> documents = new ArrayList<>();
    while (parser.nextToken() != null) {
      DocumentOutline document = new DocumentOutline(parser);
      document.read(parser);
      documents.add(document);
    }
    return documents;
  }

  /** Where the document begins. */
  Position start() {
    return start;
  }

  /** Whether it is a mapping, as every object is. */
  boolean isMapping() {
    return mapping;
  }

  /** Whether nothing stands between its separators. */
  boolean isEmpty() {
    return empty;
  }

  /** As written, or {@code null}. */
  String apiVersion() {
    return apiVersion;
  }

  /** As written, or {@code null}. */
  String kind() {
    return kind;
  }

  /** Where the first YAML alias is, or {@code null}. */
  Position alias() {
    return alias;
  }

  /**
   * Where a field or an element is; where it is absent, the nearest that contains it.
   *
   * @param path as {@code spec.listeners[0].port}
   */
  Position position(String path) {
    String p = path;
    while (!p.isEmpty()) {
      Position found = positions.get(p);
      if (found != null) {
        return found;
      }
      p = p.substring(0, Math.max(0, Math.max(p.lastIndexOf('.'), p.lastIndexOf('['))));
    }
    return start;
  }

  private void read(JsonParser parser) throws IOException {
    Deque<Frame> frames = new ArrayDeque<>();
    JsonToken token = parser.currentToken();
    do {
      if (alias == null && parser instanceof YAMLParser yaml && yaml.isCurrentAlias()) {
        alias = Position.of(parser.currentTokenLocation());
      }
      switch (token) {
        case FIELD_NAME -> {
          frames.peek().name = parser.currentName();
          note(frames, parser);
        }
        case END_OBJECT, END_ARRAY -> frames.pop();
        default -> value(token, frames, parser);
      }
      if (frames.isEmpty()) {
        return;
      }
      token = parser.nextToken();
    } while (token != null);
  }

  private void value(JsonToken token, Deque<Frame> frames, JsonParser parser) throws IOException {
    Frame top = frames.peek();
    if (top != null && top.array) {
      top.index++;
      note(frames, parser);
    } else if (frames.size() == 1 && token.isScalarValue()) {
      if ("kind".equals(top.name)) {
        kind = parser.getText();
      } else if ("apiVersion".equals(top.name)) {
        apiVersion = parser.getText();
      }
    }
    if (token.isStructStart()) {
      frames.push(new Frame(token == JsonToken.START_ARRAY));
    }
  }

  private void note(Deque<Frame> frames, JsonParser parser) {
    StringBuilder path = new StringBuilder();
    for (Iterator<Frame> all = frames.descendingIterator(); all.hasNext(); ) {
      Frame frame = all.next();
      if (frame.array) {
        path.append('[').append(frame.index).append(']');
      } else {
        path.append(path.isEmpty() ? "" : ".").append(frame.name);
      }
    }
    positions.put(path.toString(), Position.of(parser.currentTokenLocation()));
  }

  private static final class Frame {
    private final boolean array;
    private int index = -1;
    private String name;

    Frame(boolean array) {
      this.array = array;
    }
  }
}
