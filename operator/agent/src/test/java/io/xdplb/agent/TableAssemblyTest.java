// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import static io.xdplb.agent.TestTables.name;
import static io.xdplb.agent.TestTables.pods;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.ForwardingTableSliceSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.table.TableHash;
import io.xdplb.core.table.TableSlices;
import io.xdplb.core.table.TableSlices.Stored;
import io.xdplb.core.table.Tables;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TableAssemblyTest {

  private static final Instant CREATED = Instant.parse("2026-01-01T00:00:00Z");
  private static final ObjectName WEB = name("web");
  private static final Stored FIRST = TableSlices.split("web", pods("203.0.113.1", 1, 3000), 0);
  private static final Stored SECOND = TableSlices.split("web", pods("203.0.113.1", 1, 2999), 4);

  /** What it was told last: a table, names that are missing, or nothing. */
  private final class Told implements TableAssembly.Receiver {
    private ForwardingTableSpec table;
    private List<String> missing = List.of();
    private int tables;

    @Override
    public void table(ObjectName name, Instant createdAt, ForwardingTableSpec spec) {
      assertThat(name).isEqualTo(WEB);
      assertThat(createdAt).isEqualTo(CREATED);
      table = spec;
      missing = List.of();
      tables++;
    }

    @Override
    public void incomplete(
        ObjectName name, Instant createdAt, ForwardingTableSpec spec, List<String> names) {
      assertThat(name).isEqualTo(WEB);
      missing = names;
    }

    @Override
    public void removed(ObjectName name) {
      table = null;
      missing = List.of();
    }
  }

  private final Told told = new Told();
  private final TableAssembly assembly = new TableAssembly(told);

  private void table(Stored stored) {
    assembly.table(WEB, CREATED, stored.table());
  }

  private void slice(String name) {
    ForwardingTableSliceSpec spec =
        FIRST.slices().containsKey(name) ? FIRST.slices().get(name) : SECOND.slices().get(name);
    assembly.slice(name(name), spec);
  }

  private void remove(String name) {
    assembly.sliceRemoved(name(name));
  }

  /** The one slice that the second version has and the first has not, or the other way round. */
  private static String only(Stored stored, Stored other) {
    List<String> names = new ArrayList<>(stored.table().slices());
    names.removeAll(other.table().slices());
    assertThat(names).hasSize(1);
    return names.get(0);
  }

  private void isWhole(Stored stored) {
    assertThat(told.missing).isEmpty();
    assertThat(told.table.tableHash()).isEqualTo(stored.table().tableHash());
    assertThat(TableHash.desired(Tables.toVips(told.table))).isEqualTo(told.table.tableHash());
  }

  @Test
  void aSmallTablePassesThrough() {
    ForwardingTableSpec small = TestTables.table("203.0.113.1", 3);
    assembly.table(WEB, CREATED, small);
    assertThat(told.table).isSameAs(small);
  }

  @Test
  void aTableIsPassedOnWhenTheLastOfItsSlicesIsThere() {
    List<String> names = FIRST.table().slices();
    assertThat(names).hasSize(4);
    table(FIRST);
    assertThat(told.missing).isEqualTo(names);
    slice(names.get(2));
    slice(names.get(0));
    slice(names.get(1));
    assertThat(told.missing).containsExactly(names.get(3));
    assertThat(told.table).isNull();
    slice(names.get(3));
    isWhole(FIRST);
    slice(names.get(3));
    assertThat(told.tables).as("a repetition is no news").isOne();
  }

  /**
   * The informers of tables and slices are not in step with one another. Whatever the order, what
   * is passed on is one of the versions that were written, and in the end the last one.
   */
  @Test
  void everyOrderOfEventsEndsWithTheLastVersion() {
    String added = only(SECOND, FIRST);
    String dropped = only(FIRST, SECOND);
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 300; round++) {
      Told heard = new Told();
      TableAssembly fresh = new TableAssembly(heard);
      List<String> sliceEvents = new ArrayList<>(FIRST.table().slices());
      Collections.shuffle(sliceEvents, random);
      sliceEvents.add("+");
      sliceEvents.add("-");
      List<String> tableEvents = new ArrayList<>(List.of("1", "2"));
      List<String> order = new ArrayList<>();
      while (!sliceEvents.isEmpty() || !tableEvents.isEmpty()) {
        boolean ofTable =
            sliceEvents.isEmpty() || (!tableEvents.isEmpty() && random.nextInt(7) < 2);
        String event = (ofTable ? tableEvents : sliceEvents).remove(0);
        order.add(event);
        switch (event) {
          case "1" -> fresh.table(WEB, CREATED, FIRST.table());
          case "2" -> fresh.table(WEB, CREATED, SECOND.table());
          case "+" -> fresh.slice(name(added), SECOND.slices().get(added));
          case "-" -> fresh.sliceRemoved(name(dropped));
          default -> fresh.slice(name(event), FIRST.slices().get(event));
        }
        if (heard.table != null) {
          assertThat(TableHash.desired(Tables.toVips(heard.table)))
              .as("seed %d, %s", seed, order)
              .isEqualTo(heard.table.tableHash());
        }
      }
      assertThat(heard.missing).as("seed %d, %s", seed, order).isEmpty();
      assertThat(heard.table.tableHash())
          .as("seed %d, %s", seed, order)
          .isEqualTo(SECOND.table().tableHash());
    }
  }

  @Test
  void aSliceThatIsGoneIsGoodAsLongAsTheTableListsIt() {
    FIRST.table().slices().forEach(this::slice);
    table(FIRST);
    FIRST.table().slices().forEach(this::remove);
    isWhole(FIRST);
    table(FIRST);
    isWhole(FIRST);
    table(SECOND);
    assertThat(told.missing).containsExactly(only(SECOND, FIRST));
    slice(only(SECOND, FIRST));
    isWhole(SECOND);
    table(FIRST);
    assertThat(told.missing)
        .as("what no table listed any more is forgotten")
        .containsExactly(only(FIRST, SECOND));
  }

  @Test
  void aTableShrinksIntoOneObjectAndIsDeleted() {
    FIRST.table().slices().forEach(this::slice);
    table(FIRST);
    ForwardingTableSpec small = TestTables.table("203.0.113.1", 3);
    assembly.table(WEB, CREATED, small);
    assertThat(told.table).isSameAs(small);
    FIRST.table().slices().forEach(this::remove);
    assertThat(told.table).isSameAs(small);
    table(FIRST);
    assertThat(told.missing).isEqualTo(FIRST.table().slices());
    assembly.removed(WEB);
    assertThat(told.missing).isEmpty();
    FIRST.table().slices().forEach(this::slice);
    assertThat(told.table).as("slices of a table that is gone").isNull();
  }

  @Test
  void aSliceOfAnotherNamespaceOrTableIsNone() {
    table(FIRST);
    for (Map.Entry<String, ForwardingTableSliceSpec> slice : FIRST.slices().entrySet()) {
      assembly.slice(new ObjectName("other", slice.getKey()), slice.getValue());
    }
    assertThat(told.missing).isEqualTo(FIRST.table().slices());
  }
}
