// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.api.model.NodeSpec;
import io.fabric8.kubernetes.api.model.NodeStatus;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceSpec;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import io.fabric8.kubernetes.client.informers.cache.ItemStore;
import io.javaoperatorsdk.operator.processing.event.source.informer.TransformingItemStore;
import io.xdplb.api.v1alpha1.ForwardingTableSlice;
import io.xdplb.api.v1alpha1.ForwardingTableSliceSpec;
import io.xdplb.api.v1alpha1.LoadBalancer;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.core.policy.NodeExclusion;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Caches that keep no more of an object than is read: a cluster's EndpointSlices and Services are
 * by far the most of what the operator holds.
 *
 * <p>Objects are cut in place, when the informer has just read them and nobody else has them.
 */
final class Trimming {

  private static final LoadBalancerSpec NO_TEMPLATE = new LoadBalancerSpec(null, null, null, null);

  private Trimming() {}

  /** Without the record of who wrote which field. */
  static <T extends HasMetadata> ItemStore<T> withoutManagedFields() {
    return new TransformingItemStore<>(
        object -> {
          object.getMetadata().setManagedFields(null);
          return object;
        });
  }

  /** Names, owners, and whether they have ever changed. */
  static ItemStore<ForwardingTableSlice> tableSlices() {
    return new TransformingItemStore<>(
        slice -> {
          ObjectMeta all = slice.getMetadata();
          slice.setMetadata(identity(all));
          slice.getMetadata().setGeneration(all.getGeneration());
          slice.getMetadata().setOwnerReferences(all.getOwnerReferences());
          if (slice.getSpec() != null) {
            slice.setSpec(new ForwardingTableSliceSpec(slice.getSpec().table(), null));
          }
          return slice;
        });
  }

  /**
   * Names, the label that names the Service, ports; of an endpoint address, conditions, node,
   * hints.
   */
  static ItemStore<EndpointSlice> slices() {
    return new TransformingItemStore<>(
        slice -> {
          Map<String, String> labels =
              ServiceEndpointsReader.serviceOf(slice)
                  .map(service -> Map.of(ServiceEndpointsReader.SERVICE_NAME, service.name()))
                  .orElse(Map.of());
          slice.setMetadata(identity(slice.getMetadata()));
          slice.getMetadata().setLabels(labels);
          Optional.ofNullable(slice.getEndpoints())
              .ifPresent(
                  endpoints ->
                      endpoints.forEach(
                          endpoint -> {
                            endpoint.setTargetRef(null);
                            endpoint.setZone(null);
                            endpoint.setHostname(null);
                            endpoint.setDeprecatedTopology(null);
                          }));
          return slice;
        });
  }

  /** Names and ports. */
  static ItemStore<Service> services() {
    return new TransformingItemStore<>(
        service -> {
          service.setMetadata(identity(service.getMetadata()));
          ServiceSpec ports = new ServiceSpec();
          if (service.getSpec() != null) {
            ports.setPorts(service.getSpec().getPorts());
          }
          service.setSpec(ports);
          service.setStatus(null);
          return service;
        });
  }

  /**
   * Services for what they ask of a load balancer: those of type LoadBalancer in whole, of others
   * names and type. Of the record of who wrote which field only what the operator wrote.
   */
  static ItemStore<Service> wholeServices() {
    return new TransformingItemStore<>(
        service -> {
          ObjectMeta all = service.getMetadata();
          List<ManagedFieldsEntry> own =
              all.getManagedFields().stream()
                  .filter(entry -> OperatorRuntime.FIELD_MANAGER.equals(entry.getManager()))
                  .toList();
          all.setManagedFields(own);
          if (own.isEmpty() && !"LoadBalancer".equals(type(service))) {
            ServiceSpec type = new ServiceSpec();
            type.setType(type(service));
            service.setMetadata(identity(all));
            service.setSpec(type);
            service.setStatus(null);
          }
          return service;
        });
  }

  private static String type(Service service) {
    return service.getSpec() == null ? null : service.getSpec().getType();
  }

  /** LoadBalancers of Services in whole, templates without their status, of others names. */
  static ItemStore<LoadBalancer> balancersOfServices() {
    return new TransformingItemStore<>(
        balancer -> {
          balancer.getMetadata().setManagedFields(null);
          if (ServiceReader.owner(balancer).isEmpty()) {
            balancer.setStatus(null);
            if (!ClusterView.isTemplate(balancer)) {
              balancer.setMetadata(identity(balancer.getMetadata()));
              balancer.setSpec(NO_TEMPLATE);
            }
          }
          return balancer;
        });
  }

  /** Names and labels. */
  static ItemStore<Namespace> namespaces() {
    return new TransformingItemStore<>(
        namespace -> {
          Map<String, String> labels = namespace.getMetadata().getLabels();
          namespace.setMetadata(identity(namespace.getMetadata()));
          namespace.getMetadata().setLabels(labels);
          namespace.setSpec(null);
          namespace.setStatus(null);
          return namespace;
        });
  }

  /** Names, and the node that a Pod is on or made for. */
  static ItemStore<Pod> pods() {
    return new TransformingItemStore<>(
        pod -> {
          PodSpec node = new PodSpec();
          AgentPodSource.node(pod).ifPresent(node::setNodeName);
          pod.setMetadata(identity(pod.getMetadata()));
          pod.setSpec(node);
          pod.setStatus(null);
          return pod;
        });
  }

  /** Names, internal addresses, labels, and the taints that keep a node from announcing. */
  static ItemStore<Node> nodes() {
    return new TransformingItemStore<>(
        node -> {
          NodeStatus addresses = new NodeStatus();
          addresses.setAddresses(
              NodeAddressSource.internal(node).stream()
                  .map(address -> new NodeAddress(address, NodeAddressSource.INTERNAL))
                  .toList());
          Map<String, String> labels = node.getMetadata().getLabels();
          NodeSpec taints = new NodeSpec();
          if (node.getSpec() != null && node.getSpec().getTaints() != null) {
            taints.setTaints(
                node.getSpec().getTaints().stream()
                    .filter(taint -> NodeExclusion.TAINTS.contains(taint.getKey()))
                    .toList());
          }
          node.setMetadata(identity(node.getMetadata()));
          node.getMetadata().setLabels(labels);
          node.setSpec(taints);
          node.setStatus(addresses);
          return node;
        });
  }

  private static ObjectMeta identity(ObjectMeta all) {
    ObjectMeta identity = new ObjectMeta();
    identity.setName(all.getName());
    identity.setNamespace(all.getNamespace());
    identity.setUid(all.getUid());
    identity.setResourceVersion(all.getResourceVersion());
    return identity;
  }
}
