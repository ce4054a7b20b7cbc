// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import static io.xdplb.agent.TestTables.address;
import static io.xdplb.agent.TestTables.name;
import static io.xdplb.agent.TestTables.table;
import static io.xdplb.agent.TestTables.vip;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.NodeStateStatus;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.table.TableDigests;
import io.xdplb.datapath.BackendProblem;
import io.xdplb.netlink.NetworkChange;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ProgrammerTest {

  private static final Instant CREATED = Instant.parse("2026-01-01T00:00:00Z");
  private static final Duration DEADLINE = Duration.ofSeconds(10);

  private final FakeDatapath datapath = new FakeDatapath();
  private final Map<ObjectName, List<Vip>> programmed = new ConcurrentHashMap<>();
  private final List<NodeStateStatus> reports = new CopyOnWriteArrayList<>();
  private final Programmer programmer =
      new Programmer(
          datapath,
          "node-1",
          List.of("eth1", "eth0"),
          "1.2.3",
          new ProgrammingListener() {
            @Override
            public void programmed(ObjectName table, List<Vip> vips) {
              programmed.put(table, vips);
            }

            @Override
            public void reported(NodeStateStatus status) {
              reports.add(status);
            }
          });

  @AfterEach
  void close() {
    programmer.close();
    assertThat(datapath.closed).isTrue();
  }

  @Test
  void nothingIsProgrammedBeforeAllIsListed() {
    start();
    programmer.table(name("a"), CREATED, table("203.0.113.1", 2));
    await(() -> !reports.isEmpty());
    assertThat(datapath.operationCount()).isZero();
    programmer.listed();
    await(() -> programmed.containsKey(name("a")));
    assertThat(datapath.entries()).containsExactly(vip("203.0.113.1"));
  }

  @Test
  void theReportSaysWhatTheKernelHoldsAndComesWhenSomethingChanged() {
    start();
    programmer.synced();
    for (int i = 0; i < 100; i++) {
      programmer.table(name("lb" + i), CREATED, table(address(i), 2));
    }
    await(() -> !reports.isEmpty() && last().tables() == 100);
    TableDigests expected = new TableDigests();
    for (int i = 0; i < 100; i++) {
      expected.put(name("lb" + i), table(address(i), 2).tableHash());
    }
    assertThat(last().rootHash()).isEqualTo(expected.rootHash());
    assertThat(last().bucketHashes()).isEqualTo(expected.bucketHashes());
    assertThat(last().agentVersion()).isEqualTo("1.2.3");
    assertThat(last().interfaces())
        .extracting(i -> i.name() + " " + i.attached() + " " + i.mode())
        .containsExactly("eth0 true Native", "eth1 true Native");
    assertThat(last().exceptions()).isEmpty();
    assertThat(reports).as("100 changes are few reports").hasSizeLessThan(20);
    assertThat(reports).doesNotHaveDuplicates();
  }

  @Test
  void theReportNamesAtMost64Exceptions() {
    datapath.refuses = operation -> operation instanceof Operation.AddVip;
    start();
    programmer.synced();
    for (int i = 0; i < 100; i++) {
      programmer.table(name("lb" + i), CREATED, table(address(i), 1));
    }
    await(() -> !reports.isEmpty() && last().exceptions().size() == 64);
    TableException first = last().exceptions().get(0);
    assertThat(first.name()).isEqualTo("lb0");
    assertThat(first.reason()).isEqualTo("Failed");
    assertThat(last().tables()).isZero();
  }

  @Test
  void unreachableBackendsAreNamed() {
    var backend = new BackendKey(Ip.parse("198.51.100.2"), 8080);
    datapath.unreachable.add(new BackendProblem(vip("203.0.113.1"), backend, "no route"));
    programmer.table(name("a"), CREATED, table("203.0.113.1", 2));
    programmer.synced();
    start();
    await(() -> !reports.isEmpty() && !last().exceptions().isEmpty());
    assertThat(last().exceptions())
        .containsExactly(
            new TableException("default", "a", "NoRoute", "198.51.100.2:8080: no route"));
    assertThat(last().tables()).as("it is programmed all the same").isOne();
  }

  @Test
  void ofSeveralVersionsThatWaitTheNewestIsProgrammed() throws InterruptedException {
    CountDownLatch busy = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    datapath.refuses =
        operation -> {
          if (operation.vip().equals(vip("203.0.113.9"))) {
            busy.countDown();
            awaitUninterrupted(goOn);
          }
          return false;
        };
    start();
    programmer.synced();
    programmer.table(name("slow"), CREATED, table("203.0.113.9", 1));
    busy.await();
    for (int backends = 1; backends <= 50; backends++) {
      programmer.table(name("a"), CREATED, table("203.0.113.1", backends));
    }
    goOn.countDown();
    await(() -> programmed.containsKey(name("a")));
    assertThat(programmed.get(name("a")).get(0).backends()).hasSize(50);
    assertThat(
            datapath.operations.stream()
                .filter(o -> o instanceof Operation.SetRing && o.vip().equals(vip("203.0.113.1"))))
        .as("only the newest")
        .hasSize(1);
  }

  @Test
  void nothingIsProgrammedOrReportedBeforeItIsKnownWhatNodeThisIs() throws Exception {
    programmer.start();
    programmer.synced();
    programmer.table(name("a"), CREATED, table("203.0.113.1", 2));
    Thread.sleep(300); // six times as long as a report takes
    assertThat(datapath.operationCount()).isZero();
    assertThat(reports).isEmpty();
    programmer.ownNode(List.of(Ip.parse("198.51.100.1"), Ip.parse("2001:db8::1")), null);
    await(() -> programmed.containsKey(name("a")) && !reports.isEmpty());
    assertThat(reports.get(0).addresses()).containsExactly("198.51.100.1", "2001:db8::1");
  }

  @Test
  void mapsOfAnotherLayoutAreReplacedWhenAllIsProgrammedInTheNewOnes() throws Exception {
    datapath.replaces = Optional.of("backends: value size 64 instead of 128");
    programmer.ownNode(List.of(), null);
    programmer.start();
    programmer.listed();
    programmer.table(name("a"), CREATED, table("203.0.113.1", 2));
    await(() -> programmed.containsKey(name("a")));
    Thread.sleep(1500); // longer than interfaces are left unchecked
    assertThat(datapath.attached).as("not all tables have been told").isEmpty();
    programmer.table(name("b"), CREATED, table("203.0.113.2", 2));
    programmer.synced();
    await(() -> programmed.containsKey(name("b")));
    Thread.sleep(300);
    assertThat(datapath.attached).as("the peers have not been told").isEmpty();
    assertThat(reports).as("what the former agent said still holds").isEmpty();
    programmer.peers(Set.of(Ip.parse("198.51.100.8")));
    await(() -> datapath.replaces().isEmpty());
    assertThat(datapath.attached).containsExactly("eth0", "eth1");
    assertThat(datapath.replacedAfter)
        .extracting(Operation::vip)
        .contains(vip("203.0.113.1"), vip("203.0.113.2"));
    await(() -> !reports.isEmpty() && last().tables() == 2);
    assertThat(last().interfaces()).hasSize(2);
  }

  @Test
  void withoutAddressesOfItsNodeThoseOfTheMachineAreReported() {
    datapath.addresses = List.of(Ip.parse("198.51.100.7"));
    start();
    await(() -> !reports.isEmpty());
    assertThat(last().addresses()).containsExactly("198.51.100.7");
  }

  @Test
  void peersAreToldWithThisNodeAndWhenTheyChangeOnly() {
    Ip own = Ip.parse("198.51.100.7");
    Ip other = Ip.parse("198.51.100.8");
    programmer.ownNode(List.of(own), null);
    programmer.start();
    programmer.synced();
    programmer.table(name("a"), CREATED, table("203.0.113.1", 2));
    await(() -> programmed.containsKey(name("a")));
    assertThat(datapath.peers())
        .as("those of an earlier run stay until others are known")
        .isEmpty();
    programmer.peers(Set.of(other));
    await(() -> !datapath.peers().isEmpty());
    programmer.peers(Set.of(own, other));
    programmer.networkChanged(EnumSet.of(NetworkChange.ADDRESS));
    programmer.peers(Set.of());
    await(() -> datapath.peers().size() > 1);
    assertThat(datapath.peers()).containsExactly(Set.of(own, other), Set.of(own));
  }

  @Test
  void peersThatTheDatapathHasNoRoomForAreNotTheEndOfIt() {
    datapath.refusesPeers = true;
    programmer.peers(Set.of(Ip.parse("198.51.100.8")));
    programmer.synced();
    start();
    programmer.table(name("a"), CREATED, table("203.0.113.1", 2));
    await(() -> programmed.containsKey(name("a")) && !reports.isEmpty());
    assertThat(datapath.peers()).isEmpty();
  }

  @Test
  void whatSomebodyChangedInTheMapsIsMendedWithinSecondsWithThePeers() {
    programmer.peers(Set.of(Ip.parse("198.51.100.8")));
    start();
    programmer.synced();
    for (int i = 0; i < 10; i++) {
      programmer.table(name("lb" + i), CREATED, table(address(i), 2));
    }
    await(() -> programmed.size() == 10 && datapath.peers().size() == 1);
    programmed.clear();
    datapath.spoil(vip(address(3)));
    long start = System.nanoTime();
    await(() -> datapath.peers().size() == 2);
    assertThat(programmed).containsOnlyKeys(name("lb3"));
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(6));
  }

  private void start() {
    programmer.ownNode(List.of(), null);
    programmer.start();
  }

  private NodeStateStatus last() {
    return reports.get(reports.size() - 1);
  }

  private static void await(Callable<Boolean> condition) {
    Awaitility.await().atMost(DEADLINE).pollInterval(Duration.ofMillis(5)).until(condition);
  }

  private static void awaitUninterrupted(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
