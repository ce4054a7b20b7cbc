// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A world of two or three nodes in which nothing is left to chance, so that all that can happen in
 * it can be enumerated: time goes in steps of a hello, a packet arrives in the step in which it was
 * sent unless a {@link Deviation} says otherwise.
 */
final class SmallWorld {

  /** Packets of 200 ms are late; a grant is two steps long, the witness' vote three. */
  static final Timing TIMING = new Timing(100, 200, 194, 0, 300, 290);

  private static final long STEP = 100;

  /** What a node does not do as usual; most are undone by the same again. */
  enum Kind {
    FREEZE,
    STALL_1,
    STALL_2,
    CRASH,
    RESTART,
    KILL,
    ISOLATE,
    CUT,
    HOLD,
    HOLD_AND_REPEAT,
    ELIGIBLE,
    API_AWAY,
  }

  /**
   * @param to for links: {@code node} to {@code to}; for {@link Kind#ELIGIBLE} the address
   */
  record Deviation(Kind kind, int node, int to) {}

  private static final class Node {
    final int index;
    boolean isUp;
    long bootedAt;
    DatapathModel datapath;
    Announcer agent;
    boolean isFrozen;

    /** Freezes after so many outputs; negative: does not. */
    int stallAfter = -1;

    final ArrayDeque<Object> inbox = new ArrayDeque<>();
    final ArrayDeque<Output> undone = new ArrayDeque<>();
    final boolean[] eligible;

    Node(int index, int addresses) {
      this.index = index;
      this.eligible = new boolean[addresses];
      java.util.Arrays.fill(eligible, true);
    }
  }

  private final Node[] nodes;

  /** The API server is the last one. */
  private final List<ArrayDeque<Object>> links = new ArrayList<>();

  private final boolean[] isCut;
  private final boolean[] isHeld;
  private final Membership membership;
  private final List<Ip> ips;
  private WitnessVote vote = WitnessVote.NEVER_WRITTEN;
  private long time;
  private long runs;

  SmallWorld(int size, int addresses) {
    nodes = new Node[size];
    isCut = new boolean[(size + 1) * (size + 1)];
    isHeld = new boolean[isCut.length];
    List<Member> members = new ArrayList<>();
    for (int i = 0; i < isCut.length; i++) {
      links.add(new ArrayDeque<>());
    }
    for (int i = 0; i < size; i++) {
      members.add(new Member(i, "node" + i, Ip.parse("198.51.100." + (i + 1))));
    }
    membership = new Membership(1, false, members, size % 2 == 0);
    List<Ip> all = new ArrayList<>();
    // The first address of each node's own, by rendezvous.
    for (int i = 0; all.size() < addresses; i++) {
      Ip ip = Ip.parse("203.0.113." + i);
      int best = 0;
      for (int node = 1; node < size; node++) {
        if (score(node, ip) > score(best, ip)) {
          best = node;
        }
      }
      if (best == all.size() % size) {
        all.add(ip);
      }
    }
    ips = List.copyOf(all);
    for (int i = 0; i < size; i++) {
      nodes[i] = new Node(i, addresses);
    }
    for (Node node : nodes) {
      boot(node);
    }
  }

  private static long score(int node, Ip ip) {
    return Rendezvous.score(Rendezvous.seed("node" + node), ip);
  }

  /** All that could be done otherwise in a step. */
  List<Deviation> deviations() {
    List<Deviation> all = new ArrayList<>();
    for (Node node : nodes) {
      for (Kind kind : Kind.values()) {
        switch (kind) {
          case CUT, HOLD, HOLD_AND_REPEAT -> {
            for (Node to : nodes) {
              if (to != node) {
                all.add(new Deviation(kind, node.index, to.index));
              }
            }
            if (kind == Kind.HOLD && membership.witness()) {
              all.add(new Deviation(kind, node.index, nodes.length));
            }
          }
          case ISOLATE -> {
            if (nodes.length > 2) {
              all.add(new Deviation(kind, node.index, 0));
            }
          }
          case API_AWAY -> {
            if (membership.witness()) {
              all.add(new Deviation(kind, node.index, 0));
            }
          }
          default -> all.add(new Deviation(kind, node.index, 0));
        }
      }
    }
    return all;
  }

  void deviate(Deviation deviation) {
    Node node = nodes[deviation.node()];
    int link = link(node.index, deviation.to());
    switch (deviation.kind()) {
      case FREEZE -> {
        if (node.isFrozen) {
          thaw(node);
        } else {
          node.isFrozen = node.agent != null;
        }
      }
      case STALL_1 -> node.stallAfter = 1;
      case STALL_2 -> node.stallAfter = 2;
      case CRASH -> {
        if (node.agent != null) {
          crash(node);
        } else if (node.isUp) {
          start(node);
        }
      }
      case RESTART -> {
        if (node.isUp) {
          crash(node);
          start(node);
        }
      }
      case KILL -> {
        if (node.isUp) {
          crash(node);
          node.isUp = false;
        } else {
          boot(node);
        }
      }
      case ISOLATE -> {
        boolean isolated = !isCut[link(node.index, (node.index + 1) % nodes.length)];
        for (Node other : nodes) {
          isCut[link(node.index, other.index)] = isolated;
          isCut[link(other.index, node.index)] = isolated;
        }
      }
      case CUT -> isCut[link] = !isCut[link];
      case HOLD -> isHeld[link] = !isHeld[link];
      case HOLD_AND_REPEAT -> {
        // What was held comes twice, and in the other order at first.
        isHeld[link] = !isHeld[link];
        if (!isHeld[link]) {
          List.copyOf(links.get(link)).forEach(links.get(link)::addFirst);
        }
      }
      case ELIGIBLE -> {
        node.eligible[deviation.to()] = !node.eligible[deviation.to()];
        if (node.agent != null) {
          input(node, Map.of(ips.get(deviation.to()), node.eligible[deviation.to()]));
        }
      }
      case API_AWAY -> {
        int api = nodes.length;
        isCut[link(node.index, api)] ^= true;
        isCut[link(api, node.index)] ^= true;
        if (!isCut[link(api, node.index)]) {
          send(api, node.index, vote);
        }
      }
    }
    deliver();
  }

