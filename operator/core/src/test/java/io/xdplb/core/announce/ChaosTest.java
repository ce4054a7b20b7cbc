// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Everything that can go wrong, at any time and together, with as many nodes and addresses as
 * chance has it. {@link World} looks after each event whether two nodes answer for one address;
 * here is looked whether all is well again when the faults are over.
 */
class ChaosTest {

  private static final int ROUNDS = Integer.getInteger("xdplb.announce.rounds", 8);
  private static final long FAULTS_MILLIS = 12_000;

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5, 6, 7})
  void neverTwoOwnersAndOneWhenTheFaultsAreOver(int size) {
    long seed = Long.getLong("xdplb.announce.seed", System.nanoTime());
    System.out.println("ChaosTest with " + size + " nodes, seed " + seed);
    // What only makes ownership steadier must not be what makes it safe.
    Timing hasty = new Timing(100, 500, 480, 0, 10_000, 9_700);
    World world = new World(seed, size, 90, seed % 2 == 0 ? hasty : Timing.DEFAULT);
    Random random = world.random;
    long slowest = 0;
    for (int round = 0; round < ROUNDS; round++) {
      world.loss = random.nextInt(3) == 0 ? random.nextDouble() * 0.3 : 0;
      world.late = random.nextInt(3) == 0 ? random.nextDouble() * 0.3 : 0.01;
      world.twice = random.nextInt(3) == 0 ? 0.3 : 0.01;
      world.freezeChance = random.nextInt(3) == 0 ? 0.001 : 0;
      boolean isMembersChanging = random.nextInt(3) == 0;
      for (long until = world.now + FAULTS_MILLIS * 1000; world.now < until; ) {
        fault(world, isMembersChanging);
        world.run(1_000 + random.nextInt(random.nextBoolean() ? 30_000 : 700_000));
      }
      world.heal();
      // A newer membership may be on its way, and an agent has yet to hear of its epoch; a vote of
      // the witness that somebody died with runs out.
      world.run(size % 2 == 0 || isMembersChanging ? 25_000_000 : 0);
      slowest = Math.max(slowest, world.untilOwned(1_500));
      world.run(3_000_000);
      assertThat(world.unowned()).as("seed " + seed).isEmpty();
    }
    System.out.printf(
        "  slowest %d ms, %d moves, %d runs of agents, %d messages, %d times looked%n",
        slowest, world.moves, world.starts, world.messages, world.checks);
    assertThat(world.checks).isPositive();
  }

  /** Short, with much of the same in a short time, between calm in which all have their owners. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4})
  void neverTwoOwnersInStormsOfOneKind(int size) {
    long seed = Long.getLong("xdplb.announce.seed", System.nanoTime());
    System.out.println("ChaosTest, storms on " + size + " nodes, seed " + seed);
    World world = new World(seed, size, 6, new Timing(100, 500, 480, 0, 2_000, 1_900));
    Random random = world.random;
    for (int round = 0; round < 10 * ROUNDS; round++) {
      world.heal();
      world.makeAllEligible();
      world.run(1_000_000 + random.nextInt(1_500_000));
      world.loss = random.nextInt(4) == 0 ? 0.2 : 0;
      world.late = random.nextInt(4) == 0 ? 0.2 : 0;
      world.jitter = random.nextInt(2) == 0 ? random.nextDouble() : 0;
      world.freezeChance = random.nextInt(2) == 0 ? 0.02 : 0;
      World.Node victim = world.nodes.get(random.nextInt(size));
      int kind = random.nextInt(6);
      for (long until = world.now + 1_500_000; world.now < until; ) {
        World.Node node = world.nodes.get(random.nextInt(size));
        switch (kind) {
          case 0 -> node.setEligible(world.ips.get(random.nextInt(6)), random.nextBoolean());
          case 1 -> {
            node.crash();
            world.after(random.nextInt(2) * random.nextInt(900_000), node::start);
            setCut(world, List.of(victim), random.nextInt(4) > 0);
          }
          case 2 -> setCut(world, List.of(node), random.nextBoolean());
          case 3 -> {
            node.freeze();
            world.after(random.nextInt(900_000), node::thaw);
            setCut(world, List.of(victim), random.nextBoolean());
          }
          case 4 -> {
            victim.kill();
            victim.boot();
            setCut(world, List.of(node), random.nextInt(3) == 0);
          }
          default -> node.setApi(random.nextBoolean());
        }
        world.run(1_000 + random.nextInt(kind == 0 ? 20_000 : 400_000));
      }
    }
    assertThat(world.checks).isPositive();
  }

  private static void fault(World world, boolean isMembersChanging) {
    Random random = world.random;
    World.Node node = world.nodes.get(random.nextInt(world.nodes.size()));
    World.Node other = world.nodes.get(random.nextInt(world.nodes.size()));
    switch (random.nextInt(20)) {
      case 0 -> node.kill();
      case 1, 2 -> node.boot();
      case 3 -> node.crash();
      case 4, 5 -> node.start();
      case 6 -> {
        node.crash();
        node.start();
      }
      case 7 -> {
        node.freeze();
        world.after(random.nextInt(3_000_000), node::thaw);
      }
      case 8 -> {
        node.kill();
        node.boot();
      }
      case 9, 10 -> setCut(world, List.of(node), true);
      case 11, 12 -> setCut(world, List.of(node), false);
      case 13 -> world.cut[node.index][other.index] ^= true;
      case 14 -> {
        List<World.Node> half = new ArrayList<>(world.nodes);
        Collections.shuffle(half, random);
        setCut(world, half.subList(0, half.size() / 2), random.nextBoolean());
      }
      case 15 -> node.setApi(!node.hasApi);
      case 16, 17, 18 -> {
        for (Ip ip : world.ips) {
          if (random.nextInt(4) == 0) {
            node.setEligible(ip, random.nextInt(4) > 0);
          }
        }
      }
      default -> {
        if (isMembersChanging && world.wanted.size() > 1 && world.wanted.containsKey(node.name)) {
          world.wanted.remove(node.name);
        } else {
          world.wanted.put(
              node.name, new Member(0, node.name, Ip.parse("198.51.100." + (node.index + 1))));
        }
      }
    }
  }

  private static void setCut(World world, List<World.Node> some, boolean isCut) {
    for (World.Node one : some) {
      for (World.Node other : world.nodes) {
        if (!some.contains(other)) {
          world.cut[one.index][other.index] = isCut;
          world.cut[other.index][one.index] = isCut;
        }
      }
    }
  }
}
