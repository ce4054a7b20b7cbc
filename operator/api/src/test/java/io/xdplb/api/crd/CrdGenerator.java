// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.crd;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fabric8.crd.generator.annotation.AdditionalPrinterColumn;
import io.fabric8.crdv2.generator.CRDGenerator;
import io.fabric8.kubernetes.client.CustomResource;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSlice;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.Membership;
import io.xdplb.api.v1alpha1.NodeState;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * CRDs from the annotated records: fabric8's generator makes them, and what it lacks is added here
 * and in {@link SchemaFinish}.
 */
final class CrdGenerator {

  private static final String HEADER =
      """
      # SPDX-License-Identifier: Apache-2.0
      # Generated from the records in operator/api; CrdFilesTest says how to write it anew.
      """;

  private static final List<Class<? extends CustomResource<?, ?>>> KINDS =
      List.of(
          LoadBalancer.class,
          AddressPool.class,
          ForwardingTable.class,
          ForwardingTableSlice.class,
          NodeState.class,
          AnnouncementPolicy.class,
          BGPPeer.class,
          Membership.class);

  private static final YAMLMapper YAML =
      YAMLMapper.builder()
          .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
          .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
          .disable(YAMLGenerator.Feature.SPLIT_LINES)
          .build();

  private CrdGenerator() {}

  /** All there are. */
  static List<Class<? extends CustomResource<?, ?>>> kinds() {
    return KINDS;
  }

  /** The text of each CRD by the name of its file. */
  static Map<String, String> generate() {
    Javadoc javadoc = Javadoc.ofApi();
    Map<String, String> files = new TreeMap<>();
    for (Class<? extends CustomResource<?, ?>> kind : KINDS) {
      try {
        ObjectNode crd = (ObjectNode) YAML.readTree(raw(kind));
        finish(crd, kind, javadoc);
        String name = crd.at("/spec/group").asText() + "_" + crd.at("/spec/names/plural").asText();
        files.put(name + ".yaml", HEADER + YAML.writeValueAsString(crd));
      } catch (IOException e) {
        throw new UncheckedIOException("cannot generate the CRD of " + kind, e);
      }
    }
    return files;
  }

  private static byte[] raw(Class<? extends CustomResource<?, ?>> kind) {
    Output output = new Output();
    int generated =
        new CRDGenerator().withOutput(output).customResourceClasses(List.of(kind)).generate();
    if (generated != 1) {
      throw new IllegalStateException(generated + " CRDs of " + kind);
    }
    return output.only().toByteArray();
  }

  private static void finish(ObjectNode crd, Class<?> kind, Javadoc javadoc) {
    ObjectNode version = (ObjectNode) crd.at("/spec/versions/0");
    version.set("additionalPrinterColumns", columns(kind));
    ObjectNode root = (ObjectNode) version.at("/schema/openAPIV3Schema");
    ObjectNode properties = (ObjectNode) root.get("properties");
    SchemaFinish schema = new SchemaFinish(javadoc);
    Type[] specAndStatus =
        ((ParameterizedType) kind.getGenericSuperclass()).getActualTypeArguments();
    if (specAndStatus[0] == Void.class) {
      properties.remove("spec");
    } else {
      root.putArray("required").add("spec");
      schema.finish((ObjectNode) properties.get("spec"), (Class<?>) specAndStatus[0]);
    }
    if (specAndStatus[1] == Void.class) {
      properties.remove("status");
    } else {
      schema.finish((ObjectNode) properties.get("status"), (Class<?>) specAndStatus[1]);
      schema.defaultWhereFieldsHaveDefaults((ObjectNode) properties.get("status"));
    }
    SchemaFinish.describe(root, javadoc.of(kind));
  }

  /** fabric8 orders columns by their path; a table reads better in the order of the annotations. */
  private static ArrayNode columns(Class<?> kind) {
    ArrayNode columns = YAML.createArrayNode();
    for (AdditionalPrinterColumn column :
        kind.getAnnotationsByType(AdditionalPrinterColumn.class)) {
      ObjectNode node = columns.addObject();
      node.put("name", column.name());
      node.put("type", column.type().getValue());
      node.put("jsonPath", column.jsonPath());
      if (column.priority() != 0) {
        node.put("priority", column.priority());
      }
    }
    return columns;
  }

  static JsonNode yaml(String text) {
    try {
      return YAML.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Keeps what fabric8 would write to files. */
  private static final class Output implements CRDGenerator.CRDOutput<ByteArrayOutputStream> {
    private final Map<String, ByteArrayOutputStream> streams = new HashMap<>();

    @Override
    public ByteArrayOutputStream outputFor(String name) {
      return streams.computeIfAbsent(name, unused -> new ByteArrayOutputStream());
    }

    ByteArrayOutputStream only() {
      return streams.values().iterator().next();
    }

    @Override
    public void close() {}
  }
}
