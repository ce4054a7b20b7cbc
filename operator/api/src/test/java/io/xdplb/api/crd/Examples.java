// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The objects in this package's YAML files. */
final class Examples {

  private static final YAMLMapper YAML = new YAMLMapper();

  private static final Set<String> CLUSTER_SCOPED =
      Set.of("NodeState", "AddressPool", "AnnouncementPolicy", "BGPPeer", "Membership");

  private Examples() {}

  /** A valid object of a kind with every field, in a namespace if the kind has any. */
  static ObjectNode full(String kind, String namespace) {
    ObjectNode object = FULL.get(kind).deepCopy();
    if (isNamespaced(kind)) {
      ((ObjectNode) object.get("metadata")).put("namespace", namespace);
    }
    return object;
  }

  /** All kinds. */
  static Set<String> kinds() {
    return FULL.keySet();
  }

  static boolean isNamespaced(String kind) {
    return !CLUSTER_SCOPED.contains(kind);
  }

  /** All faults in {@code refused.yaml}. */
  static List<Fault> faults() {
    List<Fault> faults = new ArrayList<>();
    for (Map.Entry<String, JsonNode> kind : read("refused.yaml").get(0).properties()) {
      kind.getValue().forEach(entry -> faults.add(new Fault(kind.getKey(), entry)));
    }
    return faults;
  }

  static String yaml(JsonNode object) {
    try {
      return YAML.writeValueAsString(object);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static final Map<String, ObjectNode> FULL = byKind();

  private static Map<String, ObjectNode> byKind() {
    Map<String, ObjectNode> objects = new HashMap<>();
    for (JsonNode object : read("full.yaml")) {
      objects.put(object.get("kind").asText(), (ObjectNode) object);
    }
    return objects;
  }

  private static List<JsonNode> read(String file) {
    try (InputStream stream = Examples.class.getResourceAsStream(file);
        MappingIterator<JsonNode> documents = YAML.readerFor(JsonNode.class).readValues(stream)) {
      return documents.readAll();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }
}
