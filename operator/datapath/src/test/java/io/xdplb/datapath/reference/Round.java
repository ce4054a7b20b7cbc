// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.datapath.DropReason;
import io.xdplb.datapath.reference.ReferenceEgress.Left;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Traffic.Drawn;
import io.xdplb.libbpf.BpfObject;
import io.xdplb.libbpf.TestRun;
import io.xdplb.libbpf.XdpAction;
import io.xdplb.testing.packet.Hexdump;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * One table with its changes, and packets that go through the program that ships and through the
 * model, each of them compared. Everything but the datapath's choice of ports follows from a seed.
 */
final class Round {
  private static final int PACKETS_TO_A_CHANGE = 150;
  private static final int CHANGES_TOLD = 6;
  private static final int LINEAR = 1000; // all headers are within
  private static final int DIFFERENCES_TOLD = 10;
  private static final int TC_ACT_UNSPEC = -1;
  private static final byte[] LAN_MAC = {2, 0, 0, 0, 0, 0x33};
  private static final int TC_ACT_REDIRECT = 7;

  private final ReferenceLab lab;
  private final String name;
  private final Random random;
  private final BpfObject object;
  private final KernelTables kernel;
  private final World world;
  private final Traffic traffic;
  private final Mutation mutation;
  private final FlowTable flows = new FlowTable();
  private final Announcing announcing;
  private final ReferenceDatapath model;
  private final ReferenceEgress egress;
  private final Map<DropReason, Long> drops = new EnumMap<>(DropReason.class);
  private final Deque<String> changes = new ArrayDeque<>();
  private final Map<String, Integer> seen;
  private final int jiffies;
  private final byte[] percpu;

  /**
   * @param name which round it is, for whoever wants to see it again
   * @param seen how often what has come out, over all rounds
   */
  Round(
      ReferenceLab lab,
      BpfObject object,
      KernelTables kernel,
      String name,
      long seed,
      Map<String, Integer> seen) {
    this.lab = lab;
    this.object = object;
    this.kernel = kernel;
    this.name = name;
    this.seen = seen;
    random = new Random(seed);
    percpu = new byte[object.map("drops").info().valueBytes()];
    world = new World(random, this::compareCounters);
    traffic = new Traffic(world, flows, random);
    mutation = new Mutation(random);
    Machine machine = new Machine(world.table, flows, lab);
    int[] links = {lab.ifindex(0), lab.ifindex(1)};
    byte[][] macs = {lab.mac(links[0]), LAN_MAC, lab.mac(links[1])};
    announcing = new Announcing(links, macs);
    model = new ReferenceDatapath(machine, announcing);
    egress = new ReferenceEgress(machine, model.translation());
    jiffies = object.program("jiffies").testRun(new byte[14]).verdict();
    for (int link = 0; link < 2; link++) {
      kernel.putInterface(lab.ifindex(link), lab.mac(lab.ifindex(link)));
    }
    kernel.reset();
    kernel.configure(world.table, random.nextInt());
    kernel.write(world.table, jiffies);
    kernel.configure(links, macs);
    claim();
    for (DropReason reason : DropReason.values()) {
      drops.put(reason, 0L);
    }
  }

  /** Runs so many packets, changing the table in between; fails at the first that differs. */
  void run(int packets) {
    for (int number = 0; number < packets; number++) {
      if (random.nextInt(PACKETS_TO_A_CHANGE) == 0) {
        changes.add("before packet " + number + ": " + world.change());
        if (changes.size() > CHANGES_TOLD) {
          changes.remove();
        }
        kernel.write(world.table, jiffies);
        claim();
      }
      Drawn drawn = traffic.next();
      int link = drawn.link();
      if (drawn.leaving()) {
        leave(number, drawn.frame());
      } else {
        byte[] frame = drawn.frame();
        if (random.nextInt(100) < 8) {
          frame = mutation.tagged(frame);
        }
        if (random.nextInt(100) < 30) {
          frame = mutation.of(frame);
          link = 0; // whose address the kernel does not know now is answered there
        }
        receive(number, frame, lab.ifindex(link));
      }
    }
    world.listeners().forEach(listener -> listener.backends.forEach(this::compareCounters));
    compareDrops();
    compareAnnouncing();
    compareFlows();
  }

  private void claim() {
    announcing.change(world.table.addresses.keySet(), random);
    kernel.write(announcing);
  }

  private void receive(int number, byte[] frame, int ifindex) {
    int linear = frame.length > LINEAR && random.nextBoolean() ? LINEAR : frame.length;
    TestRun.Result result = object.program("xdplb").testRun(lab.received(frame, ifindex, linear));
    int tags = Plain.tags(frame);
    byte[] emitted = result.action() == XdpAction.DROP ? new byte[0] : result.data();
    Arrival arrival = null;
    String wrong;
    if (tags < 0) {
      byte[] answer = frame.clone();
      XdpAction asked = announcing.arp(answer, ifindex);
      wrong =
          asked == XdpAction.DROP && result.action() == XdpAction.DROP
              ? null
              : same(asked == null ? XdpAction.PASS : asked, answer, result);
    } else {
      int vlan = Announcing.vlan(frame, tags);
      arrival = Arrival.of(Plain.of(frame, tags), tags, ifindex, vlan, emitted);
      wrong = wrong(frame, tags, model.receive(arrival), result);
    }
    if (wrong != null) {
      throw new AssertionError(message(number, frame, arrival, wrong));
    }
    seen.merge(result.action().name(), 1, Integer::sum);
  }

