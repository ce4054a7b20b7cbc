// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.cfg.MapperConfig;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import io.fabric8.kubernetes.api.model.FieldsV1;
import java.lang.reflect.Member;

/**
 * Jackson's annotations without those that let unknown fields pass. The API's classes carry them
 * because a server may be newer than its client; a file is written by a person, and a field that
 * nobody reads is a typing error.
 */
final class StrictAnnotations extends JacksonAnnotationIntrospector {

  private static final long serialVersionUID = 1;

  @Override
  public JsonIgnoreProperties.Value findPropertyIgnoralByName(
      MapperConfig<?> config, Annotated annotated) {
    return super.findPropertyIgnoralByName(config, annotated).withoutIgnoreUnknown();
  }

  @Override
  public Boolean hasAnySetter(Annotated annotated) {
    // FieldsV1 has no other fields: managedFields of an object that was copied from a cluster.
    return annotated.getAnnotated() instanceof Member member
            && member.getDeclaringClass() == FieldsV1.class
        ? super.hasAnySetter(annotated)
        : Boolean.FALSE;
  }
}
