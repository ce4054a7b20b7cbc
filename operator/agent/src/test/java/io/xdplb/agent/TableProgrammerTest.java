// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import static io.xdplb.agent.TestTables.address;
import static io.xdplb.agent.TestTables.compiled;
import static io.xdplb.agent.TestTables.listener;
import static io.xdplb.agent.TestTables.name;
import static io.xdplb.agent.TestTables.pods;
import static io.xdplb.agent.TestTables.table;
import static io.xdplb.agent.TestTables.vip;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.agent.TableProgrammer.Change;
import io.xdplb.api.v1alpha1.ForwardingTableSliceSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.Listener;
import io.xdplb.api.v1alpha1.NodeStateStatus.TableException;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.api.v1alpha1.UnavailablePolicy;
import io.xdplb.core.compile.CompileInput;
import io.xdplb.core.compile.CompileResult;
import io.xdplb.core.compile.Compiler;
import io.xdplb.core.compile.Endpoint;
import io.xdplb.core.compile.EndpointConditions;
import io.xdplb.core.compile.Hints;
import io.xdplb.core.compile.ServiceEndpoints;
import io.xdplb.core.compile.ServicePort;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.plan.Operation;
import io.xdplb.core.table.TableDigests;
import io.xdplb.core.table.TableSlices;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TableProgrammerTest {

  private static final Instant EARLY = Instant.parse("2026-01-01T00:00:00Z");
  private static final Instant LATE = Instant.parse("2026-01-02T00:00:00Z");

  private final List<String> said = new ArrayList<>();
  private long seconds = 1_000_000;
  private FakeDatapath datapath = new FakeDatapath();
  private TableProgrammer programmer = programmer();

  private TableProgrammer programmer() {
    return new TableProgrammer(
        datapath,
        "node-1",
        () -> Duration.ofSeconds(seconds).toNanos(),
        () -> seconds,
        new ProgrammingListener() {
          @Override
          public void programmed(ObjectName table, List<Vip> vips) {
            said.add("programmed " + table.name());
          }

          @Override
          public void failed(ObjectName table, TableException why) {
            said.add(why.reason() + " " + table.name());
          }

          @Override
          public void removed(ObjectName table) {
            said.add("removed " + table.name());
          }
        });
  }

  @Test
  void aTableIsProgrammedAndProvenByReadingBack() {
    ForwardingTableSpec table = table("203.0.113.1", 3);
    put("a", EARLY, table);
    assertThat(datapath.entries()).containsExactly(vip("203.0.113.1"));
    assertThat(programmer.digests().size()).isOne();
    assertThat(programmer.exceptions()).isEmpty();
    assertThat(datapath.reads).containsExactly(vip("203.0.113.1"));
    assertThat(said).containsExactly("programmed a");
  }

  @Test
  void aChangeOfOneOfAThousandTouchesItsOwnEntriesOnly() {
    List<Change> all = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      all.add(new Change(name("lb" + i), EARLY, table(address(i), 10)));
    }
    programmer.accept(all);
    assertThat(programmer.digests().size()).isEqualTo(1000);
    datapath.operations.clear();
    datapath.reads.clear();
    put("lb500", EARLY, table(address(500), 9));
    assertThat(datapath.operations)
        .hasSize(2)
        .allMatch(operation -> operation.vip().equals(vip(address(500))))
        .hasExactlyElementsOfTypes(Operation.SetRing.class, Operation.DrainBackend.class);
    assertThat(datapath.reads).containsExactly(vip(address(500)));
    datapath.operations.clear();
    remove("lb501");
    assertThat(datapath.operations)
        .allMatch(operation -> operation.vip().equals(vip(address(501))))
        .hasSize(11);
  }

  @Test
  void theSameTableAgainCostsNothing() {
    put("a", EARLY, table("203.0.113.1", 3));
    datapath.operations.clear();
    put("a", EARLY, table("203.0.113.1", 3));
    assertThat(datapath.operations).isEmpty();
  }

  @Test
  void theOlderTableHasAVipAndTheYoungerTakesOverWhenItGoes() {
    put("young", LATE, table("203.0.113.1", 3));
    put("old", EARLY, table("203.0.113.1", 2));
    assertThat(said)
        .containsExactlyInAnyOrder("programmed young", "programmed old", "AddressConflict young");
    assertThat(programmer.exceptions().get(name("young")).message())
        .isEqualTo("TCP 203.0.113.1:80 belongs to default/old, which is older");
    assertThat(programmer.digests().size()).isOne();
    said.clear();
    remove("old");
    assertThat(said).containsExactly("removed old", "programmed young");
    assertThat(programmer.exceptions()).isEmpty();
    assertThat(datapath.entries()).containsExactly(vip("203.0.113.1"));
  }

  @Test
  void aRangeOfPortsKeepsItsPortsFromYoungerTables() {
    put("range", EARLY, range("203.0.113.1", 8000, 8999));
    put("inside", LATE, range("203.0.113.1", 8080, 8080));
    put("across", LATE, range("203.0.113.1", 8500, 9500));
    put("beside", EARLY, range("203.0.113.1", 9000, 9001));
    put("elsewhere", LATE, range("203.0.113.2", 8080, 8080));
    assertThat(programmer.exceptions()).containsOnlyKeys(name("inside"), name("across"));
    assertThat(programmer.exceptions().values())
        .allMatch(e -> e.reason().equals("AddressConflict"));
    assertThat(programmer.exceptions().get(name("inside")).message())
        .isEqualTo("TCP 203.0.113.1:8080 belongs to default/range, which is older");
    assertThat(datapath.entries())
        .extracting(VipKey::toString)
        .containsExactlyInAnyOrder(
            "TCP 203.0.113.1:8000-8999", "TCP 203.0.113.1:9000-9001", "TCP 203.0.113.2:8080");
    said.clear();
    remove("range");
    assertThat(said).contains("removed range", "programmed inside");
    assertThat(programmer.exceptions()).containsOnlyKeys(name("across"));
    assertThat(programmer.exceptions().get(name("across")).message())
        .isEqualTo("TCP 203.0.113.1:8500-9500 belongs to default/beside, which is older");
    assertThat(datapath.entries())
        .extracting(VipKey::toString)
        .containsExactlyInAnyOrder(
            "TCP 203.0.113.1:8080", "TCP 203.0.113.1:9000-9001", "TCP 203.0.113.2:8080");
  }

  @Test
  void aTablesOwnRangesMayNestAndAreAllProgrammed() {
    put(
        "a",
        EARLY,
        compiled(
            "203.0.113.1",
            List.of(listener(8000, 8999), listener(8080, 8080), listener(8000, 8000)),
            null,
            null));
    assertThat(programmer.exceptions()).isEmpty();
    assertThat(datapath.entries())
        .extracting(VipKey::toString)
        .containsExactlyInAnyOrder(
            "TCP 203.0.113.1:8000", "TCP 203.0.113.1:8000-8999", "TCP 203.0.113.1:8080");
  }

  @Test
  void accessOfALiveVipChangesInPlace() {
    List<Listener> listeners = List.of(listener(80, 80));
    put("a", EARLY, compiled("203.0.113.1", listeners, null, null));
    datapath.operations.clear();
    put(
        "a",
        EARLY,
        compiled(
            "203.0.113.1",
            listeners,
            new LoadBalancerSpec.Access(List.of("192.0.2.0/24")),
            UnavailablePolicy.Drop));
    assertThat(datapath.operations).hasExactlyElementsOfTypes(Operation.UpdateVip.class);
    Operation.UpdateVip update = (Operation.UpdateVip) datapath.operations.get(0);
    assertThat(update.access().admits(Ip.parse("192.0.2.7"))).isTrue();
    assertThat(update.access().admits(Ip.parse("198.51.100.7"))).isFalse();
    assertThat(programmer.exceptions()).isEmpty();
    assertThat(programmer.digests().size()).isOne();
  }

  @Test
  void claimsAreSettledBeforeAnythingIsProgrammed() {
    programmer.accept(
        List.of(
            new Change(name("young"), LATE, table("203.0.113.1", 3)),
            new Change(name("old"), EARLY, table("203.0.113.1", 2))));
    assertThat(said).containsExactlyInAnyOrder("programmed old", "AddressConflict young");
    assertThat(datapath.operations)
        .filteredOn(operation -> operation instanceof Operation.AddBackend)
        .hasSize(2);
  }

  @Test
  void aTableThatIsNotValidLeavesItsFormerStateAndOthersAlone() {
    put("a", EARLY, table("203.0.113.1", 3));
    put("b", EARLY, table("203.0.113.2", 3));
    datapath.operations.clear();
    String rootBefore = programmer.digests().rootHash();
    ForwardingTableSpec.Vip bad =
        new ForwardingTableSpec.Vip("203.0.113.1", null, 0, "http", 0, List.of());
    put("a", EARLY, new ForwardingTableSpec("0".repeat(64), List.of(bad)));
    assertThat(programmer.exceptions().get(name("a")).reason()).isEqualTo("InvalidTable");
    assertThat(programmer.exceptions().get(name("a")).message()).contains("spec.vips[0].port");
    assertThat(datapath.operations).isEmpty();
    assertThat(programmer.digests().rootHash())
        .as("evidence of what the kernel holds: the former table")
        .isEqualTo(rootBefore);
    put("a", EARLY, table("203.0.113.1", 2));
    assertThat(programmer.exceptions()).isEmpty();
  }

  @Test
  void aFailureIsReportedAndTriedAgainAtGrowingIntervals() {
    datapath.refuses = operation -> operation.vip().equals(vip("203.0.113.1"));
    put("a", EARLY, table("203.0.113.1", 3));
    put("b", EARLY, table("203.0.113.2", 3));
    assertThat(said).containsExactly("Failed a", "programmed b");
    assertThat(programmer.digests().size()).isOne();
    long previous = 0;
    for (int i = 0; i < 12; i++) {
      long wait = programmer.nanosUntilDue();
      assertThat(wait).isGreaterThanOrEqualTo(previous).isLessThanOrEqualTo(30_000_000_000L);
      previous = Math.min(wait, 29_000_000_000L);
      seconds += 31;
      programmer.continueDue();
    }
    assertThat(said).as("told once").containsExactly("Failed a", "programmed b");
    datapath.refuses = operation -> false;
    seconds += 31;
    programmer.continueDue();
    assertThat(said).endsWith("programmed a");
    assertThat(programmer.exceptions()).isEmpty();
    assertThat(programmer.nanosUntilDue()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void aPlanThatWasInterruptedGoesOnWhereItWas() {
    datapath.refuses = operation -> operation instanceof Operation.AddVip;
    put("a", EARLY, table("203.0.113.1", 3));
    int before = datapath.operations.size();
    datapath.refuses = operation -> false;
    seconds += 31;
    programmer.continueDue();
    assertThat(datapath.operations.subList(before, datapath.operations.size()))
        .hasExactlyElementsOfTypes(Operation.AddVip.class);
  }

  @Test
  void aBackendIsRemovedWhenItsDrainEnds() {
    put("a", EARLY, table("203.0.113.1", 3, "60s"));
    put("a", EARLY, table("203.0.113.1", 2, "60s"));
    assertThat(datapath.backends(vip("203.0.113.1"))).hasSize(3);
    assertThat(programmer.exceptions()).isEmpty();
    seconds += 59;
    programmer.continueDue();
    assertThat(datapath.backends(vip("203.0.113.1"))).hasSize(3);
    seconds += 2;
    assertThat(programmer.nanosUntilDue()).isZero();
    programmer.continueDue();
    assertThat(datapath.backends(vip("203.0.113.1"))).hasSize(2);
    assertThat(programmer.nanosUntilDue()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void aRestartAdoptsWhatIsThereAndRemovesWhatNobodyWants() {
    put("kept", EARLY, table("203.0.113.1", 3));
    put("gone", EARLY, table("203.0.113.2", 3));
    datapath = datapath.reopened();
    programmer = programmer();
    programmer.accept(List.of(new Change(name("kept"), EARLY, table("203.0.113.1", 3))));
    assertThat(datapath.operations).as("nothing has changed").isEmpty();
    assertThat(programmer.digests().size()).isOne();
    programmer.removeUnclaimed();
    assertThat(datapath.entries()).containsExactly(vip("203.0.113.1"));
    assertThat(datapath.backends(vip("203.0.113.2"))).isEmpty();
  }

  @Test
  void whatCannotBeRemovedIsTriedAgain() {
    put("a", EARLY, table("203.0.113.1", 3));
    datapath.refuses = operation -> true;
    remove("a");
    assertThat(datapath.entries()).hasSize(1);
    datapath.refuses = operation -> false;
    seconds += 2;
    assertThat(programmer.nanosUntilDue()).isZero();
    programmer.continueDue();
    assertThat(datapath.entries()).isEmpty();
  }

  @Test
  void whatSomebodyElseWroteIntoTheMapsIsFoundAndMended() {
    for (int i = 0; i < 30; i++) {
      put("lb" + i, EARLY, table(address(i), 3));
    }
    said.clear();
    datapath.spoil(vip(address(17)));
    for (int i = 0; i < 4; i++) {
      programmer.audit();
    }
    assertThat(said).containsExactly("programmed lb17");
    datapath.operations.clear();
    for (int i = 0; i < 4; i++) {
      programmer.audit();
    }
    assertThat(datapath.operations).isEmpty();
  }

  @Test
  void aTableHashOfAnotherVersionIsNoEvidence() {
    ForwardingTableSpec table = table("203.0.113.1", 3);
    put("a", EARLY, new ForwardingTableSpec("1".repeat(64), table.vips()));
    assertThat(programmer.digests().size()).isZero();
    assertThat(programmer.exceptions().get(name("a")).message())
        .contains("operator and agent are of different versions");
  }

  @Test
  void aNodeProgramsItsPartOfATableAndReportsTheWhole() {
    ForwardingTableSpec both = parts("node-1", "node-2");
    put("a", EARLY, both);
    assertThat(takers()).containsExactly("198.51.100.1");
    TableDigests digests = new TableDigests();
    digests.put(name("a"), both.tableHash());
    assertThat(programmer.digests().rootHash()).isEqualTo(digests.rootHash());
    assertThat(said).containsExactly("programmed a");

    put("a", EARLY, parts("node-1", "node-1"));
    said.clear();
    datapath.spoil(vip("203.0.113.1"));
    programmer.audit();
    assertThat(said).as("mended").containsExactly("programmed a");

    put("a", EARLY, parts("node-2", "node-2"));
    assertThat(programmer.exceptions()).isEmpty();
    assertThat(datapath.readBack(vip("203.0.113.1")).orElseThrow().access().unavailable())
        .isEqualTo(io.xdplb.core.model.UnavailablePolicy.DROP);
    assertThat(datapath.readBack(vip("203.0.113.1")).orElseThrow().ring().size()).isZero();

    put("a", EARLY, new ForwardingTableSpec("1".repeat(64), both.vips()));
    assertThat(programmer.exceptions().get(name("a")).message())
        .contains("operator and agent are of different versions");
  }

  @Test
  void anAddressIsAnnouncedOnlyFromWhereItHasSomethingToSendTo() {
    Ip address = Ip.parse("203.0.113.1");
    assertThat(programmer.serving((vip, backend) -> true)).isEmpty();
    put("a", EARLY, parts("node-1", "node-2"));
    assertThat(programmer.serving((vip, backend) -> true)).containsExactly(address);
    assertThat(programmer.serving((vip, backend) -> false)).as("without a route").isEmpty();

    put("a", EARLY, parts("node-2", "node-2")); // traffic policy Local, and none here
    assertThat(programmer.serving((vip, backend) -> true)).isEmpty();
    put("a", EARLY, parts("node-1", "node-2"));
    assertThat(programmer.serving((vip, backend) -> true)).containsExactly(address);
    programmer.accept(List.of(new TableProgrammer.Change(name("a"), null, null)));
    assertThat(programmer.serving((vip, backend) -> true)).as("gone").isEmpty();
  }

  @Test
  void aTableWhoseSlicesAreMissingTouchesNothingAndSaysSo() {
    ForwardingTableSpec old = table("203.0.113.1", 3);
    put("a", EARLY, old);
    ForwardingTableSpec whole = pods("203.0.113.1", 1, 3000);
    TableSlices.Stored stored = TableSlices.split("a", whole, 0);
    datapath.operations.clear();
    said.clear();
    await("a", stored, 1, 2);
    assertThat(programmer.exceptions()).as("not at once").isEmpty();
    seconds += 3;
    await("a", stored, 2);
    programmer.continueDue();
    assertThat(programmer.exceptions()).isEmpty();
    seconds += 3;
    programmer.continueDue();
    assertThat(programmer.exceptions().get(name("a")).reason()).isEqualTo("SlicesMissing");
    assertThat(programmer.exceptions().get(name("a")).message())
        .contains("1 of its 4", stored.table().slices().get(2), "stays");
    assertThat(datapath.operations).isEmpty();
    TableDigests digests = new TableDigests();
    digests.put(name("a"), old.tableHash());
    assertThat(programmer.digests().rootHash()).as("it has proof").isEqualTo(digests.rootHash());
    put("a", EARLY, TableSlices.assemble(stored.table(), stored.slices()::get));
    assertThat(programmer.exceptions()).isEmpty();
    digests.put(name("a"), whole.tableHash());
    assertThat(programmer.digests().rootHash()).isEqualTo(digests.rootHash());
    assertThat(said).containsExactly("SlicesMissing a", "programmed a");
  }

  /** An agent starts between two writes of the operator, or before the slices are listed. */
  @Test
  void aTableThatIsNotCompleteYetKeepsWhatAnEarlierRunHasProgrammed() {
    put("a", EARLY, table("203.0.113.1", 3));
    datapath = datapath.reopened();
    programmer = programmer();
    TableSlices.Stored stored = TableSlices.split("a", pods("203.0.113.1", 1, 3000), 0);
    await("a", stored, 0, 1, 2, 3);
    put("b", LATE, table("203.0.113.1", 2));
    programmer.removeUnclaimed();
    assertThat(datapath.operations).isEmpty();
    assertThat(programmer.exceptions().get(name("b")).reason()).isEqualTo("AddressConflict");
    assertThat(programmer.digests().size()).isZero();
    remove("a");
    assertThat(programmer.exceptions()).isEmpty();
    assertThat(programmer.digests().size()).isOne();
  }

  @Test
  void slicesThatSomebodyHasChangedAreNotProgrammed() {
    put("a", EARLY, pods("203.0.113.1", 1, 3000));
    datapath.operations.clear();
    TableSlices.Stored stored = TableSlices.split("a", pods("203.0.113.1", 2, 3000), 0);
    TableSlices.Stored other = TableSlices.split("a", pods("203.0.113.1", 3, 3000), 0);
    Iterator<ForwardingTableSliceSpec> changed = other.slices().values().iterator();
    put("a", EARLY, TableSlices.assemble(stored.table(), name -> changed.next()));
    assertThat(datapath.operations).isEmpty();
    assertThat(programmer.exceptions().get(name("a")).reason()).isEqualTo("InvalidTable");
    assertThat(programmer.exceptions().get(name("a")).message())
        .contains("somebody has changed a slice");
  }

  private void await(String table, TableSlices.Stored stored, int... missing) {
    programmer.accept(
        List.of(
            new Change(
                name(table),
                EARLY,
                stored.table(),
                IntStream.of(missing).mapToObj(stored.table().slices()::get).toList())));
  }

  @Test
  void aNodeThatIsInAnotherZoneThanBeforeProgramsItsPartThere() {
    ForwardingTableSpec table = inZones("eu-1", "eu-2");
    put("a", EARLY, table);
    put("b", EARLY, table("203.0.113.2", 3));
    assertThat(takers()).as("in no zone").containsExactly("198.51.100.1", "198.51.100.2");
    TableDigests digests = new TableDigests();
    digests.put(name("a"), table.tableHash());
    digests.put(name("b"), table("203.0.113.2", 3).tableHash());
    said.clear();
    datapath.operations.clear();
    programmer.moveTo("eu-2");
    assertThat(takers()).containsExactly("198.51.100.2");
    assertThat(datapath.backends(vip("203.0.113.1"))).as("keeps its flows").hasSize(2);
    assertThat(said).containsExactly("programmed a");
    assertThat(programmer.digests().rootHash()).isEqualTo(digests.rootHash());
    assertThat(datapath.operations).allMatch(o -> o.vip().equals(vip("203.0.113.1")));

    datapath.operations.clear();
    programmer.moveTo("eu-2");
    assertThat(datapath.operations).isEmpty();
    put("a", EARLY, inZones("eu-2", "eu-1"));
    assertThat(takers()).containsExactly("198.51.100.1");
    programmer.moveTo(null);
    assertThat(takers()).containsExactly("198.51.100.1", "198.51.100.2");
  }

  private List<String> takers() {
    return datapath.backends(vip("203.0.113.1")).entrySet().stream()
        .filter(backend -> backend.getValue().takesNewFlows())
        .map(backend -> backend.getKey().address().toString())
        .sorted()
        .toList();
  }

  /** Two pods of 203.0.113.1:80, for these zones. */
  private static ForwardingTableSpec inZones(String zone1, String zone2) {
    return ofPods(
        LoadBalancerSpec.TrafficPolicy.External.Cluster,
        new Endpoint(
            "198.51.100.1",
            80,
            EndpointConditions.ABSENT,
            null,
            new Hints(Set.of(), Set.of(zone1))),
        new Endpoint(
            "198.51.100.2",
            80,
            EndpointConditions.ABSENT,
            null,
            new Hints(Set.of(), Set.of(zone2))));
  }

  /** Two pods of 203.0.113.1:80, on these nodes. */
  private static ForwardingTableSpec parts(String node1, String node2) {
    return ofPods(
        LoadBalancerSpec.TrafficPolicy.External.Local,
        new Endpoint("198.51.100.1", 80, EndpointConditions.ABSENT, node1),
        new Endpoint("198.51.100.2", 80, EndpointConditions.ABSENT, node2));
  }

  private static ForwardingTableSpec ofPods(
      LoadBalancerSpec.TrafficPolicy.External external, Endpoint... pods) {
    ServicePort port = new ServicePort("web", Protocol.TCP, 80);
    return ((CompileResult.Compiled)
            Compiler.compile(
                new CompileInput(
                    name("any"),
                    new LoadBalancerSpec(
                        new LoadBalancerSpec.Addresses(List.of("203.0.113.1")),
                        List.of(
                            new Listener(
                                "http",
                                Protocol.TCP,
                                80,
                                List.of(
                                    new LoadBalancerSpec.Backend(
                                        new LoadBalancerSpec.ServiceRef("web", 80), null, 1)))),
                        null,
                        null,
                        null,
                        null,
                        new LoadBalancerSpec.TrafficPolicy(external),
                        null,
                        null),
                    Map.of(port, new ServiceEndpoints.Resolved(List.of(pods))))))
        .table();
  }

  private static ForwardingTableSpec range(String address, int first, int last) {
    return compiled(address, List.of(listener(first, last)), null, null);
  }

  private void put(String table, Instant createdAt, ForwardingTableSpec spec) {
    programmer.accept(List.of(new Change(name(table), createdAt, spec)));
  }

  private void remove(String table) {
    programmer.accept(List.of(new Change(name(table), null, null)));
  }
}