  /** A hello's time passes for all; who is neither frozen nor dead sends; what was sent arrives. */
  void step() {
    time += STEP;
    check("as time passes");
    for (Node node : nodes) {
      if (node.agent != null && !node.isFrozen) {
        input(node, "tick");
      }
    }
    deliver();
  }

  private void deliver() {
    for (boolean any = true; any; ) {
      any = false;
      for (int link = 0; link < links.size(); link++) {
        if (!isHeld[link] && !links.get(link).isEmpty()) {
          any = true;
          Object content = links.get(link).remove();
          if (!isCut[link]) {
            arrive(link / (nodes.length + 1), link % (nodes.length + 1), content);
          }
        }
      }
    }
  }

  private void arrive(int from, int to, Object content) {
    if (to == nodes.length) {
      WitnessVote next = (WitnessVote) content;
      if (next.number() == vote.number() + 1) {
        vote = next;
        for (Node node : nodes) {
          send(to, node.index, vote);
        }
      } else {
        send(to, from, vote);
      }
      return;
    }
    Node node = nodes[to];
    if (!node.isUp) {
      return;
    }
    if (content instanceof Hello hello && !hello.isReflection()) {
      send(to, from, node.datapath.receive(hello, clock(node)));
      check("after a hello to node" + to);
    } else if (node.agent != null) {
      input(node, content);
    }
  }

  private void input(Node node, Object event) {
    if (node.isFrozen) {
      if (node.inbox.size() < 40) {
        node.inbox.add(event);
      }
      return;
    }
    Announcer agent = node.agent;
    long now = clock(node);
    if (event instanceof Hello reflection) {
      node.undone.addAll(agent.reflected(now, reflection));
    } else if (event instanceof Message message) {
      node.undone.addAll(agent.received(now, message));
    } else if (event instanceof WitnessVote witness) {
      node.undone.addAll(agent.witnessed(now, witness));
    } else if (event instanceof Map<?, ?> changes) {
      @SuppressWarnings("unchecked")
      Map<Ip, Boolean> eligible = (Map<Ip, Boolean>) changes;
      node.undone.addAll(agent.eligible(now, eligible));
    } else {
      node.undone.addAll(agent.tick(now, node.datapath));
    }
    perform(node);
  }

  private void perform(Node node) {
    while (!node.isFrozen && !node.undone.isEmpty()) {
      if (node.stallAfter == 0) {
        node.isFrozen = true;
        node.stallAfter = -1;
        return;
      }
      node.stallAfter -= node.stallAfter > 0 ? 1 : 0;
      Output output = node.undone.remove();
      if (output instanceof Output.SendHello hello) {
        send(node.index, hello.hello().to(), hello.hello());
      } else if (output instanceof Output.Send send) {
        send(node.index, send.to(), send.message());
      } else if (output instanceof Output.AskWitness ask) {
        send(node.index, nodes.length, ask.next());
      } else {
        node.datapath.write(output);
        check("after node" + node.index + " did " + output);
      }
    }
  }

  private void thaw(Node node) {
    node.isFrozen = false;
    perform(node);
    while (!node.isFrozen && !node.inbox.isEmpty()) {
      input(node, node.inbox.remove());
    }
  }

  private void boot(Node node) {
    node.isUp = true;
    node.bootedAt = time;
    node.datapath = new DatapathModel(++runs << 32, TIMING);
    start(node);
  }

  private void start(Node node) {
    node.agent =
        new Announcer(
            "node" + node.index, ++runs << 32, TIMING, node.datapath.state(), clock(node));
    node.undone.addAll(node.agent.membership(clock(node), membership));
    perform(node);
    if (!isCut[link(nodes.length, node.index)]) {
      input(node, vote);
    }
    for (int i = 0; i < ips.size(); i++) {
      input(node, Map.of(ips.get(i), node.eligible[i]));
    }
  }

  private void crash(Node node) {
    node.agent = null;
    node.isFrozen = false;
    node.stallAfter = -1;
    node.inbox.clear();
    node.undone.clear();
  }

  private void send(int from, int to, Object content) {
    links.get(link(from, to)).add(content);
  }

  private int link(int from, int to) {
    return from * (nodes.length + 1) + to;
  }

  /** Far apart, so that one node's time taken for another's would be seen; anew with each boot. */
  private long clock(Node node) {
    return 10_000L * (nodes.length - node.index) + time - node.bootedAt;
  }

  private void check(String when) {
    for (Ip ip : ips) {
      int owners = 0;
      for (Node node : nodes) {
        owners += node.isUp && node.datapath.answers(ip, clock(node)) ? 1 : 0;
      }
      if (owners > 1) {
        throw new AssertionError(owners + " nodes answer for " + ip + " " + when);
      }
    }
  }

  int owned() {
    int owned = 0;
    for (Ip ip : ips) {
      for (Node node : nodes) {
        owned += node.isUp && node.datapath.answers(ip, clock(node)) ? 1 : 0;
      }
    }
    return owned;
  }
}
