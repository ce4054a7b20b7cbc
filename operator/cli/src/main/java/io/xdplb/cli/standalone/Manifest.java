// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.xdplb.core.model.ObjectName;

/**
 * An object that a file defines.
 *
 * @param id kind and name, unique in the folder
 * @param object of one of the kinds
 * @param document which document of its file, from 0
 * @param at where the document begins
 */
record Manifest(Id id, HasMetadata object, int document, Position at) {

  /**
   * What tells objects apart.
   *
   * @param kind of the object
   * @param name of the object; the namespace is {@code default} where the manifest has none or the
   *     kind has none
   */
  record Id(ManifestKind kind, ObjectName name) {

    /** As {@code LoadBalancer default/web}. */
    @Override
    public String toString() {
      return kind + " " + (kind.isNamespaced() ? name : name.name());
    }
  }
}
