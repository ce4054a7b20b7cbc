// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;

/**
 * Some nodes on a LAN, an API server, and a clock that nobody on it can read. Runs the agents' code
 * as it ships and {@link DatapathModel}, event by event, and after each event looks whether two
 * datapaths would answer for one address.
 *
 * <p>All times here are real microseconds; a node's own clock is off by anything, and by up to one
 * per cent in rate.
 */
final class World {

  /** One node: its datapath lives while it is up, its agent may come and go. */
  final class Node {
    final String name;
    final int index;
    final double rate;

    /** What its clock would have shown when the world began. */
    long offset;

    boolean isUp;
    DatapathModel datapath;
    Announcer agent;
    boolean isFrozen;

    /** What a frozen agent has not yet read, and not yet done. */
    private final Deque<Runnable> inbox = new ArrayDeque<>();

    private final Deque<Output> undone = new ArrayDeque<>();
    private int life;

    final Map<Ip, Boolean> eligible = new LinkedHashMap<>();
    final Set<Ip> owned = new HashSet<>();
    boolean hasApi = true;

    Node(int index) {
      this.index = index;
      this.name = "node" + index;
      this.rate = 1 + (random.nextDouble() * 2 - 1) / 100;
    }

    long clock() {
      return (long) (offset + now * rate) / 1000;
    }

    void boot() {
      if (!isUp) {
        isUp = true;
        // A clock of a machine begins when that does.
        offset = random.nextLong(1_000_000) - (long) (now * rate);
        datapath = new DatapathModel(random.nextLong(), timing);
        start();
      }
    }

    void kill() {
      if (isUp) {
        crash();
        isUp = false;
        setDatapathClaims(Set.of());
      }
    }

    void start() {
      if (!isUp || agent != null) {
        return;
      }
      int born = ++life;
      agent = new Announcer(name, random.nextLong(), timing, datapath.state(), clock());
      starts++;
      readApi(born);
      after(random.nextInt(30_000), () -> tell(born));
      everyTick(born);
    }

    private void tell(int born) {
      input(born, () -> agent.eligible(clock(), new LinkedHashMap<>(eligible)));
    }

    void crash() {
      agent = null;
      isFrozen = false;
      inbox.clear();
      undone.clear();
      life++;
    }

    void freeze() {
      isFrozen = agent != null;
    }

    void thaw() {
      isFrozen = false;
      perform();
      while (!isFrozen && !inbox.isEmpty()) {
        inbox.remove().run();
      }
    }

    void setEligible(Ip ip, boolean isEligible) {
      eligible.put(ip, isEligible);
      if (agent != null) {
        input(life, () -> agent.eligible(clock(), Map.of(ip, isEligible)));
      }
    }

    void leave() {
      ips.forEach(ip -> eligible.put(ip, false));
      input(life, () -> agent.leave(clock()));
    }

    boolean answers(Ip ip) {
      return isUp && datapath.answers(ip, clock());
    }

    private void everyTick(int born) {
      if (born != life) {
        return;
      }
      if (!isFrozen) {
        input(born, () -> agent.tick(clock(), datapath));
      }
      after(25_000 + random.nextInt(2_000), () -> everyTick(born));
    }

    private void readApi(int born) {
      if (born != life) {
        return;
      }
      if (hasApi) {
        Membership newest = published;
        WitnessVote seen = vote;
        after(
            apiDelay(),
            () -> {
              input(born, () -> agent.membership(clock(), newest));
              input(born, () -> agent.witnessed(clock(), seen));
            });
      } else {
        after(100_000, () -> readApi(born));
      }
    }

    /** Something reaches the agent of that life, if it still lives. */
    private void input(int born, java.util.function.Supplier<List<Output>> event) {
      if (born != life) {
        return;
      }
      if (isFrozen) {
        if (inbox.size() < 300) {
          inbox.add(() -> input(born, event));
        }
        return;
      }
      undone.addAll(event.get());
      perform();
    }

