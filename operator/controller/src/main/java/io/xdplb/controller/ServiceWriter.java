// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.LoadBalancerStatusBuilder;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.ServiceStatus;
import io.fabric8.kubernetes.api.model.ServiceStatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.xdplb.api.v1alpha1.LoadBalancer;
import java.util.List;

/**
 * Writes what a Service makes necessary, by server-side apply: of the Service itself the finalizer
 * and the status, never what its owner wrote.
 *
 * <p>It does not write through the SDK's caches: those drop events that are older than an own
 * write, and with them what somebody else did in between.
 */
final class ServiceWriter {

  private final KubernetesClient client;

  ServiceWriter(KubernetesClient client) {
    this.client = client;
  }

  /** Gives a Service the finalizer; nothing happens if it is another one by now. */
  Service addFinalizer(Service service) {
    return apply(withFinalizers(service, List.of(ServiceReader.FINALIZER)));
  }

  /** Takes it away if it is ours: that of another load balancer of the same name stays. */
  void removeFinalizer(Service service) {
    apply(withFinalizers(service, List.of()));
  }

  /**
   * Says what is known, onto the version that was looked at.
   *
   * @return the Service as it is then
   */
  Service status(Service service, ServiceStatus status) {
    return applyStatus(
        identity(service)
            .editMetadata()
            .withResourceVersion(service.getMetadata().getResourceVersion())
            .endMetadata()
            .withStatus(status)
            .build());
  }

  /** Takes back all that was ever said, and what of it another controller has said before. */
  void clearStatus(Service service) {
    ServiceStatus none =
        new ServiceStatusBuilder()
            .withLoadBalancer(new LoadBalancerStatusBuilder().build())
            .build();
    applyStatus(identity(service).withStatus(none).build());
  }

  /**
   * Stores the LoadBalancer of a Service.
   *
   * @param isNew whether there is none: fields of one that somebody has made meanwhile are not
   *     taken over, and that is a conflict
   */
  LoadBalancer balancer(LoadBalancer wanted, boolean isNew) {
    LoadBalancer stored = client.resource(wanted).patch(context(!isNew));
    if (isNew || wanted.getSpec().equals(stored.getSpec())) {
      return stored;
    }
    // Somebody added to it, and an apply takes away only what was applied before.
    stored.setSpec(wanted.getSpec());
    return client.resource(stored).update();
  }

  private Service apply(Service patch) {
    return client.resource(patch).patch(context(true));
  }

  private Service applyStatus(Service patch) {
    return client.resource(patch).subresource("status").patch(context(true));
  }

  private static PatchContext context(boolean force) {
    return new PatchContext.Builder()
        .withPatchType(PatchType.SERVER_SIDE_APPLY)
        .withFieldManager(OperatorRuntime.FIELD_MANAGER)
        .withForce(force)
        .build();
  }

  private static Service withFinalizers(Service service, List<String> finalizers) {
    return identity(service).editMetadata().withFinalizers(finalizers).endMetadata().build();
  }

  /** With the uid, so that one that was created anew is not meant. */
  private static ServiceBuilder identity(Service service) {
    return new ServiceBuilder()
        .withNewMetadata()
        .withName(service.getMetadata().getName())
        .withNamespace(service.getMetadata().getNamespace())
        .withUid(service.getMetadata().getUid())
        .endMetadata();
  }
}
