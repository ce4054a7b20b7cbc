// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.Condition;
import io.xdplb.api.v1alpha1.AtomicMap;
import io.xdplb.api.v1alpha1.ListKey;
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * What fabric8's schemas lack: descriptions, list keys, bounds without a fraction, each rule once
 * (it finds a record component's annotation at the field and at the accessor), and a strict schema
 * of conditions.
 */
final class SchemaFinish {

  /** As in k8s.io/apimachinery/pkg/apis/meta/v1, type Condition. */
  private static final String CONDITION =
      """
      description: One aspect of the object's state.
      type: object
      required: [lastTransitionTime, message, reason, status, type]
      properties:
        lastTransitionTime:
          description: When the status of this condition last changed.
          type: string
          format: date-time
        message:
          description: The reason for a person.
          type: string
          maxLength: 32768
        observedGeneration:
          description: The generation of the spec that this condition speaks of.
          type: integer
          format: int64
          minimum: 0
        reason:
          description: Why the status is what it is, in one word.
          type: string
          minLength: 1
          maxLength: 1024
          pattern: ^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$
        status:
          description: Whether the condition holds.
          type: string
          enum: ["True", "False", Unknown]
        type:
          description: Which aspect; each appears once.
          type: string
          maxLength: 316
          pattern: ^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$
      """;

  private final Javadoc javadoc;

  SchemaFinish(Javadoc javadoc) {
    this.javadoc = javadoc;
  }

  /** Finishes the schema of a record and of all that it contains. */
  void finish(ObjectNode schema, Class<?> type) {
    for (RecordComponent component : type.getRecordComponents()) {
      Field field = field(type, component);
      JsonProperty renamed = field.getAnnotation(JsonProperty.class);
      String name = renamed == null ? component.getName() : renamed.value();
      ObjectNode property = (ObjectNode) schema.get("properties").get(name);
      finishProperty(property, component.getGenericType());
      listKeys(property, field);
      mapType(property, field);
      describe(property, javadoc.of(type, component.getName()));
    }
    plain(schema);
    describe(schema, javadoc.of(type));
  }

  private void finishProperty(ObjectNode property, Type type) {
    if (type instanceof ParameterizedType generic) {
      Type[] arguments = generic.getActualTypeArguments();
      Class<?> element = (Class<?>) arguments[arguments.length - 1];
      if (element == Condition.class) {
        property.set("items", CrdGenerator.yaml(CONDITION));
      } else {
        String child = property.has("items") ? "items" : "additionalProperties";
        finishProperty((ObjectNode) property.get(child), element);
      }
    } else if (((Class<?>) type).isRecord()) {
      finish(property, (Class<?>) type);
    }
    plain(property);
  }

  /** An object whose fields have defaults gets them also when it is absent as a whole. */
  void defaultWhereFieldsHaveDefaults(ObjectNode object) {
    for (JsonNode field : object.get("properties")) {
      if (field.has("default")) {
        object.putObject("default");
        return;
      }
    }
  }

  /** Puts a description first. */
  static void describe(ObjectNode schema, String description) {
    ObjectNode rest = schema.deepCopy();
    rest.remove("description");
    schema.removeAll();
    schema.put("description", description);
    schema.setAll(rest);
  }

  private static void plain(ObjectNode schema) {
    for (String bound : new String[] {"minimum", "maximum"}) {
      if (schema.has(bound)) {
        schema.put(bound, schema.get(bound).longValue());
      }
    }
    JsonNode rules = schema.get("x-kubernetes-validations");
    if (rules != null) {
      Set<JsonNode> once = new LinkedHashSet<>();
      rules.forEach(once::add);
      ((ArrayNode) rules).removeAll().addAll(once);
    }
  }

  private static void mapType(ObjectNode property, Field field) {
    if (field.isAnnotationPresent(AtomicMap.class)) {
      property.put("x-kubernetes-map-type", "atomic");
    }
  }

  private static void listKeys(ObjectNode property, Field field) {
    ListKey key = field.getAnnotation(ListKey.class);
    if (key != null) {
      property.put("x-kubernetes-list-type", "map");
      ArrayNode names = property.putArray("x-kubernetes-list-map-keys");
      for (String name : key.value()) {
        names.add(name);
      }
    }
  }

  private static Field field(Class<?> type, RecordComponent component) {
    try {
      return type.getDeclaredField(component.getName());
    } catch (NoSuchFieldException e) {
      throw new IllegalStateException("a record has a field for each component", e);
    }
  }
}