    private void perform() {
      while (!isFrozen && !undone.isEmpty()) {
        if (freezeChance > 0 && random.nextDouble() < freezeChance) {
          freeze();
          after(random.nextInt(random.nextBoolean() ? 3_000_000 : 300_000), this::thaw);
          return;
        }
        Output output = undone.remove();
        if (output instanceof Output.SendHello hello) {
          Hello sent = Hello.decode(hello.hello().encode());
          transmit(this, node(sent.to()), to -> reach(to, sent));
        } else if (output instanceof Output.Send send) {
          Message sent = Message.decode(send.message().encode());
          messages++;
          statesSent += sent instanceof Message.State state ? state.changes().size() : 0;
          transmit(
              this,
              node(send.to()),
              to -> {
                int reader = to.life;
                if (to.agent != null) {
                  to.input(reader, () -> to.agent.received(to.clock(), sent));
                }
              });
        } else if (output instanceof Output.AskWitness ask) {
          askApi(ask.next());
        } else if (output instanceof Output.Reached reached) {
          World.this.reached.put(name, reached.epoch());
        } else if (output instanceof Output.Owner owner) {
          if (owner.isOwner() ? owned.add(owner.address()) : owned.remove(owner.address())) {
            moves++;
          }
        } else {
          datapath.write(output);
          if (output instanceof Output.Claim || output instanceof Output.Unclaim) {
            setDatapathClaims(datapath.claims().keySet());
          }
        }
        check();
      }
    }

    private void reach(Node to, Hello hello) {
      Hello reflection = to.datapath.receive(hello, to.clock());
      transmit(
          to,
          this,
          from -> {
            int reader = from.life;
            if (from.agent != null) {
              from.input(reader, () -> from.agent.reflected(from.clock(), reflection));
            }
          });
    }

    private void askApi(WitnessVote next) {
      if (!hasApi) {
        return;
      }
      after(
          apiDelay(),
          () -> {
            if (vote.number() + 1 == next.number()) {
              vote = next;
              nodes.forEach(Node::watchWitness);
            } else {
              watchWitness();
            }
          });
    }

    private void watchWitness() {
      WitnessVote seen = vote;
      int born = life;
      if (hasApi && agent != null) {
        after(apiDelay(), () -> input(born, () -> agent.witnessed(clock(), seen)));
      }
    }

    /** The API server can be reached, or no longer; a watch begins with what is there. */
    void setApi(boolean has) {
      hasApi = has;
      if (has && agent != null) {
        readApi(life);
      }
    }

    private final Set<Ip> inDatapath = new HashSet<>();

    private void setDatapathClaims(Set<Ip> claims) {
      for (Ip ip : List.copyOf(inDatapath)) {
        if (!claims.contains(ip)) {
          inDatapath.remove(ip);
          claimants.get(ip).remove(this);
          contested.removeIf(c -> c.equals(ip) && claimants.get(ip).size() < 2);
        }
      }
      for (Ip ip : claims) {
        if (inDatapath.add(ip)) {
          Set<Node> all = claimants.computeIfAbsent(ip, any -> new LinkedHashSet<>());
          all.add(this);
          if (all.size() > 1) {
            contested.add(ip);
          }
        }
      }
    }
  }

