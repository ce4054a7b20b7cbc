// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.xdplb.agent.NodeDatapath;
import io.xdplb.agent.Programmer;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The whole product in one process, over a folder of manifests: the compiler that the operator has
 * and the programmer that the agent has.
 *
 * <p>Of two LoadBalancers that want the same address and port the one that was there first has it;
 * of those that were there when the process started, the one whose file was modified first, then
 * the one whose file's name sorts first, then the one further up in its file.
 */
public final class Standalone implements AutoCloseable {

  private final Programmer programmer;
  private final FolderWatch watch;

  private Standalone(
      NodeDatapath datapath, List<String> interfaceNames, Path folder, String version) {
    Map<ObjectName, String> fileOf = new ConcurrentHashMap<>();
    StandaloneLog log = new StandaloneLog(folder, fileOf);
    programmer = new Programmer(datapath, null, interfaceNames, version, log);
    FolderFollower follower =
        new FolderFollower(
            new FolderFiles(folder),
            new ToProgrammer(programmer, fileOf),
            log.folder(programmer),
            Clock.systemUTC());
    watch = new FolderWatch(folder, follower);
  }

  /**
   * Starts, in the network namespace of the calling thread.
   *
   * @param datapath opened by the caller, closed with the result
   * @param interfaceNames where the program is to be
   * @param peers addresses of the machines from which encapsulated packets are accepted
   * @param folder may come later; sub-folders are not looked into
   */
  public static Standalone start(
      NodeDatapath datapath,
      List<String> interfaceNames,
      Set<Ip> peers,
      Path folder,
      String version) {
    Standalone standalone = new Standalone(datapath, interfaceNames, folder, version);
    standalone.programmer.ownNode(List.of(), null);
    standalone.programmer.peers(peers);
    standalone.programmer.start();
    standalone.watch.start();
    return standalone;
  }

  /** Stops following the folder. The datapath goes on as it is. */
  @Override
  public void close() {
    watch.close();
    programmer.close();
  }

  private record ToProgrammer(Programmer programmer, Map<ObjectName, String> fileOf)
      implements TableSink {

    @Override
    public void table(ObjectName name, String file, Instant createdAt, ForwardingTableSpec spec) {
      fileOf.put(name, file);
      programmer.table(name, createdAt, spec);
    }

    @Override
    public void removed(ObjectName name) {
      programmer.removed(name);
    }
  }
}
