// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.compile.CompileInput;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.compile.NodeInfo;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import io.xdplb.core.table.TableSlices;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * Compiles, and asks again before it believes that a Service has no endpoints any more.
 *
 * <p>A cache that is behind looks exactly like a Service without pods. That is harmless for a table
 * that has no backends, and costs all traffic for one that has. So before a table with backends is
 * replaced by one to which some Service contributes nothing, the API server itself is asked about
 * that Service: two small requests, only when a table is about to be written, and only for what
 * seems empty.
 */
final class SecondLook {

  private SecondLook() {}

  /**
   * @param cached what is to be compiled, by the caches
   * @param stored the table that is in force; {@code null} if none
   * @param live asks the API server; what it throws goes to the caller, and the table stays
   * @param nodes what is known of the nodes of other endpoints
   */
  static CompileResult compile(
      CompileInput cached,
      ForwardingTableSpec stored,
      Function<ServicePort, ServiceEndpoints> live,
      Function<Collection<ServiceEndpoints>, Map<String, NodeInfo>> nodes) {
    CompileResult result = Compiler.compile(cached);
    if (!(result instanceof CompileResult.Compiled compiled)
        || !hasBackends(stored)
        || compiled.table().tableHash().equals(stored.tableHash())
        || cached.services().values().stream().allMatch(SecondLook::hasEndpoints)) {
      return result;
    }
    Map<ServicePort, ServiceEndpoints> services = new HashMap<>(cached.services());
    services.replaceAll((port, known) -> hasEndpoints(known) ? known : live.apply(port));
    return Compiler.compile(
        new CompileInput(
            cached.name(),
            cached.spec(),
            cached.addresses(),
            services,
            nodes.apply(services.values())));
  }

  private static boolean hasEndpoints(ServiceEndpoints endpoints) {
    return endpoints instanceof ServiceEndpoints.Resolved resolved
        && !resolved.endpoints().isEmpty();
  }

  private static boolean hasBackends(ForwardingTableSpec table) {
    return TableSlices.isSplit(table)
        || (table != null
            && table.vips() != null
            && table.vips().stream()
                .anyMatch(vip -> vip.backends() != null && !vip.backends().isEmpty()));
  }
}
