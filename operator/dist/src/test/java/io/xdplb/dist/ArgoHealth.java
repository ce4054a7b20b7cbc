// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import com.fasterxml.jackson.databind.JsonNode;
import io.xdplb.testing.Checkout;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.luaj.vm2.Globals;
import org.luaj.vm2.LuaTable;
import org.luaj.vm2.LuaValue;
import org.luaj.vm2.lib.jse.JsePlatform;

/**
 * What Argo CD would say of an object, by the script of its kind.
 *
 * @param status Healthy, Progressing or Degraded
 * @param message for a person
 */
record ArgoHealth(String status, String message) {

  static Path scripts() {
    return Checkout.path("helm/argocd/xdplb.io");
  }

  static ArgoHealth of(JsonNode object) {
    Path script = scripts().resolve(object.path("kind").asText()).resolve("health.lua");
    Globals globals = JsePlatform.standardGlobals();
    // Argo CD opens neither of them
    globals.set("os", LuaValue.NIL);
    globals.set("io", LuaValue.NIL);
    globals.set("obj", lua(object));
    try {
      LuaValue result = globals.load(Files.readString(script), script.toString()).call();
      return new ArgoHealth(
          result.get("status").checkjstring(), result.get("message").checkjstring());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static LuaValue lua(JsonNode node) {
    if (node.isObject()) {
      LuaTable table = new LuaTable();
      node.fields().forEachRemaining(f -> table.set(f.getKey(), lua(f.getValue())));
      return table;
    }
    if (node.isArray()) {
      LuaTable table = new LuaTable();
      for (int i = 0; i < node.size(); i++) {
        table.set(i + 1, lua(node.get(i)));
      }
      return table;
    }
    if (node.isNumber()) {
      return LuaValue.valueOf(node.asDouble());
    }
    if (node.isBoolean()) {
      return LuaValue.valueOf(node.asBoolean());
    }
    return node.isNull() ? LuaValue.NIL : LuaValue.valueOf(node.asText());
  }
}
