// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.announce;

import io.xdplb.core.model.Ip;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Decides, together with those of the other members, for which addresses this node answers ARP and
 * NDP: never two nodes for one address. docs/announcing.md says how, and why that is so.
 *
 * <p>Each method is told what has happened and returns what to do, in that order. Times are
 * milliseconds of the machine's monotonic clock, the same that the datapath reads. The clock must
 * be read <em>after</em> that which it is passed with was received: a message that was received
 * later than it says would be a promise that ends too early.
 *
 * <p>A <em>run</em> is the life of one such object: from when the agent starts to when it ends. Not
 * safe for use by several threads at once.
 */
public final class Announcer {

  /** One address, as this node sees it. */
  private static final class Address {
    boolean isEligible;

    /** Whether we only have it from the agent before, and were not yet told whether it is. */
    boolean isInherited;

    /** Number of our claim, 0 if none. While we claim, our own support is ours. */
    long claim;

    /** A bit for each member that supports our claim, with our own. */
    long supporters;

    boolean isOwner;

    /** Whom else we support; {@link AddressState#NOBODY} if none. */
    int supported = AddressState.NOBODY;

    long supportedClaim;

    /** Since when we know of it. */
    final long knownAt;

    /** Since when nobody claims it; negative if somebody does. */
    long unclaimedSince = -1;

    /** When we may claim it again, after a claim that could not win. */
    long retryAt = Long.MIN_VALUE;

    Address(long knownAt) {
      this.knownAt = knownAt;
    }
  }

  /** Who claims an address, and what of it matters for whether to support it. */
  private record Claimant(Peer peer, AddressState state, boolean isTaking, long score) {
    static final Comparator<Claimant> BEST =
        Comparator.<Claimant, Boolean>comparing(c -> c.state.owner() && c.isTaking)
            .thenComparing(c -> c.state.owner())
            .thenComparing(Claimant::isTaking)
            .thenComparing(Claimant::score);
  }

  /** For so many times {@link Timing#settle} the first ones wait for the others. */
  private static final int GATHER = 5;

  private static final int PATIENCE = 10;

  private final String name;
  private final long seed;
  private final long run;
  private final Timing timing;
  private final DatapathState found;
  private final Seat seat;

  private final Board board = new Board();
  private final Map<Ip, Address> addresses = new HashMap<>();

  /** Addresses that we claim: those that the datapath has. */
  private final Set<Ip> claims = new LinkedHashSet<>();

  /** Addresses that have to be looked at as time goes by. */
  private Set<Ip> open = new LinkedHashSet<>();

  /** The other members, by slot; empty while we are none. */
  private final TreeMap<Integer, Peer> peers = new TreeMap<>();

  private Membership membership;
  private int slot = AddressState.NOBODY;
  private long adoptedAt;
  private boolean isReached;

  /** What our datapath counts by. */
  private Output.Count count;

  /** For claims and for writing the witness' vote: no number is used twice, also by another run. */
  private long lastNumber;

  /** Before this we support nobody new: there may be promises that we do not know of. */
  private long votesFrom;

  private boolean isVoting;

  /** Since when there have been enough of us for a majority, and we are one of them. */
  private long togetherSince = Long.MAX_VALUE;

  private boolean isLeaving;
  private long calledAt;
  private long helloAt = Long.MIN_VALUE / 2;

  /** Who was alive and taking at the last tick, and whether we held the witness' vote. */
  private List<Integer> liveness = List.of();

  private List<Output> out = new ArrayList<>();

  /**
   * Begins a run. Nothing moves by that: what the datapath has stays claimed.
   *
   * @param name of this node
   * @param run a random number, not 0
   * @param found what the datapath has. There must be no other run of this node, and none may begin
   *     with another datapath before the one here has been taken away
   * @param now the time
   */
  public Announcer(String name, long run, Timing timing, DatapathState found, long now) {
    this.name = name;
    this.seed = Rendezvous.seed(name);
    this.run = run;
    this.lastNumber = run;
    this.timing = timing;
    this.found = found;
    this.count = found.config();
    this.seat = new Seat(name, timing, found.witnessUntil());
    this.votesFrom = now + timing.grant();
    this.calledAt = now;
    found
        .claims()
        .forEach(
            (ip, claim) -> {
              Address address = address(ip, now);
              address.claim = claim.number();
              address.supporters = claim.supporters();
              address.isInherited = true;
              claims.add(ip);
            });
  }

