// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.Map;

/**
 * One fault in an otherwise valid object; {@code refused.yaml} explains the form of an entry.
 *
 * @param kind of the object
 * @param entry as in the file
 */
record Fault(String kind, JsonNode entry) {

  /** A part of what the API server must answer. */
  String says() {
    return entry.get("says").asText();
  }

  /** Whether the fault is in the status, which is written by itself. */
  boolean inStatus() {
    return where().startsWith("/status");
  }

  /** JSON pointer to the fault. */
  String where() {
    return entry.get(entry.has("drop") ? "drop" : "set").asText();
  }

  /** A copy of a valid object with this fault in it. */
  ObjectNode in(ObjectNode valid) {
    ObjectNode object = valid.deepCopy();
    JsonPointer pointer = JsonPointer.compile(where());
    JsonNode parent = object.at(pointer.head());
    String field = pointer.last().getMatchingProperty();
    if (entry.has("drop")) {
      if (((ObjectNode) parent).remove(field) == null) {
        throw new IllegalStateException("nothing to drop at " + pointer);
      }
    } else if (parent instanceof ArrayNode list) {
      int index = pointer.last().getMatchingIndex();
      if (index < list.size()) {
        list.set(index, value());
      } else {
        list.add(value());
      }
    } else {
      ((ObjectNode) parent).set(field, value());
    }
    return object;
  }

  private JsonNode value() {
    if (entry.has("chars")) {
      return TextNode.valueOf(entry.get("of").asText().repeat(entry.get("chars").asInt()));
    }
    if (entry.has("times")) {
      ArrayNode list = JsonNodeFactory.instance.arrayNode();
      for (int number = 1; number <= entry.get("times").asInt(); number++) {
        list.add(numbered(entry.get("to"), number));
      }
      return list;
    }
    if (entry.has("keys")) {
      ObjectNode map = JsonNodeFactory.instance.objectNode();
      for (int number = 1; number <= entry.get("keys").asInt(); number++) {
        map.set(Integer.toHexString(number), entry.get("to"));
      }
      return map;
    }
    return entry.get("to");
  }

  private static JsonNode numbered(JsonNode element, int number) {
    if (element.isTextual()) {
      String text = element.asText();
      return text.equals("#")
          ? IntNode.valueOf(number)
          : TextNode.valueOf(text.replace("#", Integer.toString(number)));
    }
    if (element.isObject()) {
      ObjectNode object = JsonNodeFactory.instance.objectNode();
      for (Map.Entry<String, JsonNode> field : element.properties()) {
        object.set(field.getKey(), numbered(field.getValue(), number));
      }
      return object;
    }
    return element;
  }

  @Override
  public String toString() {
    ObjectNode shown = entry.deepCopy();
    shown.remove("says");
    return kind + " " + shown;
  }
}
