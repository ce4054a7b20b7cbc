// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import io.xdplb.agent.NodeDatapath;
import io.xdplb.agent.Programmer;
import io.xdplb.agent.ProgrammingListener;
import io.xdplb.agent.announce.Announcing;
import io.xdplb.agent.announce.BgpAnnouncer;
import io.xdplb.agent.announce.Router;
import io.xdplb.agent.announce.StaticMembership;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.announce.Member;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.announce.SipHash;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import io.xdplb.core.policy.NodeFacts;
import io.xdplb.core.policy.Policy;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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

  /**
   * Who this machine is among those that announce the same addresses.
   *
   * @param name in a Membership
   * @param key that they have in common; empty if there are no others
   * @param birdFolder where BIRD has its configuration and its socket, if there are BGPPeers
   */
  public record Identity(String name, Optional<byte[]> key, Path birdFolder) {}

  private final Programmer programmer;
  private final Announcing announcing;
  private final FolderWatch watch;

  private Standalone(
      NodeDatapath datapath,
      Path pinPath,
      Identity identity,
      List<String> interfaceNames,
      Path folder,
      String version) {
    Map<ObjectName, String> fileOf = new ConcurrentHashMap<>();
    StandaloneLog log = new StandaloneLog(folder, fileOf);
    StaticMembership membership =
        new StaticMembership(identity.key().orElseGet(Standalone::randomKey));
    announcing =
        new Announcing(
            pinPath,
            identity.name(),
            membership,
            Optional.of(BgpAnnouncer.starting(identity.birdFolder())),
            any -> {});
    announcing.node(NodeFacts.NONE);
    programmer =
        new Programmer(datapath, null, interfaceNames, version, new Announced(log, announcing));
    FolderFollower follower =
        new FolderFollower(
            new FolderFiles(folder),
            new Sink(programmer, fileOf, announcing, membership, identity),
            log.folder(programmer),
            Clock.systemUTC());
    watch = new FolderWatch(folder, follower);
  }

  /**
   * Starts, in the network namespace of the calling thread.
   *
   * @param datapath opened by the caller, closed with the result
   * @param pinPath of the datapath
   * @param interfaceNames where the program is to be
   * @param peers addresses of the machines from which encapsulated packets are accepted
   * @param folder may come later; sub-folders are not looked into
   */
  public static Standalone start(
      NodeDatapath datapath,
      Path pinPath,
      Identity identity,
      List<String> interfaceNames,
      Set<Ip> peers,
      Path folder,
      String version) {
    Standalone standalone =
        new Standalone(datapath, pinPath, identity, interfaceNames, folder, version);
    standalone.announcing.nodes(peers);
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
    announcing.close();
    programmer.close();
  }

  private static byte[] randomKey() {
    byte[] key = new byte[SipHash.KEY_BYTES];
    new SecureRandom().nextBytes(key);
    return key;
  }

  /** What the programmer says is logged, and announced. */
  private record Announced(StandaloneLog log, Announcing announcing)
      implements ProgrammingListener {

    @Override
    public void programmed(ObjectName table, List<Vip> vips) {
      log.programmed(table, vips);
    }

    @Override
    public void failed(ObjectName table, TableException why) {
      log.failed(table, why);
    }

    @Override
    public void removed(ObjectName table) {
      log.removed(table);
    }

    @Override
    public void serving(Set<Ip> addresses) {
      announcing.serving(addresses);
    }

    @Override
    public void reported(NodeStateStatus status) {
      announcing.reported(status);
    }
  }

  private record Sink(
      Programmer programmer,
      Map<ObjectName, String> fileOf,
      Announcing announcing,
      StaticMembership members,
      Identity identity)
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

    @Override
    public void announcements(List<Policy> policies, List<Router> routers) {
      announcing.policies(policies);
      announcing.routers(routers);
    }

    @Override
    public Optional<String> membership(Optional<Membership> membership, boolean isCertain) {
      if (membership.isEmpty()) {
        if (isCertain || identity.key().isEmpty()) { // without a key there are no others
          members.set(alone());
        }
        return Optional.empty();
      }
      if (identity.key().isEmpty()) {
        return Optional.of(
            "machines that announce together need a key: give all the same --announce-key");
      }
      members.set(membership.get());
      return membership.get().member(identity.name()).isPresent()
          ? Optional.empty()
          : Optional.of(
              "this machine's name, "
                  + identity.name()
                  + ", is not among them: it announces nothing by ARP and NDP. Write it down, or"
                  + " start with another --name");
    }

    /** Nobody is asked, and nobody has to be reached. */
    private Membership alone() {
      return new Membership(
          1, true, List.of(new Member(0, identity.name(), Ip.parse("127.0.0.1"))), false);
    }
  }
}