  /**
   * The membership as the API server has it, read so that it is not older than when this run began.
   */
  public List<Output> membership(long now, Membership newest) {
    begin(now);
    adopt(now, newest);
    return flush(now);
  }

  /**
   * This node can announce these addresses, or, if {@code false}, no longer can. What the datapath
   * had when this run began is kept until it is said here.
   */
  public List<Output> eligible(long now, Map<Ip, Boolean> changes) {
    begin(now);
    changes.forEach(
        (ip, isEligible) -> {
          if (isEligible || addresses.containsKey(ip)) {
            Address address = address(ip, now);
            address.isEligible = isEligible && !isLeaving;
            address.isInherited = false;
            look(ip, now);
          }
        });
    return flush(now);
  }

  /** Gives up all addresses, for good: the agent is about to leave the node. */
  public List<Output> leave(long now) {
    begin(now);
    isLeaving = true;
    addresses
        .values()
        .forEach(
            address -> {
              address.isEligible = false;
              address.isInherited = false;
            });
    lookAtAll(now);
    return flush(now);
  }

  /** The answer of another node's datapath to a hello of ours. */
  public List<Output> reflected(long now, Hello reflection) {
    begin(now);
    Peer peer = peers.get(reflection.to());
    if (peer != null
        && reflection.isReflection()
        && reflection.from() == slot
        && reflection.run() == run) {
      peer.reflected(reflection, now, timing);
    }
    return flush(now);
  }

  /** A message of another agent. */
  public List<Output> received(long now, Message message) {
    begin(now);
    if (message instanceof Message.News news) {
      // A node that remembers nothing must not begin with what may be out of date.
      if (membership != null || found.epoch() > 0) {
        adopt(now, news.membership());
      }
    } else if (message instanceof Message.State state) {
      Peer peer = peers.get(state.from());
      if (peer != null
          && state.to() == slot
          && state.instance() == found.instance()
          && peer.accepts(state)) {
        received(now, peer, state);
      }
    }
    return flush(now);
  }

  /** What the API server has of the witness' vote: after asking for it, or as it changes. */
  public List<Output> witnessed(long now, WitnessVote vote) {
    begin(now);
    seat.observed(vote, now, out);
    return flush(now);
  }

  /**
   * Time has passed. To be called at least once in {@link Timing#hello}; four times makes takeovers
   * quicker.
   *
   * @param fence what the datapath has now
   */
  public List<Output> tick(long now, Fence fence) {
    begin(now);
    if (membership == null) {
      return flush(now);
    }
    if (slot != AddressState.NOBODY) {
      boolean used =
          seat.ask(needsWitness(now, fence), membership.epoch(), lastNumber + 1, now, out);
      lastNumber += used ? 1 : 0;
      moveCount(now, fence);
    }
    List<Integer> before = liveness;
    liveness = liveness(now);
    boolean begins = !isVoting && now >= votesFrom;
    isVoting = now >= votesFrom;
    togetherSince = isVoting && isMajority(now) ? Math.min(togetherSince, now) : Long.MAX_VALUE;
    if (begins || !before.equals(liveness)) {
      lookAtAll(now);
    } else {
      Set<Ip> due = open;
      open = new LinkedHashSet<>();
      due.forEach(ip -> look(ip, now));
    }
    if (!isReached && now - adoptedAt > timing.grant()) {
      isReached = true;
      out.add(new Output.Reached(membership.epoch()));
    }
    if (now - helloAt >= timing.hello()) {
      helloAt = now;
      peers.values().forEach(peer -> greet(peer, now));
      board.prune(peers.values().stream().mapToLong(p -> p.acked).min().orElse(board.version()));
    }
    return flush(now);
  }

  /**
   * Whether all members that are alive know what this one says, and it knows theirs, and no other
   * needs the witness' vote: while that is not so, restarting another agent may leave too few
   * votes.
   */
  public boolean isInStep(long now) {
    return membership != null
        && now >= votesFrom
        && !(membership.witness() && seat.isOthers())
        && peers.values().stream()
            .filter(peer -> peer.isAlive(now, timing))
            .allMatch(peer -> peer.isComplete() && peer.acked == board.version());
  }

