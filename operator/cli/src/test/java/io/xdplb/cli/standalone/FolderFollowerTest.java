// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.agent.announce.Router;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.policy.Policy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Without threads and without waiting: time is a number that the test moves. */
class FolderFollowerTest {

  private static final long MILLI = 1_000_000;

  @TempDir Path folder;

  private final Map<String, Integer> backends = new TreeMap<>();
  private final Map<String, Instant> createdAt = new TreeMap<>();
  private final Map<String, List<String>> addresses = new TreeMap<>();
  private final List<String> said = new ArrayList<>();
  private final MovedClock clock = new MovedClock();
  private int tables;
  private List<Policy> announced = List.of();

  private final List<String> memberships = new ArrayList<>();

  private long now = 1;
  private FolderFollower follower;

  private final TableSink sink =
      new TableSink() {
        @Override
        public void table(ObjectName name, String file, Instant created, ForwardingTableSpec spec) {
          tables++;
          backends.put(name.toString(), spec.vips().get(0).backends().size());
          createdAt.put(name.toString(), created);
          addresses.put(
              name.name(),
              spec.vips().stream().map(ForwardingTableSpec.Vip::address).distinct().toList());
        }

        @Override
        public void removed(ObjectName name) {
          backends.remove(name.toString());
          addresses.remove(name.name());
        }

        @Override
        public void announcements(List<Policy> policies, List<Router> routers) {
          announced = policies;
        }

        @Override
        public Optional<String> membership(Optional<Membership> membership, boolean isCertain) {
          memberships.add(
              membership.map(m -> "epoch " + m.epoch()).orElse(isCertain ? "none" : "none yet"));
          return Optional.empty();
        }
      };

  private final FolderListener listener =
      new FolderListener() {
        @Override
        public void problems(String file, List<FileProblem> problems, boolean refused) {
          problems.forEach(p -> said.add((refused ? "refused " : "advice ") + p));
        }

        @Override
        public void mended(String file) {
          said.add("mended " + file);
        }

        @Override
        public void folderGone(String why) {
          said.add("gone");
        }

        @Override
        public void folderFound(int files) {
          said.add("found " + files);
        }

        @Override
        public void read() {
          said.add("read");
        }

        @Override
        public void complete() {
          said.add("complete");
        }
      };

  @BeforeEach
  void follow() {
    follower = new FolderFollower(new FolderFiles(folder), sink, listener, clock);
  }

  @Test
  void whatIsThereAtTheStartIsReadAtOnce() throws IOException {
    write("b.yaml", balancer("b", 10, 2));
    write("notes.txt", "not a manifest");
    write(".hidden.yaml", "neither: is this");
    follower.rescan(now);
    assertThat(backends).isEqualTo(Map.of("default/b", 2));
    assertThat(said).containsExactly("found 1", "read", "complete");
  }

  private static String membership(int epoch, String second) {
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: Membership
        metadata: {name: xdplb}
        spec:
          epoch: %d
          changed: true
          witness: false
          members:
          - {slot: 0, node: lb1, address: 198.51.100.1}
          - %s
        """
        .formatted(epoch, second);
  }

  @Test
  void aMachineIsTheOnlyOneWhenAllFilesSaySo() throws IOException {
    write("a.yaml", "kind: [");
    write("b.yaml", balancer("b", 10, 2));
    follower.rescan(now);
    assertThat(memberships).isEmpty();
    change("b.yaml", balancer("b", 11, 2) + "---\n" + policy("lan"));
    assertThat(memberships).containsOnly("none yet");
    change("a.yaml", balancer("a", 12, 2));
    assertThat(memberships).endsWith("none");
  }

  @Test
  void aMembershipThatIsNotValidLeavesInForceWhatWasThere() throws IOException {
    write("m.yaml", membership(1, "{slot: 0, node: lb2, address: 198.51.100.2}"));
    follower.rescan(now);
    assertThat(memberships).isEmpty();
    assertThat(said).anyMatch(line -> line.contains("slot or name twice in membership"));
    change("m.yaml", membership(1, "{slot: 1, node: lb2, address: 198.51.100.2}"));
    assertThat(memberships).endsWith("epoch 1");
    change("m.yaml", membership(2, "{slot: 0, node: lb2, address: 198.51.100.2}"));
    assertThat(memberships).endsWith("epoch 1");
    change("m.yaml", membership(2, "{slot: 1, node: lb2, address: 198.51.100.2}"));
    assertThat(memberships).endsWith("epoch 2");
  }

  private static String policy(String name) {
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: AnnouncementPolicy
        metadata: {name: %s}
        spec: {l2: {}}
        """
        .formatted(name);
  }

