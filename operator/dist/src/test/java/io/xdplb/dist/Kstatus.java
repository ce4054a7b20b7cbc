// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * What Flux, and whatever else uses kstatus (sigs.k8s.io/cli-utils/pkg/kstatus), makes of an
 * object: its generic rules, in its order.
 */
enum Kstatus {
  TERMINATING,
  IN_PROGRESS,
  FAILED,
  CURRENT;

  static Kstatus of(JsonNode object) {
    if (object.at("/metadata").hasNonNull("deletionTimestamp")) {
      return TERMINATING;
    }
    JsonNode status = object.path("status");
    long generation = object.at("/metadata/generation").asLong();
    if (status.has("observedGeneration")
        && status.get("observedGeneration").asLong() != generation) {
      return IN_PROGRESS;
    }
    if (condition(status, "Reconciling").equals("True")) {
      return IN_PROGRESS;
    }
    if (condition(status, "Stalled").equals("True")) {
      return FAILED;
    }
    return switch (condition(status, "Ready")) {
      case "False", "Unknown" -> IN_PROGRESS;
      default -> CURRENT; // also where there is no such condition, which is why there must be one
    };
  }

  private static String condition(JsonNode status, String type) {
    for (JsonNode condition : status.path("conditions")) {
      if (condition.path("type").asText().equals(type)) {
        return condition.path("status").asText();
      }
    }
    return "";
  }
}
