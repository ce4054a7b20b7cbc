// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.maglev.Maglev;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.testing.kernel.ClusterNode;
import io.xdplb.testing.kernel.ClusterPlan;
import io.xdplb.testing.kernel.Host;
import io.xdplb.testing.kernel.Netns;
import io.xdplb.testing.kernel.NodeCluster;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A cluster of nodes that each have a datapath, all told the same. */
final class DsrCluster implements AutoCloseable {
  static final String VIP4 = "203.0.113.10";
  static final String VIP6 = "2001:db8:0:2::10";
  static final int PORT = 80;
  static final int POD_PORT = 8080;
  private static final int DRAIN_SECONDS = 300;

  /** A pod, and the node that it is on. */
  record Pod(ClusterNode node, Host host) {
    BackendKey key(boolean ipv4) {
      return new BackendKey(Ip.parse(ipv4 ? host.ipv4() : host.ipv6()), POD_PORT);
    }
  }

  private final NodeCluster cluster;
  private final Map<ClusterNode, TestDatapath> datapaths = new LinkedHashMap<>();
  private final List<Pod> pods = new ArrayList<>();

  DsrCluster(ClusterPlan plan, int podsPerWorker) {
    this(plan, podsPerWorker, 1 << 16);
  }

  DsrCluster(ClusterPlan plan, int podsPerWorker, int maxFlows) {
    this(plan, podsPerWorker, maxFlows, DatapathConfig.AttachPreference.NATIVE);
  }

  DsrCluster(
      ClusterPlan plan,
      int podsPerWorker,
      int maxFlows,
      DatapathConfig.AttachPreference preference) {
    cluster = NodeCluster.create(plan);
    try {
      for (ClusterNode node : cluster.nodes()) {
        datapaths.put(
            node,
            TestDatapath.open(
                node.host(),
                pins ->
                    new DatapathConfig(
                        pins,
                        new PortRange(10000, 29999),
                        64,
                        1024,
                        1 << 18,
                        maxFlows,
                        preference)));
      }
      List<Ip> peers =
          cluster.nodes().stream()
              .flatMap(node -> List.of(node.host().ipv4(), node.host().ipv6()).stream())
              .map(Ip::parse)
              .toList();
      everywhere(datapath -> datapath.setPeers(peers));
      // A bridge takes the lowest of its ports' addresses: with the next pod it may be another, and
      // the others would talk to nobody. Plugins that make bridges for pods see to it as well.
      cluster.nodes().forEach(node -> pinAddress(node.netns(), "cni0"));
      for (ClusterNode worker : cluster.workers()) {
        for (int i = 0; i < podsPerWorker; i++) {
          pods.add(new Pod(worker, worker.addPod()));
        }
      }
      cluster.sendVipsTo(cluster.edges().toArray(ClusterNode[]::new));
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static void pinAddress(Netns netns, String device) {
    netns.ip("link set dev %s address %s".formatted(device, netns.mac(device)));
  }

  NodeCluster nodes() {
    return cluster;
  }

  List<Pod> pods() {
    return pods;
  }

  TestDatapath datapath(ClusterNode node) {
    return datapaths.get(node);
  }

  /** Does something to the datapath of every node, inside the node's namespace. */
  void everywhere(java.util.function.Consumer<Datapath> change) {
    datapaths.forEach(
        (node, datapath) ->
            node.netns()
                .call(
                    () -> {
                      change.accept(datapath.datapath());
                      return null;
                    }));
  }

  /** Tells every node the same. */
  void program(Vip vip) {
    datapaths.values().forEach(datapath -> datapath.program(vip));
  }

  /** Removes all VIPs from all nodes, so that the next test of a class finds none. */
  void removeVips() {
    datapaths
        .values()
        .forEach(
            datapath ->
                datapath.datapath().programmed().forEach(vip -> datapath.remove(vip.key())));
  }

  /** How many packets a node has dropped for this reason so far. */
  long drops(ClusterNode node, DropReason reason) {
    try (DatapathView view = DatapathView.open(datapaths.get(node).pinPath())) {
      return view.drops().get(reason);
    }
  }

  /** What a node remembers. */
  FlowCounts flows(ClusterNode node) {
    try (DatapathView view = DatapathView.open(datapaths.get(node).pinPath())) {
      return view.flows();
    }
  }

  void program(ClusterNode node, Vip vip) {
    datapaths.get(node).program(vip);
  }

  /** How a pod is reached by DSR, with an outer header of this family. */
  static Delivery dsr(Pod pod, boolean outerIpv4) {
    return Delivery.pod(Ip.parse(outerIpv4 ? pod.node().host().ipv4() : pod.node().host().ipv6()));
  }

  /** A VIP over these pods; a weight of 0 lets existing flows end. */
  static Vip vip(String address, Protocol protocol, Map<Pod, Integer> weights, boolean outerIpv4) {
    return vip(address, protocol, weights, outerIpv4, DRAIN_SECONDS);
  }

  /** With another time to drain; 0: a pod that leaves the table has failed. */
  static Vip vip(
      String address,
      Protocol protocol,
      Map<Pod, Integer> weights,
      boolean outerIpv4,
      int drainSeconds) {
    Ip ip = Ip.parse(address);
    List<Backend> backends =
        weights.entrySet().stream()
            .map(
                entry ->
                    new Backend(
                        entry.getKey().key(ip.isIpv4()),
                        entry.getValue(),
                        drainSeconds,
                        dsr(entry.getKey(), outerIpv4)))
            .toList();
    return vip(new VipKey(ip, protocol, PORT), backends);
  }

  /** A VIP over any backends, in any order. */
  static Vip vip(VipKey key, List<Backend> backends) {
    long total = backends.stream().mapToLong(Backend::weight).sum();
    List<Backend> sorted = backends.stream().sorted(Comparator.comparing(Backend::key)).toList();
    return new Vip(key, Maglev.sizeFor(total), 0, Access.OPEN, sorted);
  }

  static Vip vip(String address, Protocol protocol, List<Pod> pods, boolean outerIpv4) {
    Map<Pod, Integer> weights = new LinkedHashMap<>();
    pods.forEach(pod -> weights.put(pod, 1));
    return vip(address, protocol, weights, outerIpv4);
  }

  /** What every node counts, for the messages of failed assertions. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    datapaths.forEach(
        (node, datapath) -> text.append(node.name()).append(": ").append(datapath).append('\n'));
    return text.toString();
  }

  @Override
  public void close() {
    datapaths.values().forEach(TestDatapath::close);
    cluster.close();
  }
}