  /** What it goes by; empty while it has none. */
  public Optional<Membership> membership() {
    return Optional.ofNullable(membership);
  }

  /** Whether another member claims an address, as far as we know. */
  public boolean isClaimedElsewhere(Ip ip) {
    return peers.values().stream().anyMatch(peer -> peer.state(ip).claim() != 0);
  }

  /**
   * Whether this node is a member, and knows what all others that are alive claim: before that, an
   * owner of ours cannot be told from a stranger.
   */
  public boolean knowsClaims(long now) {
    return slot != AddressState.NOBODY
        && now >= votesFrom
        && peers.values().stream()
            .filter(peer -> peer.isAlive(now, timing))
            .allMatch(Peer::isComplete);
  }

  /** What each call begins with. */
  private void begin(long now) {
    if (now - calledAt >= timing.grant()) {
      // We were frozen, and know nothing of who is alive.
      waitToVote(now);
    }
    calledAt = now;
  }

  private void waitToVote(long now) {
    votesFrom = Math.max(votesFrom, now + timing.grant());
    isVoting = false;
    togetherSince = Long.MAX_VALUE;
  }

  // --- membership

  private void adopt(long now, Membership newest) {
    if (newest.epoch() < found.epoch()
        || membership != null && newest.epoch() <= membership.epoch()) {
      return;
    }
    boolean isFirst = membership == null;
    membership = newest;
    adoptedAt = now;
    isReached = false;
    slot = newest.member(name).map(Member::slot).orElse(AddressState.NOBODY);
    for (Peer peer : List.copyOf(peers.values())) {
      if (slot == AddressState.NOBODY || !newest.members().contains(peer.member)) {
        forget(now, peer);
      }
    }
    for (Member member : slot == AddressState.NOBODY ? List.<Member>of() : newest.members()) {
      if (member.slot() != slot && !peers.containsKey(member.slot())) {
        // What we took from it when it was a member before, it may not know.
        Peer peer = new Peer(member, board.version());
        peer.acceptedRun = isFirst ? found.runs().getOrDefault(member.slot(), 0L) : 0;
        peers.put(member.slot(), peer);
      }
    }
    for (Ip ip : List.copyOf(claims)) {
      if (slot == AddressState.NOBODY || (addresses.get(ip).supporters & 1L << slot) == 0) {
        unclaim(ip, addresses.get(ip));
      }
    }
    if (slot != AddressState.NOBODY) {
      out.add(new Output.Vote(slot, Long.MAX_VALUE, newest.epoch()));
      if (count.epoch() == 0) {
        setCount();
      }
    }
    lookAtAll(now);
  }

  /**
   * It is no longer a member. What we promised it runs out, as it gets no more hellos. What it
   * promised us counts for as long as our datapath counts by a membership that it is in.
   */
  private void forget(long now, Peer peer) {
    int gone = peer.member.slot();
    peers.remove(gone);
    waitToVote(now);
    addresses.forEach(
        (ip, address) -> {
          if (address.supported == gone) {
            address.supported = AddressState.NOBODY;
            post(ip, address);
          }
        });
  }

  /**
   * Counts by the new membership when its votes suffice, also for all that we own by the old one;
   * or when those of the old one do not. Waits {@link #PATIENCE} grants for the former.
   */
  private void moveCount(long now, Fence fence) {
    if (count.epoch() == membership.epoch()) {
      return;
    }
    Output.Count next = newCount();
    boolean keepsAll =
        now - adoptedAt > PATIENCE * timing.grant()
            || claims.stream()
                .map(addresses::get)
                .allMatch(a -> isEnough(a, next, now) || !isEnough(a, count, now));
    if (keepsAll && granting(now, fence, next) >= next.quorum()
        || granting(now, fence, count) < count.quorum()) {
      setCount();
    }
  }

  /** Whether those who support our claim are a majority. */
  private boolean isEnough(Address address, Output.Count count, long now) {
    long witness = seat.isHeld(now) ? 1L << Membership.WITNESS : 0;
    return Long.bitCount((address.supporters | witness) & count.members()) >= count.quorum();
  }

