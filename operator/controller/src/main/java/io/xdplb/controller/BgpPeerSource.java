// SPDX-License-Identifier: Apache-2.0
package io.xdplb.controller;

import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.LoadBalancer;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** The BGPPeers. */
final class BgpPeerSource extends InformerEventSource<BGPPeer, LoadBalancer> {

  private final Runnable onChange;

  /**
   * @param onChange hears of changes of specs, not of statuses
   */
  BgpPeerSource(EventSourceContext<LoadBalancer> context, Runnable onChange) {
    super(
        InformerEventSourceConfiguration.from(BGPPeer.class, LoadBalancer.class)
            .withName("peers")
            .withItemStore(Trimming.withoutManagedFields())
            .withSecondaryToPrimaryMapper(peer -> Set.of())
            .withPrimaryToSecondaryMapper((LoadBalancer balancer) -> Set.of())
            .build(),
        context);
    this.onChange = onChange;
  }

  List<BGPPeer> peers() {
    return list(peer -> true).toList();
  }

  @Override
  public void onAdd(BGPPeer peer) {
    super.onAdd(peer);
    onChange.run();
  }

  @Override
  public void onUpdate(BGPPeer before, BGPPeer now) {
    super.onUpdate(before, now);
    if (!Objects.equals(before.getSpec(), now.getSpec())) {
      onChange.run();
    }
  }

  @Override
  public synchronized void onDelete(BGPPeer peer, boolean finalStateUnknown) {
    super.onDelete(peer, finalStateUnknown);
    onChange.run();
  }
}
