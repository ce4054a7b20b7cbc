// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.Announcing;
import io.xdplb.api.v1alpha1.NodeStateStatus.AttachMode;
import io.xdplb.api.v1alpha1.NodeStateStatus.Interface;
import io.xdplb.api.v1alpha1.NodeStateStatus.Session;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.ObjectName;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class NodeChangeTest {

  private static final List<Interface> ETH0 =
      List.of(new Interface("eth0", true, AttachMode.Native, null, null));
  private static final List<TableException> FULL =
      List.of(new TableException("edge", "web", "MapFull", "full"));

  @Test
  void onlyTheBucketsThatDifferAreConcerned() {
    NodeChange change =
        NodeChange.between(
            status(ETH0, Map.of("00", "a", "01", "b", "02", "c"), List.of()),
            status(ETH0, Map.of("00", "a", "01", "x", "03", "d"), null));
    assertThat(change)
        .isEqualTo(new NodeChange(false, false, false, false, Set.of("01", "02", "03"), Set.of()));
  }

  @Test
  void anExceptionConcernsItsTableWhenItComesChangesOrGoes() {
    Set<ObjectName> web = Set.of(new ObjectName("edge", "web"));
    NodeStateStatus without = status(ETH0, Map.of(), List.of());
    NodeStateStatus with = status(ETH0, Map.of(), FULL);
    NodeStateStatus other =
        status(ETH0, Map.of(), List.of(new TableException("edge", "web", "NoRoute", "none")));
    assertThat(NodeChange.between(without, with).tables()).isEqualTo(web);
    assertThat(NodeChange.between(with, other).tables()).isEqualTo(web);
    assertThat(NodeChange.between(other, without).tables()).isEqualTo(web);
    assertThat(NodeChange.between(with, with))
        .isEqualTo(new NodeChange(false, false, false, false, Set.of(), Set.of()));
  }

  @Test
  void interfacesAndTheFirstReportConcernAll() {
    NodeStateStatus attached = status(ETH0, Map.of(), null);
    NodeStateStatus detached =
        status(List.of(new Interface("eth0", false, null, "Busy", "EBUSY")), Map.of(), null);
    assertThat(NodeChange.between(attached, detached).concernsAll()).isTrue();
    assertThat(NodeChange.between(null, attached).concernsAll()).isTrue();
    assertThat(NodeChange.between(attached, null).concernsAll()).isTrue();
    assertThat(NodeChange.between(attached, attached).concernsAll()).isFalse();
    assertThat(NodeChange.between(null, null).concernsAll()).isFalse();
  }

  @Test
  void addressesConcernThoseWithEndpointsThere() {
    NodeStateStatus before = status(ETH0, Map.of(), null);
    NodeStateStatus now =
        new NodeStateStatus("test", List.of("198.51.100.1"), ETH0, null, null, null, null, null);
    assertThat(NodeChange.between(before, now))
        .isEqualTo(NodeChange.between(now, before))
        .isEqualTo(new NodeChange(false, true, false, false, Set.of(), Set.of()));
  }

  @Test
  void sessionsAndAVoteConcernThoseThatWaitForAnnouncers() {
    NodeStateStatus before = announcing(new Announcing(1L, null, null, null, null));
    Session up = new Session("tor-1", "Established", null);
    NodeStateStatus now = announcing(new Announcing(1L, null, null, null, List.of(up)));
    assertThat(NodeChange.between(before, now).sessions()).isTrue();
    assertThat(NodeChange.between(announcing(null), before).sessions()).isTrue();
    NodeStateStatus next =
        announcing(new Announcing(2L, List.of("203.0.113.1"), null, null, List.of(up)));
    assertThat(NodeChange.between(now, next))
        .isEqualTo(new NodeChange(false, false, true, false, Set.of(), Set.of()));
  }

  private static NodeStateStatus announcing(Announcing announcing) {
    return new NodeStateStatus("test", null, ETH0, null, null, null, null, announcing);
  }

  private static NodeStateStatus status(
      List<Interface> interfaces, Map<String, String> buckets, List<TableException> exceptions) {
    return new NodeStateStatus("test", null, interfaces, null, buckets, null, exceptions, null);
  }
}
