// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.plan.ProgrammedVip;
import io.xdplb.core.table.VipImage;
import io.xdplb.datapath.Attachment;
import io.xdplb.datapath.BackendProblem;
import io.xdplb.datapath.Datapath;
import io.xdplb.datapath.HistoryStatus;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * What the agent needs of a {@link Datapath}, so that the order and number of its operations can be
 * tested without a kernel. Used by one thread.
 */
public interface NodeDatapath extends AutoCloseable {

  /** The real one. */
  static NodeDatapath of(Datapath datapath) {
    return new KernelDatapath(datapath);
  }

  /** See {@link Datapath#replaces}. */
  Optional<String> replaces();

  /** See {@link Datapath#replaced}. */
  void replaced();

  /** What the kernel held when the datapath was opened. */
  Collection<ProgrammedVip> programmed();

  /** Executes one step of a plan. */
  void apply(Operation operation);

  /** What the kernel's maps hold of a VIP now. */
  Optional<VipImage> readBack(VipKey vip);

  /** Puts the program on an interface, or finds that it is there. */
  Attachment attach(String interfaceName);

  /** Where the program is, as the kernel says now. */
  List<Attachment> attachments();

  /** Addresses, routes or links have changed. */
  void networkChanged();

  /** MAC addresses of neighbours have changed, and nothing else. */
  void neighboursChanged();

  /** Keeps the kernel's neighbour entries of backends fresh. */
  void refreshNeighbours();

  /** See {@link Datapath#setPeers}. */
  void setPeers(Collection<Ip> peers);

  /** See {@link Datapath#addresses}. */
  List<Ip> addresses();

  /** Ends what only former flows needed; every ten seconds or so. */
  void settle();

  /** How much is remembered of former owners of ring slots. */
  HistoryStatus histories();

  /** Backends that packets cannot reach from here. */
  List<BackendProblem> unreachable();

  /** Lets go of the maps and links; they stay pinned, and traffic goes on. */
  @Override
  void close();
}
