// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.client.KubernetesClientException;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.testing.apiserver.KubernetesApi;
import java.util.List;

/** A policy of the cluster that refuses one ForwardingTable. */
final class DeniedTables implements AutoCloseable {

  static final String MESSAGE = "this table is denied by the test";

  private final KubernetesApi api;
  private final String policy;

  DeniedTables(KubernetesApi api, TestCluster cluster, String table) {
    this.api = api;
    this.policy =
        """
        apiVersion: admissionregistration.k8s.io/v1
        kind: ValidatingAdmissionPolicy
        metadata: {name: %1$s}
        spec:
          failurePolicy: Fail
          matchConstraints:
            resourceRules:
            - {apiGroups: [xdplb.io], apiVersions: [v1alpha1], operations: [CREATE, UPDATE], resources: [forwardingtables]}
          validations:
          - {expression: "object.metadata.name != '%2$s'", message: "%3$s"}
        ---
        apiVersion: admissionregistration.k8s.io/v1
        kind: ValidatingAdmissionPolicyBinding
        metadata: {name: %1$s}
        spec: {policyName: %1$s, validationActions: [Deny]}
        """
            .formatted(cluster.namespace, table, MESSAGE);
    api.kubectlWithInput(policy, "apply", "-f", "-").outOrFail();
    ForwardingTable probe = new ForwardingTable();
    probe.getMetadata().setName(table);
    probe.getMetadata().setNamespace(cluster.namespace);
    probe.setSpec(new ForwardingTableSpec("0".repeat(64), List.of()));
    TestCluster.until("the policy is in force", () -> isRefused(cluster, probe));
  }

  private static boolean isRefused(TestCluster cluster, ForwardingTable probe) {
    try {
      cluster.client.resource(probe).dryRun().create();
      return false;
    } catch (KubernetesClientException e) {
      return e.getMessage().contains(MESSAGE);
    }
  }

  @Override
  public void close() {
    api.kubectlWithInput(policy, "delete", "-f", "-").outOrFail();
  }
}