  private record Event(long at, long order, Runnable what) implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      return at != other.at ? Long.compare(at, other.at) : Long.compare(order, other.order);
    }
  }

  private interface Arrival {
    void at(Node to);
  }

  final Timing timing;
  final Random random;
  final long seed;
  final List<Node> nodes = new ArrayList<>();
  final List<Ip> ips = new ArrayList<>();
  final boolean[][] cut;

  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private long order;
  private final Map<Ip, Set<Node>> claimants = new HashMap<>();
  private final Set<Ip> contested = new LinkedHashSet<>();

  long now;
  double loss;
  double late;
  double twice;
  double jitter;
  double freezeChance;
  long moves;
  long messages;
  long statesSent;
  long starts;
  long checks;

  Membership published;
  WitnessVote vote = WitnessVote.NEVER_WRITTEN;
  final Map<String, Long> reached = new HashMap<>();
  final Map<String, Member> wanted = new LinkedHashMap<>();

  World(long seed, int size, int addresses, Timing timing) {
    this.seed = seed;
    this.random = new Random(seed);
    this.timing = timing;
    this.cut = new boolean[size][size];
    for (int i = 0; i < size; i++) {
      nodes.add(new Node(i));
      wanted.put("node" + i, new Member(0, "node" + i, Ip.parse("198.51.100." + (i + 1))));
    }
    List<Member> members = new ArrayList<>();
    for (Member member : wanted.values()) {
      members.add(new Member(members.size(), member.name(), member.address()));
    }
    published = new Membership(1, false, members, size % 2 == 0);
    for (int i = 0; i < addresses; i++) {
      ips.add(
          i % 2 == 0
              ? Ip.parse("198.51.100.0").plus(java.math.BigInteger.valueOf(i))
              : Ip.parse("2001:db8::" + Integer.toHexString(i)));
    }
    everyOperator();
  }

  /** The node that has a slot, as the newest membership has it. */
  private Node node(int slot) {
    for (Member member : published.members()) {
      if (member.slot() == slot) {
        return nodes.get(Integer.parseInt(member.name().substring(4)));
      }
    }
    return null;
  }

  private void everyOperator() {
    Optional<Membership> next = published.next(wanted, reached, vote.epoch());
    if (next.isPresent()) {
      published = next.get();
      for (Node node : nodes) {
        int born = node.life;
        Membership newest = published;
        if (node.hasApi && node.agent != null) {
          after(
              apiDelay(),
              () -> node.input(born, () -> node.agent.membership(node.clock(), newest)));
        }
      }
    }
    after(100_000, this::everyOperator);
  }

  private long apiDelay() {
    long delay = 2_000 + random.nextInt(20_000);
    delay += random.nextDouble() < jitter ? random.nextInt(600_000) : 0;
    return delay + (random.nextDouble() < late ? random.nextInt(9_000_000) : 0);
  }

  void after(long micros, Runnable what) {
    events.add(new Event(now + micros, order++, what));
  }

  private void transmit(Node from, Node to, Arrival arrival) {
    if (to == null || !from.isUp) {
      return;
    }
    for (int copies = random.nextDouble() < twice ? 2 : 1; copies > 0; copies--) {
      if (random.nextDouble() < loss) {
        continue;
      }
      long delay = 50 + random.nextInt(1_000);
      if (random.nextDouble() < jitter) {
        delay += random.nextInt(150_000);
      }
      if (random.nextDouble() < late) {
        delay += random.nextInt(5_000_000);
      }
      // A packet that is late may have been on either side of a cut.
      boolean before = delay > 1_000_000 && random.nextBoolean();
      if (before && cut[from.index][to.index]) {
        continue;
      }
      after(
          delay,
          () -> {
            if (to.isUp && (before || !cut[from.index][to.index])) {
              arrival.at(to);
            }
          });
    }
  }

  void run(long micros) {
    long until = now + micros;
    while (!events.isEmpty() && events.peek().at <= until) {
      Event event = events.remove();
      now = event.at;
      event.what.run();
      check();
    }
    now = until;
  }

  /** The property. */
  private void check() {
    for (Ip ip : contested) {
      checks++;
      Node one = null;
      for (Node node : claimants.get(ip)) {
        if (node.answers(ip)) {
          if (one != null) {
            throw new AssertionError(
                "seed %d, after %d us: %s and %s both answer for %s: %s, %s"
                    .formatted(
                        seed,
                        now,
                        one.name,
                        node.name,
                        ip,
                        one.datapath.claims().get(ip),
                        node.datapath.claims().get(ip)));
          }
          one = node;
        }
      }
    }
  }

  /** Who answers for an address now. */
  Optional<Node> owner(Ip ip) {
    return nodes.stream().filter(node -> node.answers(ip)).findFirst();
  }

  Map<Ip, Node> owners() {
    Map<Ip, Node> owners = new HashMap<>();
    ips.forEach(ip -> owner(ip).ifPresent(node -> owners.put(ip, node)));
    return owners;
  }

  /** Addresses that a member that is up could announce, and nobody does. */
  List<Ip> unowned() {
    return ips.stream().filter(this::isUnowned).toList();
  }

  private boolean isUnowned(Ip ip) {
    return nodes.stream()
            .anyMatch(
                n ->
                    n.isUp
                        && n.agent != null
                        && published.member(n.name).isPresent()
                        && n.eligible.getOrDefault(ip, false))
        && owner(ip).isEmpty();
  }

  /** Runs until nothing is unowned; returns how long that took in milliseconds. */
  long untilOwned(long mostMillis) {
    long began = now;
    while (ips.stream().anyMatch(this::isUnowned)) {
      if (now - began > mostMillis * 1000) {
        throw new AssertionError(
            "seed %d: after %d ms nobody answers for %s".formatted(seed, mostMillis, unowned()));
      }
      run(2_000);
    }
    return (now - began) / 1000;
  }

  void makeAllEligible() {
    for (Node node : nodes) {
      ips.forEach(ip -> node.eligible.put(ip, true));
      if (node.agent != null) {
        node.tell(node.life);
      }
    }
  }

  void heal() {
    loss = late = twice = jitter = freezeChance = 0;
    for (boolean[] row : cut) {
      java.util.Arrays.fill(row, false);
    }
    for (Node node : nodes) {
      node.boot();
      node.start();
      if (node.isFrozen) {
        node.thaw();
      }
      node.setApi(true);
    }
  }
}
