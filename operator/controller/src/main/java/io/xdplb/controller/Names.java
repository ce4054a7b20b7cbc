// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.xdplb.core.model.ObjectName;

/** The names of objects, as core, the API and the SDK have them. */
final class Names {

  private Names() {}

  static ObjectName of(HasMetadata object) {
    return new ObjectName(object.getMetadata().getNamespace(), object.getMetadata().getName());
  }

  static ResourceID id(ObjectName name) {
    return new ResourceID(name.name(), name.namespace());
  }
}
