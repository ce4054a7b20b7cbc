// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.agent.announce.Duplicates.Other;
import io.xdplb.agent.announce.LanPorts.Port;
import io.xdplb.api.v1alpha1.Limits;
import io.xdplb.api.v1alpha1.NodeStateStatus.Duplicate;
import io.xdplb.core.announce.Announcer;
import io.xdplb.core.announce.DatapathState;
import io.xdplb.core.announce.Hello;
import io.xdplb.core.announce.Member;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.announce.Message;
import io.xdplb.core.announce.Output;
import io.xdplb.core.announce.SipHash;
import io.xdplb.core.announce.Timing;
import io.xdplb.core.announce.WitnessVote;
import io.xdplb.core.model.Ip;
import io.xdplb.datapath.Announcements;
import io.xdplb.lan.LanFrames;
import io.xdplb.lan.LanFrames.Claim;
import io.xdplb.lan.LanSocket;
import io.xdplb.netlink.Links;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers for addresses on LANs, in agreement with the other members: gives {@link Announcer} a
 * clock, sockets and the datapath, and speaks to the LANs. One thread does all of it, and waits for
 * nothing but packets: what it does may be late by some milliseconds only.
 *
 * <p>Stopping it changes nothing on the LANs: the datapath goes on answering, and the other members
 * go on voting for it.
 */