  @Test
  void aPolicyThatIsNotValidLeavesInForceWhatItSaid() throws IOException {
    write("p.yaml", policy("lan"));
    follower.rescan(now);
    assertThat(announced).extracting(Policy::name).containsExactly("lan");
    change("p.yaml", policy("lan").replace("l2: {}", "addresses: [203.0.113.0/33], l2: {}"));
    assertThat(announced).hasSize(1).allMatch(Policy::selectsAll);
    assertThat(said).anyMatch(line -> line.contains("spec.addresses[0]"));
    change("p.yaml", policy("lan").replace("l2: {}", "addresses: [203.0.113.0/24], l2: {}"));
    assertThat(announced).hasSize(1).noneMatch(Policy::selectsAll);
    Files.delete(folder.resolve("p.yaml"));
    touch("p.yaml");
    settleLosses();
    assertThat(announced).isEmpty();
  }

  @Test
  void aChangeIsUsedOnceTheFileIsQuiet() throws IOException {
    write("a.yaml", balancer("a", 10, 2));
    follower.rescan(now);
    write("a.yaml", balancer("a", 10, 3));
    follower.touch("a.yaml", now);
    follower.settle(now);
    assertThat(backends).isEqualTo(Map.of("default/a", 2));
    assertThat(follower.nanosUntilDue(now)).isEqualTo(FolderFollower.QUIET_NANOS);
    now += FolderFollower.QUIET_NANOS;
    follower.settle(now);
    assertThat(backends).isEqualTo(Map.of("default/a", 3));
    assertThat(follower.nanosUntilDue(now)).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void onlyTheLoadBalancersThatAChangeConcernsAreCompiled() throws IOException {
    for (int i = 0; i < 20; i++) {
      write("lb" + i + ".yaml", balancer("lb" + i, 10 + i, 2));
    }
    follower.rescan(now);
    assertThat(tables).isEqualTo(20);
    change("lb7.yaml", balancer("lb7", 17, 1));
    assertThat(tables).isEqualTo(21);
    change("lb7.yaml", balancer("lb7", 17, 1) + "# a comment\n");
    assertThat(tables).as("the same table again").isEqualTo(21);
  }

  @Test
  void aFileThatCannotBeUsedLeavesInForceWhatItSaid() throws IOException {
    write("a.yaml", balancer("a", 10, 2));
    write("b.yaml", balancer("b", 11, 2));
    follower.rescan(now);
    said.clear();
    change("a.yaml", balancer("a", 10, 2).replace("protocol", "protokoll"));
    assertThat(said).as("it may be half-written").isEmpty();
    settleLosses();
    assertThat(said)
        .singleElement()
        .asString()
        .startsWith("refused a.yaml:8:5: unknown field \"protokoll\" in spec.listeners[0]");
    assertThat(backends).containsEntry("default/a", 2);
    change("b.yaml", balancer("b", 11, 3));
    assertThat(backends).isEqualTo(Map.of("default/a", 2, "default/b", 3));
    said.clear();
    follower.rescan(now);
    settleLosses();
    assertThat(said).as("a problem is told once").isEmpty();
    change("a.yaml", balancer("a", 10, 1));
    assertThat(said).containsExactly("mended a.yaml");
    assertThat(backends).containsEntry("default/a", 1);
  }

  @Test
  void aSpecThatIsRefusedIsReportedWithItsPlaceAndLeavesTheTable() throws IOException {
    write("a.yaml", balancer("a", 10, 2));
    follower.rescan(now);
    said.clear();
    change("a.yaml", balancer("a", 10, 2).replace("port: 80\n", "port: 0\n"));
    assertThat(said)
        .singleElement()
        .asString()
        .startsWith("refused a.yaml:9:5: LoadBalancer default/a: spec.listeners[0].port: ");
    assertThat(backends).containsEntry("default/a", 2);
    change("a.yaml", balancer("a", 10, 1));
    assertThat(said).contains("mended a.yaml");
  }

  @Test
  void nothingOfAnEarlierRunIsGivenUpBeforeAllFilesCanBeUsed() throws IOException {
    write("a.yaml", "kind: [");
    write("b.yaml", balancer("b", 11, 2));
    follower.rescan(now);
    assertThat(backends).containsOnlyKeys("default/b");
    assertThat(said).contains("read").doesNotContain("complete");
    change("a.yaml", balancer("a", 10, 2));
    assertThat(said).endsWith("mended a.yaml", "complete");
  }

  @Test
  void aTruncatedFileIsWaitedFor() throws IOException {
    write("a.yaml", balancer("a", 10, 2));
    follower.rescan(now);
    change("a.yaml", "");
    assertThat(backends).containsEntry("default/a", 2);
    now += 20 * MILLI;
    change("a.yaml", balancer("a", 10, 3));
    assertThat(backends).containsEntry("default/a", 3);
    settleLosses();
    assertThat(backends).containsEntry("default/a", 3);
  }

  @Test
  void anEditorThatRenamesTheOldFileAwayLosesNothing() throws IOException {
    write("a.yaml", balancer("a", 10, 2));
    follower.rescan(now);
    Files.move(folder.resolve("a.yaml"), folder.resolve("a.yaml~"));
    touch("a.yaml");
    assertThat(backends).containsEntry("default/a", 2);
    now += 10 * MILLI;
    write(".a.yaml.new", balancer("a", 10, 4));
    Files.move(
        folder.resolve(".a.yaml.new"), folder.resolve("a.yaml"), StandardCopyOption.ATOMIC_MOVE);
    touch("a.yaml");
    settleLosses();
    assertThat(backends).isEqualTo(Map.of("default/a", 4));
    assertThat(said).noneMatch(line -> line.startsWith("refused"));
  }

  @Test
  void aDeletedFileTakesItsObjectsAlong() throws IOException {
    write("a.yaml", balancer("a", 10, 2));
    write("b.yaml", balancer("b", 11, 2));
    follower.rescan(now);
    Files.delete(folder.resolve("a.yaml"));
    follower.rescan(now);
    now += FolderFollower.QUIET_NANOS;
    follower.settle(now);
    settleLosses();
    assertThat(backends).containsOnlyKeys("default/b");
  }

  @Test
  void theFirstFileKeepsAnObjectThatTwoDefine() throws IOException {
    write("z.yaml", balancer("a", 10, 2));
    follower.rescan(now);
    said.clear();
    change("a.yaml", balancer("a", 11, 3));
    assertThat(said)
        .containsExactly(
            "advice a.yaml:1:1: LoadBalancer default/a is defined in z.yaml too, which keeps it;"
                + " remove one of the two");
    assertThat(backends).containsEntry("default/a", 2);
    Files.delete(folder.resolve("z.yaml"));
    touch("z.yaml");
    settleLosses();
    assertThat(backends).containsEntry("default/a", 3);
    assertThat(said).endsWith("mended a.yaml");
  }

  @Test
  void atTheStartTheFileThatWasModifiedFirstIsOlder() throws IOException {
    write("a.yaml", balancer("late", 10, 2));
    write("b.yaml", balancer("early", 10, 2));
    Files.setLastModifiedTime(folder.resolve("b.yaml"), FileTime.fromMillis(1_000_000));
    follower.rescan(now);
    change("c.yaml", balancer("latest", 10, 2));
    assertThat(createdAt.get("default/early")).isBefore(createdAt.get("default/late"));
    assertThat(createdAt.get("default/late")).isBefore(createdAt.get("default/latest"));
    Instant before = createdAt.get("default/early");
    change("b.yaml", balancer("early", 10, 3));
    assertThat(createdAt.get("default/early")).as("an edit makes no younger").isEqualTo(before);
  }

  @Test
  void aServiceAndItsSlicesMayComeInAnyOrderAndFile() throws IOException {
    write(
        "lb.yaml",
        """
        apiVersion: xdplb.io/v1alpha1
        kind: LoadBalancer
        metadata: {name: a}
        spec:
          addresses: {requested: [203.0.113.10]}
          listeners:
          - name: http
            protocol: TCP
            port: 80
            backends:
            - serviceRef: {name: echo, port: 80}
        """);
    follower.rescan(now);
    assertThat(backends).containsEntry("default/a", 0);
    assertThat(said)
        .anyMatch(
            line ->
                line.startsWith(
                    "advice lb.yaml:11:20: LoadBalancer default/a:"
                        + " spec.listeners[0].backends[0].serviceRef.name: "));
    change("slice.yaml", slice("198.51.100.101"));
    assertThat(backends).containsEntry("default/a", 0);
    change(
        "service.yaml",
        """
        apiVersion: v1
        kind: Service
        metadata: {name: echo}
        spec: {ports: [{name: http, port: 80, targetPort: 8080}]}
        """);
    assertThat(backends).containsEntry("default/a", 1);
    change("slice.yaml", slice("198.51.100.101, 198.51.100.102"));
    assertThat(backends).containsEntry("default/a", 2);
  }

  @Test
  void aFolderThatComesLateOrGoesIsNoReasonToRemoveAnything() throws IOException {
    Path late = folder.resolve("late");
    follower = new FolderFollower(new FolderFiles(late), sink, listener, clock);
    follower.rescan(now);
    follower.rescan(now);
    assertThat(said).containsExactly("gone");
    Files.createDirectory(late);
    Files.writeString(late.resolve("a.yaml"), balancer("a", 10, 2));
    follower.rescan(now);
    assertThat(backends).containsOnlyKeys("default/a");
    assertThat(said).containsExactly("gone", "found 1", "read", "complete");
    Files.move(late, folder.resolve("elsewhere"));
    touch("a.yaml");
    follower.rescan(now);
    settleLosses();
    assertThat(backends).containsOnlyKeys("default/a");
    assertThat(said).endsWith("gone");
  }

  @Test
  void addressesComeFromPoolsAndStayOverARestart() throws IOException {
    write("pool.yaml", pool("public", "203.0.113.0/30", ""));
    write("c.yaml", asking("c"));
    follower.rescan(now);
    change("b.yaml", asking("b"));
    change("a.yaml", asking("a"));
    Map<String, List<String>> before = new TreeMap<>(addresses);
    assertThat(before)
        .containsEntry("c", List.of("203.0.113.0"))
        .containsEntry("b", List.of("203.0.113.1"))
        .containsEntry("a", List.of("203.0.113.2"));
    restart();
    assertThat(addresses).isEqualTo(before);
    // Whoever is edited keeps its address, now and after another restart.
    change("c.yaml", asking("c").replace("port: 80\n", "port: 81\n"));
    restart();
    assertThat(addresses).isEqualTo(before);
    change("d.yaml", asking("d"));
    change("e.yaml", asking("e"));
    assertThat(addresses).containsEntry("d", List.of("203.0.113.3")).doesNotContainKey("e");
    assertThat(said)
        .anyMatch(
            line ->
                line.startsWith("refused e.yaml")
                    && line.contains("PoolExhausted: Pool public has no free IPv4 address"));
    Files.delete(folder.resolve("b.yaml"));
    touch("b.yaml");
    settleLosses();
    assertThat(addresses).containsEntry("e", List.of("203.0.113.1"));
    assertThat(said).contains("mended e.yaml");
  }

  @Test
  void aBrokenFileCostsNobodyItsAddress() throws IOException {
    write("pool.yaml", pool("public", "203.0.113.0/29", ""));
    write("a.yaml", asking("a"));
    follower.rescan(now);
    assertThat(addresses).containsEntry("a", List.of("203.0.113.0"));
    write("a.yaml", "nonsense");
    restart();
    change("b.yaml", asking("b"));
    assertThat(addresses).containsEntry("b", List.of("203.0.113.1"));
    change("a.yaml", asking("a"));
    assertThat(addresses).containsEntry("a", List.of("203.0.113.0"));
  }

  @Test
  void whatIsRememberedOfThoseThatAreGoneIsReleased() throws IOException {
    write("pool.yaml", pool("public", "203.0.113.0/32", ""));
    write("a.yaml", asking("a"));
    follower.rescan(now);
    Files.delete(folder.resolve("a.yaml"));
    write("b.yaml", asking("b"));
    restart();
    assertThat(addresses).containsEntry("b", List.of("203.0.113.0"));
  }

  @Test
  void aReleasedAddressIsHeldForAsLongAsThePoolSays() throws IOException {
    write("pool.yaml", pool("public", "203.0.113.0/32", ", releaseHold: 2m"));
    write("a.yaml", asking("a"));
    follower.rescan(now);
    change("b.yaml", asking("b"));
    Files.delete(folder.resolve("a.yaml"));
    touch("a.yaml");
    settleLosses();
    assertThat(addresses).isEmpty();
    assertThat(follower.nanosUntilDue(now)).isEqualTo(120_000 * MILLI);
    clock.now = clock.now.plusSeconds(120);
    assertThat(follower.nanosUntilDue(now)).isZero();
    follower.settle(now);
    assertThat(addresses).containsEntry("b", List.of("203.0.113.0"));
    assertThat(follower.nanosUntilDue(now)).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void aPoolThatComesChangesAndGoes() throws IOException {
    write("a.yaml", asking("a"));
    follower.rescan(now);
    assertThat(said).anyMatch(line -> line.contains("No AddressPool assigns addresses"));
    change("pool.yaml", pool("public", "203.0.113.8/29", ""));
    assertThat(addresses).containsEntry("a", List.of("203.0.113.8"));
    change("pool.yaml", pool("public", "203.0.113.0/30", ""));
    change("b.yaml", asking("b"));
    assertThat(addresses)
        .containsEntry("a", List.of("203.0.113.8"))
        .containsEntry("b", List.of("203.0.113.0"));
    change("pool.yaml", pool("public", "203.0.113.9/29", ""));
    assertThat(said)
        .anyMatch(l -> l.startsWith("refused pool.yaml") && l.contains("bits beyond the prefix"));
    change("pool.yaml", pool("public", "203.0.113.0/30", ""));
    change("other.yaml", pool("other", "203.0.113.2/31", ""));
    assertThat(said)
        .anyMatch(l -> l.startsWith("advice") && l.contains("in common with pool public"));
    Files.delete(folder.resolve("pool.yaml"));
    touch("pool.yaml");
    settleLosses();
    assertThat(addresses).containsOnlyKeys("a", "b");
  }

  @Test
  void aPoolOfOneTeamIsForItsNamespaces() throws IOException {
    write(
        "pool.yaml",
        pool(
            "edge",
            "203.0.113.0/30",
            ", tenancy: {namespaceSelector: {matchLabels: {team: edge}}}"));
    write("a.yaml", asking("a"));
    follower.rescan(now);
    assertThat(addresses).isEmpty();
    change(
        "namespace.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {team: edge}}\n");
    assertThat(addresses).containsEntry("a", List.of("203.0.113.0"));
  }

  @Test
  void aMemoryThatCannotBeReadIsSaidAndNotTakenForEmpty() throws IOException {
    write("pool.yaml", pool("public", "203.0.113.0/30", ""));
    write("a.yaml", asking("a"));
    write(AddressMemory.FILE, "{\"addresses\": [{}]}");
    follower.rescan(now);
    assertThat(addresses).containsEntry("a", List.of("203.0.113.0"));
    assertThat(said).anyMatch(l -> l.contains("may be another one after a restart"));
  }

  private void restart() {
    addresses.clear();
    follow();
    follower.rescan(now);
  }

  private static String pool(String name, String cidr, String more) {
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: AddressPool
        metadata: {name: %s}
        spec: {blocks: [{cidr: %s}]%s}
        """
        .formatted(name, cidr, more);
  }

  /** Any address. */
  private static String asking(String name) {
    return balancer(name, 1, 1).replace("  addresses: {requested: [203.0.113.1]}\n", "");
  }

  private static final class MovedClock extends Clock {
    private Instant now = Instant.parse("2026-01-01T00:00:00Z");

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      throw new UnsupportedOperationException();
    }
  }

  private void change(String name, String text) throws IOException {
    write(name, text);
    touch(name);
  }

  private void touch(String name) {
    follower.touch(name, now);
    now += FolderFollower.QUIET_NANOS;
    follower.settle(now);
  }

  private void settleLosses() {
    now += FolderFollower.SETTLE_NANOS;
    follower.settle(now);
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(folder.resolve(name), text);
  }

  private static String slice(String addresses) {
    StringBuilder endpoints = new StringBuilder();
    for (String address : addresses.split(", ")) {
      endpoints.append("- addresses: [").append(address).append("]\n");
    }
    return """
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: echo-1, labels: {kubernetes.io/service-name: echo}}
        addressType: IPv4
        ports: [{name: http, port: 8080}]
        endpoints:
        """
        + endpoints;
  }

  private static String balancer(String name, int host, int backends) {
    StringBuilder addresses = new StringBuilder();
    for (int i = 1; i <= backends; i++) {
      addresses.append(i == 1 ? "" : ", ").append("198.51.100.").append(100 + i);
    }
    return """
        apiVersion: xdplb.io/v1alpha1
        kind: LoadBalancer
        metadata: {name: %s}
        spec:
          addresses: {requested: [203.0.113.%d]}
          listeners:
          - name: http
            protocol: TCP
            port: 80
            backends:
            - static: {addresses: [%s], port: 80}
        """
        .formatted(name, host, addresses);
  }
}
