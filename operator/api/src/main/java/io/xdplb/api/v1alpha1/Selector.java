// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Map;

/**
 * Selects objects by their labels, as Kubernetes' LabelSelector does: all that is said must hold;
 * nothing said selects all.
 *
 * @param matchLabels labels and their values, at most 32
 * @param matchExpressions what else must hold of labels, at most 32
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Selector(
    @Size(max = Limits.SELECTOR_TERMS)
        Map<String, @Size(max = Limits.LABEL_LENGTH) String> matchLabels,
    @Size(max = Limits.SELECTOR_TERMS) List<Requirement> matchExpressions) {

  /**
   * What must hold of a label.
   *
   * @param key of the label
   * @param operator how the label is compared
   * @param values at least one with In and NotIn, none with Exists and DoesNotExist, at most 32
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  @ValidationRule(
      value =
          "(self.operator == 'In' || self.operator == 'NotIn')"
              + " == (has(self.values) && self.values.size() > 0)",
      message = "In and NotIn need values; Exists and DoesNotExist have none")
  public record Requirement(
      @Required @Size(min = 1, max = Limits.LABEL_KEY_LENGTH) String key,
      @Required Operator operator,
      @Size(max = Limits.SELECTOR_TERMS) List<@Size(max = Limits.LABEL_LENGTH) String> values) {}

  /** How a label is compared. */
  public enum Operator {
    /** The label is there, with one of the values. */
    In,
    /** The label is not there, or with another value. */
    NotIn,
    /** The label is there. */
    Exists,
    /** The label is not there. */
    DoesNotExist
  }
}
