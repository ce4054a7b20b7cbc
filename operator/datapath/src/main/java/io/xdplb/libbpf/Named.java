// SPDX-License-Identifier: Apache-2.0
package io.xdplb.libbpf;

import java.util.Map;

/** Finding things by name, with an error that says which names there are. */
final class Named {
  private Named() {}

  static <T> T get(Map<String, T> things, String name, String kind, String owner) {
    T thing = things.get(name);
    if (thing == null) {
      throw new IllegalArgumentException(
          owner + " has no " + kind + " " + name + "; it has " + things.keySet());
    }
    return thing;
  }
}