  private Output.Count newCount() {
    return new Output.Count(membership.epoch(), membership.quorum(), membership.mask());
  }

  private void setCount() {
    count = newCount();
    out.add(count);
  }

  private static int granting(long time, Fence fence, Output.Count count) {
    int votes = 0;
    for (long left = count.members(); left != 0; left &= left - 1) {
      int member = Long.numberOfTrailingZeros(left);
      long ahead = fence.epoch(member) - count.epoch();
      votes += fence.until(member) > time && (ahead == 0 || ahead == 1) ? 1 : 0;
    }
    return votes;
  }

  // --- other members

  private void received(long now, Peer peer, Message.State state) {
    long runBefore = peer.run;
    boolean wasComplete = peer.isComplete() && runBefore == state.run();
    long hadBefore = peer.have;
    List<Ip> changed = peer.received(state, run);
    int from = state.from();
    if (peer.run != runBefore && peer.run != peer.acceptedRun) {
      // None of what the datapath has of this slot was promised by this run.
      claims.forEach(ip -> setSupporter(ip, addresses.get(ip), from, false));
      out.add(new Output.Accept(from, 0, 0));
      out.add(new Output.Vote(from, 0, 0));
      peer.acceptedRun = 0;
      open.addAll(claims);
    }
    for (Ip ip : changed) {
      Address address = address(ip, now);
      if (address.claim != 0 && (wasComplete || peer.state(ip).supports(slot, address.claim))) {
        setSupporter(ip, address, from, peer.state(ip).supports(slot, address.claim));
      }
      look(ip, now);
    }
    if (peer.isComplete() && !wasComplete) {
      for (Ip ip : List.copyOf(claims)) {
        Address address = addresses.get(ip);
        setSupporter(ip, address, from, peer.state(ip).supports(slot, address.claim));
        look(ip, now);
      }
    }
    if (peer.isConsistent() && (peer.acceptedRun != peer.run || peer.acceptedVersion < peer.have)) {
      peer.acceptedRun = peer.run;
      peer.acceptedVersion = peer.have;
      out.add(new Output.Accept(from, peer.run, peer.have));
    }
    if (peer.have != hadBefore && peer.sent == board.version()) {
      sendState(peer, peer.sent, peer.sent, List.of());
    }
  }

  private void greet(Peer peer, long now) {
    out.add(
        new Output.SendHello(
            new Hello(
                false,
                slot,
                peer.member.slot(),
                membership.epoch(),
                run,
                peer.withdrawn,
                now,
                peer.instance,
                peer.seen)));
    if (peer.epoch < membership.epoch() || !peer.isHeard(now, timing)) {
      out.add(new Output.Send(peer.member.slot(), new Message.News(membership)));
    }
    if (peer.seen > 0) {
      peer.sent = peer.acked;
      sendState(peer, peer.acked, peer.acked, List.of());
    }
  }

  /** Sends what has changed, and hands out all that is to be done. */
  private List<Output> flush(long now) {
    for (Peer peer : peers.values()) {
      while (peer.sent < board.version() && peer.isHeard(now, timing)) {
        List<Map.Entry<Long, AddressState>> changes = board.after(peer.sent, Message.MAX_STATES);
        long upTo =
            changes.size() < Message.MAX_STATES
                ? board.version()
                : changes.get(changes.size() - 1).getKey();
        sendState(peer, peer.sent, upTo, changes.stream().map(Map.Entry::getValue).toList());
        peer.sent = upTo;
      }
    }
    List<Output> all = out;
    out = new ArrayList<>();
    return all;
  }

  private void sendState(Peer peer, long since, long upTo, List<AddressState> changes) {
    out.add(
        new Output.Send(
            peer.member.slot(),
            new Message.State(
                slot,
                peer.member.slot(),
                membership.epoch(),
                run,
                peer.instance,
                peer.seen,
                peer.run,
                peer.have,
                since,
                upTo,
                upTo == board.version(),
                changes)));
  }

  private List<Integer> liveness(long now) {
    List<Integer> all = new ArrayList<>();
    for (Peer peer : peers.values()) {
      all.add((peer.isAlive(now, timing) ? 1 : 0) + (peer.isTaking(now, timing) ? 2 : 0));
    }
    all.add(seat.isHeld(now) ? 1 : 0);
    return all;
  }

