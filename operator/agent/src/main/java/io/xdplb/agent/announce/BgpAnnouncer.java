// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.api.v1alpha1.AnnouncementPolicySpec.Bgp;
import io.xdplb.core.model.Ip;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Announces routes to routers. */
public final class BgpAnnouncer implements AutoCloseable {

  void start(Consumer<BgpReport> listener) {}

  void want(Map<Ip, List<Bgp>> routes) {}

  @Override
  public void close() {}
}
