// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One fault at a time, on a LAN that is otherwise well. */
class TakeoverTest {

  private static World settled(int size, int addresses) {
    long seed = System.nanoTime();
    System.out.println("TakeoverTest seed " + seed);
    World world = new World(seed, size, addresses, Timing.DEFAULT);
    world.nodes.forEach(node -> world.after(world.random.nextInt(2_000_000), node::boot));
    world.run(2_000_000);
    world.makeAllEligible();
    world.untilOwned(6_000);
    world.run(5_000_000);
    return world;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5, 7})
  void anotherNodeHasADeadNodesAddressesInLessThanASecond(int size) {
    World world = settled(size, 1000);
    Map<Ip, World.Node> before = world.owners();
    World.Node dead = world.nodes.get(0);
    dead.kill();
    long took = world.untilOwned(1_000);
    System.out.println(size + " nodes: 1000 addresses, taken over after " + took + " ms");
    assertThat(took).isLessThan(1_000);
    before.forEach(
        (ip, owner) -> {
          if (owner != dead) {
            assertThat(world.owner(ip)).contains(owner);
          }
        });
    Map<Ip, World.Node> after = world.owners();
    dead.boot();
    world.run(20_000_000);
    assertThat(world.owners()).as("a node that is back takes nothing back").isEqualTo(after);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5})
  void restartingAgentsMovesNothing(int size) {
    World world = settled(size, 200);
    Map<Ip, World.Node> before = world.owners();
    long moves = world.moves;
    for (World.Node node : world.nodes) {
      node.crash();
      alwaysOwned(world, 3_000);
      node.start();
      alwaysOwned(world, 2_000);
      assertThat(node.agent.isInStep(node.clock())).isTrue();
    }
    assertThat(world.owners()).isEqualTo(before);
    assertThat(world.moves).isEqualTo(moves);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void aFrozenAgentMovesNothing(int size) {
    World world = settled(size, 200);
    Map<Ip, World.Node> before = world.owners();
    for (World.Node node : world.nodes) {
      node.freeze();
      alwaysOwned(world, 10_000);
      node.thaw();
      alwaysOwned(world, 3_000);
    }
    assertThat(world.owners()).isEqualTo(before);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4})
  void nothingHappensWhileTheApiServerIsAway(int size) {
    World world = settled(size, 200);
    Map<Ip, World.Node> before = world.owners();
    world.nodes.forEach(node -> node.setApi(false));
    alwaysOwned(world, 60_000);
    assertThat(world.owners()).isEqualTo(before);
    if (size > 2) {
      world.nodes.get(1).crash();
      alwaysOwned(world, 2_000);
      world.nodes.get(1).start();
      alwaysOwned(world, 2_000);
      world.nodes.get(0).kill();
      if (size == 3) {
        assertThat(world.untilOwned(1_000)).isLessThan(1_000);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 5})
  void aNodeThatLeavesIsFollowedAtOnce(int size) {
    World world = settled(size, 1000);
    World.Node leaver = world.nodes.get(0);
    leaver.leave();
    assertThat(world.untilOwned(1_000)).isLessThan(150);
    assertThat(world.owners()).hasSize(1000).doesNotContainValue(leaver);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 5, 7})
  void addressesAreSpreadEvenly(int size) {
    World world = settled(size, 1000);
    Map<World.Node, Integer> shares = new HashMap<>();
    world.owners().values().forEach(node -> shares.merge(node, 1, Integer::sum));
    double fair = 1000.0 / size;
    double deviation = Math.sqrt(fair * (1 - 1.0 / size));
    System.out.println(size + " nodes: " + shares.values());
    assertThat(shares).hasSize(size);
    assertThat(List.copyOf(shares.values()))
        .allSatisfy(
            n -> assertThat((double) n).isBetween(fair - 4 * deviation, fair + 4 * deviation));
  }

  @Test
  void nobodyIsSilentWhileMembersComeAndGo() {
    World world = settled(4, 100);
    Map<String, Member> all = Map.copyOf(world.wanted);
    for (int gone = 3; gone > 0; gone--) {
      World.Node node = world.nodes.get(gone);
      node.leave();
      world.run(500_000);
      world.wanted.remove(node.name);
      alwaysOwned(world, 6_000);
      assertThat(world.published.members()).hasSize(gone);
      assertThat(world.published.witness()).isEqualTo(gone % 2 == 0);
      node.kill();
      alwaysOwned(world, 1_000);
    }
    Map<Ip, World.Node> before = world.owners();
    for (int back = 1; back < 4; back++) {
      World.Node node = world.nodes.get(back);
      world.ips.forEach(ip -> node.eligible.put(ip, true));
      node.boot();
      world.wanted.put(node.name, all.get(node.name));
      alwaysOwned(world, 6_000);
      assertThat(world.published.members()).hasSize(back + 1);
    }
    assertThat(world.owners()).isEqualTo(before);
    world.nodes.get(0).kill();
    assertThat(world.untilOwned(1_000)).isLessThan(1_000);
  }

  @Test
  void whatChangesCostsAndWhatDoesNotDoesNot() {
    World world = settled(3, 1000);
    long before = world.statesSent;
    world.run(10_000_000);
    assertThat(world.statesSent).isEqualTo(before);
    Ip one = world.ips.get(7);
    World.Node owner = world.owner(one).orElseThrow();
    owner.setEligible(one, false);
    world.run(1_000_000);
    assertThat(world.owner(one)).isPresent().get().isNotEqualTo(owner);
    assertThat(world.statesSent - before).isBetween(1L, 40L);
  }

  private static void alwaysOwned(World world, long millis) {
    for (long passed = 0; passed < millis; passed += 10) {
      world.run(10_000);
      assertThat(world.unowned()).as("seed %d, after %d us", world.seed, world.now).isEmpty();
    }
  }
}