  // --- the witness

  private boolean needsWitness(long now, Fence fence) {
    if (!membership.witness()) {
      return false;
    }
    long witness = 1L << Membership.WITNESS;
    int quorum = membership.quorum();
    Output.Count nodes = new Output.Count(membership.epoch(), quorum, membership.mask() & ~witness);
    return granting(now + timing.grant() / 2, fence, nodes) < quorum
        || seat.isHeld(now)
            && claims.stream().anyMatch(ip -> Long.bitCount(addresses.get(ip).supporters) < quorum);
  }

  private boolean hasWitness(long now) {
    return membership.witness() && seat.isHeld(now);
  }

  // --- addresses

  private Address address(Ip ip, long now) {
    return addresses.computeIfAbsent(ip, any -> new Address(now));
  }

  private void lookAtAll(long now) {
    open = new LinkedHashSet<>();
    List.copyOf(addresses.keySet()).forEach(ip -> look(ip, now));
  }

  /** Does what there is to do about an address. */
  private void look(Ip ip, long now) {
    Address address = addresses.get(ip);
    if (membership == null || address == null) {
      return;
    }
    if (address.supported != AddressState.NOBODY
        && peers.get(address.supported).state(ip).claim() != address.supportedClaim) {
      address.supported = AddressState.NOBODY;
    }
    Optional<Claimant> best = best(ip, now);
    if (address.claim != 0) {
      setOwner(ip, address, now);
      if (mustGiveUp(ip, address, best, now)) {
        unclaim(ip, address);
      }
    }
    if (address.claim == 0) {
      Optional<Claimant> rival = best.filter(c -> c.state.owner() || c.isTaking);
      if (rival.isPresent() || address.unclaimedSince < 0) {
        address.unclaimedSince = rival.isPresent() ? -1 : now;
      }
      if (rival.isEmpty() && mayClaim(ip, address, now)) {
        claim(ip, address, now);
      } else if (best.isPresent() && isFree(address, now)) {
        support(ip, address, best.get(), now);
      }
    }
    post(ip, address);
    if (!isSettled(ip, address, now)) {
      open.add(ip);
    } else if (!address.isEligible
        && address.claim == 0
        && address.supported == AddressState.NOBODY
        && peers.values().stream().noneMatch(peer -> peer.knows(ip))) {
      addresses.remove(ip);
    }
  }

  /** The one that is alive and claims it; of several, the one to support. */
  private Optional<Claimant> best(Ip ip, long now) {
    Claimant best = null;
    for (Peer peer : peers.values()) {
      AddressState state = peer.state(ip);
      if (state.claim() != 0 && peer.isAlive(now, timing)) {
        Claimant one =
            new Claimant(peer, state, peer.isTaking(now, timing), Rendezvous.score(peer.seed, ip));
        best = best == null || Claimant.BEST.compare(one, best) > 0 ? one : best;
      }
    }
    return Optional.ofNullable(best);
  }

  private boolean isSettled(Ip ip, Address address, long now) {
    if (address.isOwner) {
      return true;
    }
    if (address.supported != AddressState.NOBODY) {
      Peer peer = peers.get(address.supported);
      return peer.state(ip).owner() && peer.isAlive(now, timing);
    }
    return !address.isEligible
        && address.claim == 0
        && peers.values().stream().noneMatch(peer -> peer.knows(ip));
  }

  /** Whether our support is ours to give. */
  private boolean isFree(Address address, long now) {
    return now >= votesFrom
        && (address.supported == AddressState.NOBODY
            || !peers.get(address.supported).isAlive(now, timing));
  }

  /** Whether a claim could get the support of a majority, as far as we know. */
  private boolean isMajority(long now) {
    long votes =
        1
            + peers.values().stream().filter(peer -> peer.isTaking(now, timing)).count()
            + (hasWitness(now) ? 1 : 0);
    return slot != AddressState.NOBODY && votes >= membership.quorum();
  }

