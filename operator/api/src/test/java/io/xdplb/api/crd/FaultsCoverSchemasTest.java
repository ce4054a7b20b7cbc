// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * A bound that nobody has seen refuse anything is no bound: {@code refused.yaml} tries them all.
 */
class FaultsCoverSchemasTest {

  @Test
  void eachBoundAndRuleHasAnObjectThatBreaksIt() {
    Set<String> bounds = new TreeSet<>();
    for (String text : CrdGenerator.generate().values()) {
      JsonNode crd = CrdGenerator.yaml(text);
      collect(
          crd.at("/spec/names/kind").asText(),
          crd.at("/spec/versions/0/schema/openAPIV3Schema"),
          bounds);
    }
    Set<String> tried =
        Examples.faults().stream().flatMap(FaultsCoverSchemasTest::of).collect(Collectors.toSet());
    assertThat(bounds).hasSizeGreaterThan(100).isSubsetOf(tried);
  }

  private static void collect(String path, JsonNode schema, Set<String> bounds) {
    for (Map.Entry<String, JsonNode> keyword : schema.properties()) {
      switch (keyword.getKey()) {
        case "minimum",
            "maximum",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "pattern",
            "enum" ->
            bounds.add(path + " " + keyword.getKey());
        case "maxProperties" -> bounds.add(path + " maxItems");
        case "required" ->
            keyword
                .getValue()
                .forEach(name -> bounds.add(path + "/" + name.asText() + " required"));
        case "x-kubernetes-list-map-keys" -> bounds.add(path + " duplicate");
        case "x-kubernetes-validations" ->
            keyword.getValue().forEach(rule -> bounds.add(rule.get("message").asText()));
        case "properties" ->
            keyword
                .getValue()
                .properties()
                .forEach(field -> collect(path + "/" + field.getKey(), field.getValue(), bounds));
        case "items", "additionalProperties" -> collect(path + "/*", keyword.getValue(), bounds);
        default -> {}
      }
    }
  }

  /** The bound that a fault breaks, told from what the server says of it. */
  private static Stream<String> of(Fault fault) {
    String path = fault.kind() + fault.where().replaceAll("/(\\d+|0f)(?=/|$)", "/*");
    String says = fault.says();
    if (says.contains("Duplicate value")) {
      return Stream.of(path.replaceAll("/\\*(/name|/type|/slot|/peer)?$", "") + " duplicate");
    }
    if (says.contains("Unsupported value")) {
      return Stream.of(path + " enum");
    }
    for (Map.Entry<String, String> phrase : PHRASES.entrySet()) {
      if (says.contains(phrase.getKey())) {
        return Stream.of(path + " " + phrase.getValue());
      }
    }
    return Stream.of(says);
  }

  private static final Map<String, String> PHRASES =
      Map.of(
          "Required value", "required",
          "greater than or equal to", "minimum",
          "less than or equal to", "maximum",
          "chars long", "minLength",
          "Too long", "maxLength",
          "should have at least", "minItems",
          "must have at most", "maxItems",
          "in body should match", "pattern");
}
