// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

/**
 * What {@link NodeCluster#create} makes.
 *
 * @param clients how many clients: up to 50
 * @param edges how many nodes are edges only
 * @param both how many nodes are edges and workers
 * @param workers how many nodes are workers only; eight nodes at most
 * @param overlay whether pods of other nodes are reached by VXLAN, and from elsewhere not at all;
 *     else nodes and router have routes to them
 * @param lanMtu of the nodes' network: up to 3400, more does not go with native XDP on a cable
 * @param clientPathMtu of a link between clients and router, 1280 to 1500; 0 for no such link
 * @param podOffloads whether pods' cables have checksum and segmentation offload, as in a real
 *     cluster; native XDP on the node's end of a pod's cable does not go with it
 */
public record ClusterPlan(
    int clients,
    int edges,
    int both,
    int workers,
    boolean overlay,
    int lanMtu,
    int clientPathMtu,
    boolean podOffloads) {

  private static final int MOST_CLIENTS = 50;
  private static final int MOST_NODES = 8;

  public ClusterPlan {
    if (clients > MOST_CLIENTS || edges + both + workers > MOST_NODES) {
      throw new IllegalArgumentException(
          "more than %d clients or %d nodes".formatted(MOST_CLIENTS, MOST_NODES));
    }
    if (clientPathMtu != 0 && (clientPathMtu < 1280 || clientPathMtu > 1500)) {
      throw new IllegalArgumentException("no MTU for both families: " + clientPathMtu);
    }
  }

  /** One client, no nodes yet, 1500 bytes everywhere, no overlay, pods with offloads. */
  public static ClusterPlan plain() {
    return new ClusterPlan(1, 0, 0, 0, false, 1500, 0, true);
  }

  public ClusterPlan withClients(int count) {
    return new ClusterPlan(
        count, edges, both, workers, overlay, lanMtu, clientPathMtu, podOffloads);
  }

  /** How many nodes are edges only, both, and workers only. */
  public ClusterPlan withNodes(int edgesOnly, int bothInOne, int workersOnly) {
    return new ClusterPlan(
        clients, edgesOnly, bothInOne, workersOnly, overlay, lanMtu, clientPathMtu, podOffloads);
  }

  public ClusterPlan withOverlay() {
    return new ClusterPlan(clients, edges, both, workers, true, lanMtu, clientPathMtu, podOffloads);
  }

  public ClusterPlan withLanMtu(int bytes) {
    return new ClusterPlan(
        clients, edges, both, workers, overlay, bytes, clientPathMtu, podOffloads);
  }

  public ClusterPlan withClientPathMtu(int bytes) {
    return new ClusterPlan(clients, edges, both, workers, overlay, lanMtu, bytes, podOffloads);
  }

  public ClusterPlan withoutPodOffloads() {
    return new ClusterPlan(clients, edges, both, workers, overlay, lanMtu, clientPathMtu, false);
  }

  /** What fits on the way between two pods, and no more than an Ethernet has by default. */
  int podMtu() {
    return Math.min(1500, overlay ? lanMtu - ClusterNode.OVERLAY_HEADERS : lanMtu);
  }
}
