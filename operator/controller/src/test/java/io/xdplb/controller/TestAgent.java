// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.coordination.v1.LeaseBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.xdplb.api.v1alpha1.ForwardingTable;
import io.xdplb.api.v1alpha1.NodeLeases;
import io.xdplb.api.v1alpha1.NodeState;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Announcing;
import io.xdplb.api.v1alpha1.NodeStateStatus.AttachMode;
import io.xdplb.api.v1alpha1.NodeStateStatus.Interface;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.table.TableDigests;
import java.time.ZonedDateTime;
import java.util.List;

/** Reports a node's evidence as an agent does, of whatever tables a test says it holds. */
final class TestAgent {

  private static final List<Interface> ATTACHED =
      List.of(new Interface("eth0", true, AttachMode.Native, null, null));

  private final KubernetesClient client;
  private final String node;
  private List<String> addresses = List.of();
  private Announcing announcing;

  TestAgent(KubernetesClient client, String node) {
    this.client = client;
    this.node = node;
    NodeState state = state();
    client.resource(state).create();
  }

  /** Is reached there from now on; said with the next report. */
  TestAgent at(String... addresses) {
    this.addresses = List.of(addresses);
    return this;
  }

  /** Holds every table, and has reached an epoch of the Membership. */
  void reaches(long epoch) {
    announces(new Announcing(epoch, null, null, null, null));
  }

  /** Holds every table, and says this of announcing from now on. */
  void announces(Announcing announcing) {
    this.announcing = announcing;
    followsAll();
  }

  /** Holds every table, and no interface is attached any more. */
  void hasNoProgram() {
    report(
        List.of(new Interface("eth0", false, null, "Removed", "it was detached")),
        allTables(),
        List.of());
  }

  /** Holds every table that the API server has now. */
  void followsAll() {
    report(ATTACHED, allTables(), List.of());
  }

  /** Holds these tables and no others. */
  void holds(List<ForwardingTable> tables) {
    report(ATTACHED, tables, List.of());
  }

  /** Holds every table but one, and says why. */
  void cannot(ForwardingTable table, String reason, String message) {
    report(
        ATTACHED,
        allTables().stream().filter(t -> !Names.of(t).equals(Names.of(table))).toList(),
        List.of(
            new TableException(
                table.getMetadata().getNamespace(),
                table.getMetadata().getName(),
                reason,
                message)));
  }

  /** Holds every table, but an interface is not attached. */
  void isDetached(String reason, String message) {
    report(
        List.of(ATTACHED.get(0), new Interface("eth1", false, null, reason, message)),
        allTables(),
        List.of());
  }

  /** Renews its Lease once, which lasts so long. */
  void isAlive(int seconds) {
    client
        .resource(
            new LeaseBuilder()
                .withNewMetadata()
                .withName(NodeLeases.nameOf(node))
                .withNamespace("default")
                .addToLabels(NodeLeases.LABEL, NodeLeases.LABEL_VALUE)
                .endMetadata()
                .withNewSpec()
                .withHolderIdentity(node)
                .withLeaseDurationSeconds(seconds)
                .withRenewTime(ZonedDateTime.now())
                .endSpec()
                .build())
        .serverSideApply();
  }

  void leaves() {
    client.leases().inNamespace("default").withName(NodeLeases.nameOf(node)).delete();
    client.resource(state()).delete();
  }

  private void report(
      List<Interface> interfaces, List<ForwardingTable> tables, List<TableException> exceptions) {
    TableDigests digests = new TableDigests();
    tables.forEach(table -> digests.put(Names.of(table), table.getSpec().tableHash()));
    NodeState state = state();
    state.setStatus(
        new NodeStateStatus(
            "test",
            addresses.isEmpty() ? null : addresses,
            interfaces,
            digests.rootHash(),
            // The API server makes null of a map that server-side apply empties, and refuses it.
            digests.size() == 0 ? null : digests.bucketHashes(),
            digests.size(),
            exceptions,
            announcing));
    client
        .resource(state)
        .subresource("status")
        .patch(
            new PatchContext.Builder()
                .withPatchType(PatchType.SERVER_SIDE_APPLY)
                .withFieldManager("xdplb-agent")
                .withForce(true)
                .build());
  }

  List<ForwardingTable> allTables() {
    return client.resources(ForwardingTable.class).inAnyNamespace().list().getItems();
  }

  private NodeState state() {
    NodeState state = new NodeState();
    state.setMetadata(new ObjectMetaBuilder().withName(node).build());
    return state;
  }
}
