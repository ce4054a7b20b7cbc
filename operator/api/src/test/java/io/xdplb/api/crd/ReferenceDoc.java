// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The reference of every field of every kind, as Markdown, from the schemas of the CRDs. */
final class ReferenceDoc {

  private static final String HEADER =
      """
      <!-- Generated from the records in operator/api; ReferenceDocTest says how to write it anew. -->
      # Every field of every kind

      All kinds are of the group `xdplb.io`, version `v1alpha1`. `kubectl explain` says the same. A field in **bold** is required. `spec` is what users write; `status`, ForwardingTables, ForwardingTableSlices, NodeStates and Memberships are written by xdplb.
      """;

  private final StringBuilder text = new StringBuilder(HEADER);

  private ReferenceDoc() {}

  /**
   * @param crds the text of each CRD
   */
  static String of(Map<String, String> crds) {
    ReferenceDoc doc = new ReferenceDoc();
    Map<String, JsonNode> kinds = new TreeMap<>();
    crds.values().stream()
        .map(CrdGenerator::yaml)
        .forEach(crd -> kinds.put(crd.at("/spec/names/kind").asText(), crd));
    kinds.values().forEach(doc::kind);
    return doc.text.toString();
  }

  private void kind(JsonNode crd) {
    JsonNode names = crd.at("/spec/names");
    JsonNode schema = crd.at("/spec/versions/0/schema/openAPIV3Schema");
    text.append("\n## ").append(names.get("kind").asText()).append("\n\n");
    text.append(schema.path("description").asText()).append("\n\n");
    text.append("`kubectl get ")
        .append(names.at("/shortNames/0").asText())
        .append("` · ")
        .append(
            crd.at("/spec/scope").asText().equals("Namespaced")
                ? "in a namespace"
                : "of the whole cluster")
        .append("\n");
    for (String part : List.of("spec", "status")) {
      JsonNode fields = schema.at("/properties/" + part);
      if (!fields.isMissingNode()) {
        text.append("\n| field | type | meaning |\n|---|---|---|\n");
        row(part, fields, required(schema).contains(part));
        rows(part, fields);
      }
    }
  }

  private void rows(String path, JsonNode object) {
    object
        .path("properties")
        .fields()
        .forEachRemaining(
            field -> {
              String here = path + "." + field.getKey();
              boolean required = required(object).contains(field.getKey());
              JsonNode schema = field.getValue();
              if (schema.path("type").asText().equals("array")) {
                row(here + "[]", schema, required);
                rows(here + "[]", schema.get("items"));
              } else {
                row(here, schema, required);
                rows(here, schema);
              }
            });
  }

  private void row(String path, JsonNode schema, boolean required) {
    String name = "`" + path + "`";
    text.append("| ")
        .append(required ? "**" + name + "**" : name)
        .append(" | ")
        .append(type(schema))
        .append(" | ")
        .append(cell(schema.path("description").asText()))
        .append(rules(schema))
        .append(" |\n");
  }

  private static String type(JsonNode schema) {
    JsonNode items = schema.path("items");
    JsonNode of = items.isMissingNode() ? schema : items;
    List<String> parts = new ArrayList<>();
    if (of.has("enum")) {
      List<String> values = new ArrayList<>();
      of.get("enum").forEach(value -> values.add("`" + value.asText() + "`"));
      parts.add(String.join(", ", values));
    } else {
      parts.add(of.has("additionalProperties") ? "map" : of.path("type").asText());
    }
    if (of.has("minimum") && of.has("maximum")) {
      parts.add(of.get("minimum").asText() + " to " + of.get("maximum").asText());
    }
    if (schema.has("default") && schema.get("default").isValueNode()) {
      parts.add("default `" + schema.get("default").asText() + "`");
    }
    return String.join("; ", parts);
  }

  /** What the API server refuses, in its own words. */
  private static String rules(JsonNode schema) {
    StringBuilder rules = new StringBuilder();
    schema
        .path("x-kubernetes-validations")
        .forEach(
            rule -> rules.append("<br>*").append(cell(rule.get("message").asText())).append("*"));
    return rules.toString();
  }

  private static List<String> required(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.path("required").forEach(name -> names.add(name.asText()));
    return names;
  }

  private static String cell(String text) {
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ");
  }
}
