package io.xdplb.cli.standalone;

import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import java.util.Collection;

/** What is known of a Service's port, from the Service and its EndpointSlices. */
interface EndpointResolver {

  /**
   * Resolves.
   *
   * @param service {@code null} if there is none of that name
   * @param slices those that belong to the Service
   */
  ServiceEndpoints resolve(ServicePort port, Service service, Collection<EndpointSlice> slices);
}
