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

/** The maps and links of this node. */
record KernelDatapath(Datapath datapath) implements NodeDatapath {

  @Override
  public Optional<String> replaces() {
    return datapath.replaces();
  }

  @Override
  public void replaced() {
    datapath.replaced();
  }

  @Override
  public Collection<ProgrammedVip> programmed() {
    return datapath.programmed();
  }

  @Override
  public void apply(Operation operation) {
    datapath.apply(operation);
  }

  @Override
  public Optional<VipImage> readBack(VipKey vip) {
    return datapath.readBack(vip);
  }

  @Override
  public Attachment attach(String interfaceName) {
    return datapath.attach(interfaceName);
  }

  @Override
  public List<Attachment> attachments() {
    return datapath.attachments();
  }

  @Override
  public void networkChanged() {
    datapath.networkChanged();
  }

  @Override
  public void neighboursChanged() {
    datapath.neighboursChanged();
  }

  @Override
  public void refreshNeighbours() {
    datapath.refreshNeighbours();
  }

  @Override
  public void setPeers(Collection<Ip> peers) {
    datapath.setPeers(peers);
  }

  @Override
  public List<Ip> addresses() {
    return datapath.addresses();
  }

  @Override
  public void settle() {
    datapath.settle();
  }

  @Override
  public HistoryStatus histories() {
    return datapath.histories();
  }

  @Override
  public List<BackendProblem> unreachable() {
    return datapath.unreachable();
  }

  @Override
  public void close() {
    datapath.close();
  }
}
