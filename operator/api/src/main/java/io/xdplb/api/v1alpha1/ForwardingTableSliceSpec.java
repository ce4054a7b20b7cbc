// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Pattern;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.util.List;

/**
 * Some of the backends of a ForwardingTable.
 *
 * @param table name of the ForwardingTable, in the same namespace
 * @param backends for each listener and family of addresses that has backends in this slice, at
 *     most 128
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ForwardingTableSliceSpec(
    @Required @Size(min = 1, max = Limits.NAME_LENGTH) @Pattern(Limits.NAME) String table,
    @Size(max = 2 * Limits.LISTENERS) List<ListenerBackends> backends) {

  /**
   * Backends of all VIPs that a listener has in one family of addresses.
   *
   * @param listener name of the listener, as the VIPs say it
   * @param family of the VIPs and of the backends
   * @param backends ordered by address and port, each pair once; at most 4096
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record ListenerBackends(
      @Required @Size(min = 1, max = Limits.LABEL_LENGTH) @Pattern(Limits.LABEL) String listener,
      @Required IpFamily family,
      @Size(max = Limits.OBJECT_BACKENDS) List<ForwardingTableSpec.Backend> backends) {}
}