  private boolean mayClaim(Ip ip, Address address, long now) {
    if (!address.isEligible
        || togetherSince > now
        || now < address.retryAt
        || !isFree(address, now)) {
      return false;
    }
    long own = Rendezvous.score(seed, ip);
    int better = 0;
    boolean isFirst = true;
    boolean isNew = true;
    boolean isAll = true;
    for (Peer peer : peers.values()) {
      AddressState state = peer.state(ip);
      isNew &= state.claim() == 0;
      if (!peer.isTaking(now, timing)) {
        isAll = false;
      } else if (Rendezvous.score(peer.seed, ip) > own) {
        isFirst = false;
        better += state.eligible() ? 1 : 0;
      }
    }
    if (isNew && !isAll && now - togetherSince < GATHER * timing.settle()) {
      // All have just begun, and the rest will be here soon: it shall have its share.
      return false;
    }
    // One that should, but does not, gets some time; then the next one may.
    return (isFirst || now - Math.max(address.knownAt, togetherSince) >= timing.settle())
        && now - Math.max(address.unclaimedSince, togetherSince) >= better * timing.grant();
  }

  private void claim(Ip ip, Address address, long now) {
    int before = address.supported;
    address.supported = AddressState.NOBODY;
    address.claim = ++lastNumber;
    address.supporters = 1L << slot;
    address.unclaimedSince = -1;
    claims.add(ip);
    out.add(new Output.Claim(ip, address.supporters, address.claim));
    setOwner(ip, address, now);
    withdraw(ip, address, before);
  }

  private void support(Ip ip, Address address, Claimant claimant, long now) {
    int before = address.supported;
    address.supported = claimant.peer.member.slot();
    address.supportedClaim = claimant.state.claim();
    withdraw(ip, address, before == address.supported ? AddressState.NOBODY : before);
  }

  /** Posts that our support is no longer a node's, and makes our grant depend on its knowing it. */
  private void withdraw(Ip ip, Address address, int from) {
    post(ip, address);
    if (from != AddressState.NOBODY) {
      peers.get(from).withdrawn = board.version();
    }
  }

  private void unclaim(Ip ip, Address address) {
    out.add(new Output.Unclaim(ip));
    if (address.isOwner) {
      out.add(new Output.Owner(ip, false));
    }
    claims.remove(ip);
    address.claim = 0;
    address.supporters = 0;
    address.isOwner = false;
    post(ip, address);
  }

  private boolean mustGiveUp(Ip ip, Address address, Optional<Claimant> best, long now) {
    if (!address.isEligible) {
      return !address.isInherited;
    }
    if (count.epoch() != membership.epoch() && isEnough(address, count, now)) {
      return false;
    }
    int others = membership.witness() && seat.isOthers() ? 1 : 0;
    int silent = 0;
    for (Peer peer : peers.values()) {
      AddressState state = peer.state(ip);
      Peer supported = peers.get(state.supported());
      // What has been given up is supported for a moment more, by those who have not heard of it.
      if (supported != null
          && supported.state(ip).claim() == state.supportedClaim()
          && supported.isAlive(now, timing)) {
        others++;
      } else if (!peer.isTaking(now, timing)) {
        silent++;
      }
    }
    int voters = Long.bitCount(membership.mask());
    if (voters - others < membership.quorum()
        || !address.isOwner && others > 0 && voters - others - silent < membership.quorum()) {
      address.retryAt = now + timing.grant() / 2;
      return true;
    }
    return !address.isOwner
        && best.filter(c -> c.state.owner() || c.isTaking && c.score > Rendezvous.score(seed, ip))
            .isPresent();
  }

  private void setSupporter(Ip ip, Address address, int member, boolean supports) {
    long bit = 1L << member;
    if ((address.supporters & bit) != 0 != supports) {
      address.supporters ^= bit;
      out.add(new Output.Claim(ip, address.supporters, address.claim));
    }
  }

  private void setOwner(Ip ip, Address address, long now) {
    boolean isOwner = isEnough(address, newCount(), now) || isEnough(address, count, now);
    if (isOwner != address.isOwner) {
      address.isOwner = isOwner;
      out.add(new Output.Owner(ip, isOwner));
    }
  }

  private void post(Ip ip, Address address) {
    board.post(
        address.claim != 0
            ? new AddressState(
                ip, address.isEligible, address.isOwner, address.claim, slot, address.claim)
            : new AddressState(
                ip,
                address.isEligible,
                false,
                0,
                address.supported,
                address.supported == AddressState.NOBODY ? 0 : address.supportedClaim));
  }
}