  /** Null if all is as it should be. */
  private String wrong(byte[] frame, int tags, Outcome expected, TestRun.Result result) {
    XdpAction action = result.action();
    if (expected == null) {
      return same(XdpAction.PASS, frame, result);
    }
    if (expected.action() == XdpAction.DROP && action != XdpAction.DROP) {
      return "DROP expected for one of %s, found %s of\n%s\n"
          .formatted(expected.reasons(), action, hex(result.data()));
    }
    if (expected.action() != XdpAction.DROP) {
      String different = same(expected.action(), expected.frame().tagged(frame, tags), result);
      if (different != null) {
        return different;
      }
    }
    return expected.reasons().isEmpty() ? null : counted(expected.reasons());
  }

  private static String same(XdpAction action, byte[] frame, TestRun.Result result) {
    return action == result.action() && Arrays.equals(frame, result.data())
        ? null
        : different(action.name(), frame, result.action().name(), result.data());
  }

  private static String different(String verdict, byte[] frame, String found, byte[] actual) {
    return "%s expected of\n%s\nfound %s of\n%s\n%s"
        .formatted(verdict, hex(frame), found, hex(actual), Hexdump.difference(frame, actual));
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  private void leave(int number, byte[] frame) {
    TestRun.Result result = object.program("xdplb_egress").testRun(frame);
    Arrival arrival = Arrival.of(Plain.of(frame, 0), 0, 0, 0, result.data());
    Left left = egress.leave(arrival);
    int verdict = left != null && left.redirected() ? TC_ACT_REDIRECT : TC_ACT_UNSPEC;
    byte[] out = left == null ? frame : out(arrival.frame(), left).tagged(frame, 0);
    boolean asItWas = left != null && left.orAsItWas() && Arrays.equals(frame, result.data());
    if (verdict != result.verdict() || !asItWas && !Arrays.equals(out, result.data())) {
      String wrong =
          different("on the way out, " + verdict, out, "" + result.verdict(), result.data());
      throw new AssertionError(message(number, frame, arrival, wrong));
    }
    seen.merge(
        left == null ? "left alone" : left.redirected() ? "led back" : "left", 1, Integer::sum);
  }

  private static Plain out(Plain frame, Left left) {
    byte[] to = left.toSelf() ? frame.sourceMac() : frame.destinationMac();
    return Plain.between(to, frame.sourceMac(), frame.ipv6(), left.packet());
  }

  private String message(int number, byte[] frame, Arrival arrival, String wrong) {
    return "packet %d of %s, %d bytes:\n%s\n\n%s\ncounted: %s\nthe model:\n%s\nthe last changes:\n%s"
        .formatted(
            number,
            name,
            frame.length,
            hex(frame),
            wrong,
            news(),
            arrival == null ? "  no IP packet" : arrival.thoughts(),
            String.join("\n", changes));
  }

  // ---- counters

  /** What was counted by the last packet. */
  private List<DropReason> news() {
    return drops.keySet().stream().filter(r -> dropsOf(r) != drops.get(r)).toList();
  }

  /** Null if exactly one of these reasons was counted, and once. */
  private String counted(Set<DropReason> reasons) {
    long more = 0;
    for (DropReason reason : reasons) {
      long now = dropsOf(reason);
      long before = drops.put(reason, now);
      if (now != before) {
        more += now - before;
        seen.merge(reason.name(), 1, Integer::sum);
      }
    }
    return more == 1 ? null : "%d of %s were counted".formatted(more, reasons);
  }

  private void compareDrops() {
    for (DropReason reason : DropReason.values()) {
      if (dropsOf(reason) != drops.get(reason)) {
        throw new AssertionError(
            "%s: %d drops for %s, %d were expected"
                .formatted(name, dropsOf(reason), reason, drops.get(reason)));
      }
    }
  }

  private void compareAnnouncing() {
    long[] counted = kernel.announceCounts();
    long[] vote = kernel.vote(Announcing.PEER_SLOT);
    if (!Arrays.equals(counted, announcing.counts)
        || vote[0] != announcing.until
        || vote[1] != announcing.epoch) {
      throw new AssertionError(
          "%s: %s counted and vote %s; %s and %d, %d expected"
              .formatted(
                  name,
                  Arrays.toString(counted),
                  Arrays.toString(vote),
                  Arrays.toString(announcing.counts),
                  announcing.until,
                  announcing.epoch));
    }
    for (Announcing.Count what : Announcing.Count.values()) {
      seen.merge(what.name(), (int) counted[what.ordinal()], Integer::sum);
    }
  }

  private long dropsOf(DropReason reason) {
    object.map("drops").lookup(KernelTables.key(reason.ordinal() + 1), percpu);
    ByteBuffer values = ByteBuffer.wrap(percpu).order(ByteOrder.nativeOrder());
    long sum = 0;
    while (values.hasRemaining()) {
      sum += values.getLong();
    }
    return sum;
  }

  /** What was counted of a backend, before its place is somebody else's. */
  private void compareCounters(Backend backend) {
    String counted = kernel.counters(Handles.index(backend.handle)).toString();
    if (!counted.equals(backend.counters.toString())) {
      throw new AssertionError(
          "%s: of %s\n%s were counted, and should have been\n%s"
              .formatted(name, backend, counted, backend.counters));
    }
  }

  private void compareFlows() {
    List<String> differences = FlowComparison.differences(world.table, flows, kernel.flows());
    if (!differences.isEmpty()) {
      throw new AssertionError(
          "%s: %d flows differ:\n%s"
              .formatted(
                  name,
                  differences.size(),
                  differences.stream().limit(DIFFERENCES_TOLD).collect(Collectors.joining("\n"))));
    }
    seen.merge("flows compared", flows.alive().size(), Integer::sum);
  }
}
