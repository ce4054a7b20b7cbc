// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What an agent knows of another member: of its datapath, of its agent, and what that says. */
final class Peer {

  private static final int MAX_EARLY = 64;

  final Member member;
  final long seed;

  /** Its datapath, and the newest time of it that we have seen; 0 if none. */
  long instance;

  long seen;

  /** When we saw that, by our clock: it is not given up before this is {@link Timing#grant} ago. */
  private long seenAt = Long.MIN_VALUE / 2;

  /** Our version in which we last took a support from it that it had not given back. */
  long withdrawn;

  /** Its agent's run; 0 if we have heard of none. */
  long run;

  /** The newest time of our datapath that its agent has told: it was alive then. */
  private long heard = Long.MIN_VALUE / 2;

  long epoch;

  /** Up to which version we have its state, of this run. */
  long have;

  /** What of our state it has, and what is on its way. */
  long acked;

  long sent;

  /** The run of which our datapath takes grants, up to which version. */
  long acceptedRun;

  long acceptedVersion;

  private final Map<Ip, AddressState> states = new HashMap<>();

  /** Addresses of which only its run before has told us. */
  private final Set<Ip> stale = new HashSet<>();

  private boolean isComplete;
  private boolean isLast;

  /** Parts of its state that came before those that they follow, by what they follow. */
  private final TreeMap<Long, Message.State> early = new TreeMap<>();

  Peer(Member member, long withdrawn) {
    this.member = member;
    this.seed = Rendezvous.seed(member.name());
    this.withdrawn = withdrawn;
  }

  /** What it says of an address, as far as we know. */
  AddressState state(Ip address) {
    AddressState state = states.get(address);
    return state == null ? AddressState.none(address) : state;
  }

  boolean knows(Ip address) {
    return states.containsKey(address);
  }

  /** All of which it says anything. */
  Set<Ip> addresses() {
    return states.keySet();
  }

  /** Whether its datapath may count our grant, and its node is taken for alive. */
  boolean isAlive(long now, Timing timing) {
    return now - seenAt < timing.grant();
  }

  /** Whether its agent, too, is taken for alive. */
  boolean isHeard(long now, Timing timing) {
    return isAlive(now, timing) && now - heard < timing.grant();
  }

  /** Whether it takes part in votes: it is heard, and we know what it claims and supports. */
  boolean isTaking(long now, Timing timing) {
    return isHeard(now, timing) && isComplete;
  }

  /** Whether all of its state is known, of some version. */
  boolean isComplete() {
    return isComplete;
  }

  /**
   * Whether what we have is its state as it was in version {@link #have}. In between it is not: an
   * address that has changed again since then is told of later.
   */
  boolean isConsistent() {
    return isLast;
  }

  /** Takes the answer of its datapath to one of our hellos. */
  void reflected(Hello reflection, long now, Timing timing) {
    if (now - reflection.sent() >= timing.grant()) {
      return;
    }
    if (reflection.instance() != instance || reflection.seen() > seen) {
      instance = reflection.instance();
      seen = reflection.seen();
      seenAt = now;
    }
  }

  /**
   * Whether a message is of its agent's present run, as far as we know. An agent that has begun
   * anew has seen a later time of our datapath than the one before it can have.
   */
  boolean accepts(Message.State message) {
    return message.run() == run || message.seen() > heard;
  }

  /** Takes what {@link #accepts} let through, and returns the addresses of which it says other. */
  List<Ip> received(Message.State message, long ourRun) {
    if (message.run() != run) {
      run = message.run();
      have = 0;
      acked = 0;
      sent = 0;
      isComplete = false;
      isLast = false;
      early.clear();
      stale.addAll(states.keySet());
    }
    heard = Math.max(heard, message.seen());
    epoch = Math.max(epoch, message.epoch());
    if (message.ackRun() == ourRun) {
      acked = Math.max(acked, message.ack());
      sent = Math.max(sent, acked);
    }
    List<Ip> changed = new ArrayList<>();
    if (message.since() > have && early.size() == MAX_EARLY) {
      return changed;
    }
    early.put(message.since(), message);
    while (!early.isEmpty() && early.firstKey() <= have) {
      Message.State next = early.pollFirstEntry().getValue();
      if (next.upTo() >= have) {
        apply(next, changed);
      }
    }
    return changed;
  }

  private void apply(Message.State message, List<Ip> changed) {
    have = message.upTo();
    for (AddressState state : message.changes()) {
      stale.remove(state.address());
      put(state, changed);
    }
    if (message.isLast()) {
      isComplete = true;
      stale.forEach(address -> put(AddressState.none(address), changed));
      stale.clear();
    }
    isLast = message.isLast();
  }

  private void put(AddressState state, List<Ip> changed) {
    AddressState before =
        state.isNothing() ? states.remove(state.address()) : states.put(state.address(), state);
    if (before == null ? !state.isNothing() : !before.equals(state)) {
      changed.add(state.address());
    }
  }
}