public final class LanAnnouncer implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(LanAnnouncer.class);

  private static final Timing TIMING = Timing.DEFAULT;
  private static final long TICK = TIMING.hello() / 4;

  /** While there is something to tell a LAN, in small portions. */
  private static final long SHORT_TICK = 5;

  private static final long RESTART_AFTER = 1000;
  private static final int LONGEST_MESSAGE = 1 << 16;
  private static final int TAG = 8;

  /** When a node begins, all others tell it what they claim. The kernel may grant less. */
  private static final int RECEIVE_BUFFER = 4 << 20;

  private static final int NOBODY = -1;
  private static final int MOST_AT_A_TIME = 1024;

  /** After so long without a change an answering node's links are looked at all the same. */
  private static final long LINKS_AGAIN = 10_000;

  private final String name;
  private final Announcements datapath;
  private final MembershipService service;
  private final Consumer<AnnouncerReport> listener;
  private final Thread thread;
  private final Queue<Runnable> inbox = new ConcurrentLinkedQueue<>();
  private final CountDownLatch stopped = new CountDownLatch(1);
  private final SecureRandom random = new SecureRandom();
  private volatile Selector selector;
  private volatile boolean inStep;

  // Of the thread.
  private Announcer announcer;
  private DatagramChannel channel;
  private LanSocket lan;
  private SipHash tags;
  private SolicitedGroups groups;
  private final Voice voice = new Voice();
  private final Duplicates duplicates = new Duplicates();
  private LanPorts ports = LanPorts.NONE;
  private Set<String> attached;

  /** With the interfaces that policies name. */
  private Map<Ip, Set<String>> wanted;

  /** Claimed by the run before, and not decided on yet. */
  private Set<Ip> inherited = Set.of();

  private Map<Ip, Boolean> eligible = new HashMap<>();
  private final Map<Ip, Long> answeredOn = new HashMap<>();
  private final Set<Ip> owned = new TreeSet<>();
  private final Map<Integer, InetSocketAddress> members = new HashMap<>();
  private Membership known;
  private int slot = NOBODY;

  /** As the service has them: what another run begins with, too. */
  private Membership newest;

  private WitnessVote newestVote;
  private long epoch;
  private boolean hasChanged;
  private boolean isReportDue;
  private boolean knowsClaims;
  private final ByteBuffer in = ByteBuffer.allocate(LONGEST_MESSAGE);
  private long linksAt;
  private AnnouncerReport reported;
  private long lateLogged;

  /**
   * Does nothing before {@link #start}.
   *
   * @param name of this node, as the membership has it
   * @param datapath used by the new thread alone from then on, and closed by it
   * @param service closed with this
   * @param listener hears of each change, on the thread: it must not block
   */
  public LanAnnouncer(
      String name,
      Announcements datapath,
      MembershipService service,
      Consumer<AnnouncerReport> listener) {
    this.name = name;
    this.datapath = datapath;
    this.service = service;
    this.listener = listener;
    thread = new Thread(this::run, "announcer");
  }

  /** Starts, in the network namespace of the calling thread. */
  public void start() {
    thread.start();
    service.start(
        key -> tell(() -> use(SipHash.of(key))),
        membership ->
            tell(
                () -> {
                  newest = membership;
                  perform(announcer.membership(now(), membership));
                }),
        vote ->
            tell(
                () -> {
                  newestVote = vote;
                  perform(announcer.witnessed(now(), vote));
                }));
  }

  /**
   * Says which addresses this node could answer for, with the interfaces that policies name; none
   * for those that the program is on.
   */
  public void want(Map<Ip, Set<String>> addresses) {
    Map<Ip, Set<String>> copy = Map.copyOf(addresses);
    tell(
        () -> {
          wanted = copy;
          hasChanged = true;
        });
  }

  /** Says on which interfaces the program is. */
  public void attached(Set<String> interfaces) {
    Set<String> copy = Set.copyOf(interfaces);
    tell(
        () -> {
          attached = copy;
          linksAt = 0;
        });
  }

  /** Links have changed. */
  public void linksChanged() {
    tell(() -> linksAt = 0);
  }

  /**
   * Whether another agent may be restarted: all members that are alive know what this one says and
   * it knows theirs; or there are none.
   */
  public boolean isInStep() {
    return inStep;
  }

  /** Whether the thread is there. */
  boolean isRunning() {
    return thread.isAlive();
  }

  /** Ends the thread. Nothing changes on the LANs. */
  @Override
  public void close() {
    service.close();
    stopped.countDown();
    wakeup();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void tell(Runnable change) {
    inbox.add(change);
    wakeup();
  }

  private void wakeup() {
    Selector waiting = selector;
    if (waiting != null) {
      waiting.wakeup();
    }
  }

  private static long now() {
    return System.nanoTime() / 1_000_000;
  }

  private void run() {
    try {
      while (!isStopped(0)) {
        try {
          open();
          while (!isStopped(0)) {
            step();
          }
        } catch (IOException | RuntimeException e) {
          // What was to be done after the failure must not be: another run begins with what is so.
          log.error("announcing begins anew: {}", e.toString(), e);
          inStep = false;
        } finally {
          release();
        }
        isStopped(RESTART_AFTER);
      }
    } finally {
      datapath.close();
    }
  }

  private boolean isStopped(long wait) {
    try {
      return stopped.await(wait, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return true;
    }
  }

  private void open() throws IOException {
    lan = LanSocket.open();
    groups = new SolicitedGroups();
    channel = DatagramChannel.open();
    channel.configureBlocking(false);
    channel.setOption(StandardSocketOptions.SO_RCVBUF, RECEIVE_BUFFER);
    try {
      channel.bind(new InetSocketAddress(Announcements.HELLO_PORT));
    } catch (IOException e) {
      throw new IOException(
          "cannot listen for other nodes on UDP port %d: %s; `ss -lunp` shows who has it"
              .formatted(Announcements.HELLO_PORT, e.getMessage()),
          e);
    }
    selector = Selector.open();
    channel.register(selector, SelectionKey.OP_READ);
    long run = random.nextLong();
    DatapathState found = datapath.state();
    inherited = found.claims().keySet();
    announcer = new Announcer(name, run == 0 ? 1 : run, TIMING, found, now());
    tags = tags == null ? datapath.key().orElse(null) : tags;
    known = null;
    slot = NOBODY;
    members.clear();
    owned.clear();
    eligible = new HashMap<>();
    answeredOn.clear();
    reported = null;
    isReportDue = true;
    hasChanged = true;
    linksAt = 0;
    if (newest != null) {
      perform(announcer.membership(now(), newest));
    }
    if (newestVote != null) {
      perform(announcer.witnessed(now(), newestVote));
    }
  }

  private void use(SipHash key) {
    tags = key;
    if (slot != NOBODY) {
      datapath.configure(slot, key.key0(), key.key1(), TIMING.fence());
    }
  }

  private void release() {
    try {
      if (channel != null) {
        channel.close();
      }
      if (selector != null) {
        selector.close();
      }
    } catch (IOException e) {
      log.warn("closing the socket: {}", e.toString());
    }
    if (lan != null) {
      lan.close();
    }
    if (groups != null) {
      groups.close();
    }
    channel = null;
    selector = null;
    lan = null;
    groups = null;
  }

  private void step() throws IOException {
    long next = groups.isWaiting() ? 0 : Math.min(voice.nextDue(), duplicates.nextDue());
    long wait = now() < next ? TICK : SHORT_TICK;
    selector.select(wait);
    selector.selectedKeys().clear();
    receive();
    for (Runnable change = inbox.poll(); change != null; change = inbox.poll()) {
      change.run();
    }
    long now = now();
    if (now - linksAt >= LINKS_AGAIN || linksAt == 0) {
      linksAt = now;
      refreshLinks(now);
    }
    hear(now);
    decide(now);
    perform(announcer.tick(now(), datapath));
    speak(now());
    groups.joinSome();
    report(now());
  }

  // --- other nodes

  private void receive() throws IOException {
    for (int i = 0; i < MOST_AT_A_TIME && channel.receive(in.clear()) != null; i++) {
      long now = now();
      byte[] bytes = Arrays.copyOf(in.array(), in.position());
      if (tags == null
          || bytes.length < TAG
          || tag(bytes) != tags.tag(bytes, 0, bytes.length - TAG)) {
        continue; // not from one of us
      }
      perform(taken(now, bytes));
    }
  }

  /** What follows from a message of one of us; nothing if it is of another version. */
  private List<Output> taken(long now, byte[] bytes) {
    Hello hello = null;
    Message message = null;
    try {
      if (bytes.length == Hello.LENGTH && Hello.isHello(bytes)) {
        hello = Hello.decode(bytes);
      } else {
        message = Message.decode(bytes);
      }
    } catch (IllegalArgumentException e) {
      log.debug("a message of another version: {}", e.getMessage());
      return List.of();
    }
    return hello == null ? announcer.received(now, message) : announcer.reflected(now, hello);
  }

  private static long tag(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(bytes.length - TAG);
  }

  private void send(int to, byte[] bytes) throws IOException {
    InetSocketAddress address = members.get(to);
    if (address == null || tags == null) {
      return;
    }
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    out.putLong(bytes.length - TAG, tags.tag(bytes, 0, bytes.length - TAG));
    try {
      channel.send(out, address);
    } catch (IOException e) {
      // No route, or a link that is down: as if it had been lost on the way.
      long now = now();
      if (now - lateLogged > LINKS_AGAIN) {
        lateLogged = now;
        log.warn("cannot send to {}: {}", address, e.getMessage());
      }
    }
  }

  private void follow(Optional<Membership> now) throws IOException {
    if (now.isEmpty() || now.get().equals(known)) {
      return;
    }
    known = now.get();
    members.clear();
    for (Member member : known.members()) {
      members.put(
          member.slot(),
          new InetSocketAddress(
              InetAddress.getByAddress(member.address().bytes()), Announcements.HELLO_PORT));
    }
    int own = known.member(name).map(Member::slot).orElse(NOBODY);
    log.info(
        "membership {}: {} nodes, {}",
        known.epoch(),
        known.members().size(),
        own == NOBODY ? "this one is none of them" : "this one has slot " + own);
    boolean isOther = own != slot;
    slot = own;
    if (isOther && tags != null) {
      use(tags);
    }
  }

  private void perform(List<Output> outputs) {
    try {
      follow(announcer.membership());
      for (Output output : outputs) {
        perform(output);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void perform(Output output) throws IOException {
    if (output instanceof Output.SendHello hello) {
      send(hello.hello().to(), hello.hello().encode());
    } else if (output instanceof Output.Send message) {
      send(message.to(), message.message().encode());
    } else if (output instanceof Output.Owner owner) {
      own(owner.address(), owner.isOwner());
    } else if (output instanceof Output.AskWitness ask) {
      service.ask(ask.next());
    } else if (output instanceof Output.Reached reached) {
      epoch = reached.epoch();
      isReportDue = true;
    } else {
      datapath.write(output);
    }
  }

  private void own(Ip address, boolean isOwner) {
    isReportDue = true;
    if (isOwner) {
      owned.add(address);
      voice.begin(address, now());
      log.info("{} is answered for by this node", address);
    } else {
      owned.remove(address);
      voice.end(address);
      log.info("{} is no longer answered for by this node", address);
    }
  }

  // --- this node

  private void refreshLinks(long now) {
    LanPorts found = LanPorts.of(Links.list(), attached == null ? Set.of() : attached);
    if (!found.equals(ports)) {
      boolean isConnectedAgain =
          found.ports().stream()
              .filter(Port::carrier)
              .anyMatch(
                  port ->
                      ports.ports().stream()
                          .noneMatch(
                              before -> before.name().equals(port.name()) && before.carrier()));
      if (!found.datapath().equals(ports.datapath())) {
        datapath.ports(found.datapath());
        answeredOn.clear();
      }
      ports = found;
      if (isConnectedAgain) {
        voice.again(now);
      }
    }
    hasChanged = true;
  }

  /** Tells the announcer what has changed in which addresses this node could answer for. */
  private void decide(long now) {
    List<Ip> found =
        duplicates.tick(
            now,
            announcer::isClaimedElsewhere,
            address -> sendToLans(address, wantedMask(address), true));
    isReportDue |= !found.isEmpty();
    boolean knewClaims = knowsClaims;
    knowsClaims = announcer.knowsClaims(now);
    hasChanged |= knowsClaims && !knewClaims;
    if (!hasChanged && found.isEmpty() || wanted == null || attached == null) {
      return;
    }
    hasChanged = false;
    duplicates.keepOnly(wanted::containsKey);
    groups.follow(wanted.keySet(), ports);
    Map<Ip, Boolean> next = new HashMap<>();
    for (Map.Entry<Ip, Set<String>> entry : wanted.entrySet()) {
      Ip address = entry.getKey();
      long mask = ports.mask(entry.getValue());
      if (!Long.valueOf(mask).equals(answeredOn.put(address, mask))) {
        datapath.answerOn(address, mask);
      }
      boolean isOurs =
          owned.contains(address)
              || inherited.contains(address)
              || announcer.isClaimedElsewhere(address);
      if (ports.isConnected(mask) && (knowsClaims || isOurs)) {
        duplicates.add(address, isOurs, now);
      }
      next.put(address, ports.isConnected(mask) && duplicates.isFree(address));
    }
    Map<Ip, Boolean> changes = new HashMap<>(next);
    changes.entrySet().removeIf(e -> e.getValue().equals(eligible.get(e.getKey())));
    eligible.keySet().stream()
        .filter(ip -> !next.containsKey(ip))
        .forEach(ip -> changes.put(ip, false));
    // Of the agent before.
    inherited.stream().filter(ip -> !next.containsKey(ip)).forEach(ip -> changes.put(ip, false));
    inherited = Set.of();
    answeredOn.keySet().retainAll(next.keySet());
    eligible = next;
    if (!changes.isEmpty()) {
      perform(announcer.eligible(now(), changes));
    }
  }

  private long wantedMask(Ip address) {
    return wanted == null || !wanted.containsKey(address) ? 0 : ports.mask(wanted.get(address));
  }

  // --- the LANs

  private void hear(long now) {
    for (Claim claim : lan.heard()) {
      if (wantedMask(claim.address()) != 0
          && !ports.isOwn(claim.mac())
          && !announcer.isClaimedElsewhere(claim.address())) {
        String mac = HexFormat.ofDelimiter(":").formatHex(claim.mac());
        Other other = new Other(claim.ifindex(), mac);
        if (!duplicates.other(claim.address()).equals(Optional.of(other))) {
          log.warn(
              "{} says on {} that it has {}", mac, ports.name(claim.ifindex()), claim.address());
        }
        duplicates.heard(claim.address(), other, now);
      }
    }
  }

  private void speak(long now) {
    for (Ip address : voice.due(now)) {
      // The votes may have run out since: then others must not hear of this node.
      if (datapath.answers(address, now())) {
        sendToLans(address, wantedMask(address), false);
      }
    }
  }

  private void sendToLans(Ip address, long mask, boolean isProbe) {
    for (Port port : ports.of(mask)) {
      byte[] mac = port.datapath().mac();
      lan.send(
          port.ifindex(),
          isProbe ? LanFrames.probe(address, mac) : LanFrames.announcement(address, mac));
    }
  }

  // --- others of this process

  private void report(long now) {
    boolean isInStep =
        announcer.membership().isPresent() ? announcer.isInStep(now) : service.isAnswered();
    if (isInStep && !inStep && slot != NOBODY) {
      log.info("in step with the other members");
    }
    inStep = isInStep;
    if (!isReportDue) {
      return;
    }
    isReportDue = false;
    List<Duplicate> others =
        (wanted == null ? Set.<Ip>of() : wanted.keySet())
            .stream()
                .sorted()
                .flatMap(
                    ip ->
                        duplicates.other(ip).stream()
                            .filter(other -> duplicates.isFree(ip) ? owned.contains(ip) : true)
                            .map(
                                o ->
                                    new Duplicate(ip.toString(), ports.name(o.ifindex()), o.mac())))
                .limit(Limits.EXCEPTIONS)
                .toList();
    AnnouncerReport report = new AnnouncerReport(epoch, new TreeSet<>(owned), others);
    if (!report.equals(reported)) {
      reported = report;
      listener.accept(report);
    }
  }
}
