// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.core.announce.DatapathState;
import io.xdplb.core.announce.Fence;
import io.xdplb.core.announce.Membership;
import io.xdplb.core.announce.Output;
import io.xdplb.core.announce.SipHash;
import io.xdplb.core.model.Ip;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.Errno;
import io.xdplb.libbpf.LibbpfException;
import io.xdplb.libbpf.MapMemory;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;

/**
 * The datapath's part in announcing addresses on LANs: who has granted what, and for which
 * addresses ARP and NDP are answered. See docs/announcing.md.
 *
 * <p>Not safe for use by several threads; its thread may be another than the {@link Datapath}'s.
 * When a method returns, each packet that comes later meets what it wrote.
 */
public final class Announcements implements Fence, AutoCloseable {
  /** UDP port of hellos and of the agents' messages: the one before the tunnel's. */
  public static final int HELLO_PORT = OuterHeader.GUE_PORT - 1;

  /** A mask of all LAN ports. */
  public static final long ALL_PORTS = -1;

  /** The most LAN ports. */
  public static final int MAX_PORTS = Long.SIZE;

  private final MapMemory memory;
  private final ByteBuffer announce;
  private final BpfMap claims;
  private final BpfMap lanPorts;
  private final BpfMap counts;

  /** Of addresses that are not answered on all LAN ports. */
  private final Map<Ip, Long> ports = new HashMap<>();

  private Announcements(MapMemory memory, BpfMap claims, BpfMap lanPorts, BpfMap counts) {
    this.memory = memory;
    this.claims = claims;
    this.lanPorts = lanPorts;
    this.counts = counts;
    announce = memory.buffer();
    claims().forEach((address, claim) -> remember(address, claim.getLong(Layouts.Claim.PORTS)));
  }

  /** Gives new maps their instance. */
  static void begin(MapMemory memory) {
    SecureRandom random = new SecureRandom();
    while (memory.buffer().getLong(Layouts.Announce.INSTANCE) == 0) {
      Shared.publish(memory.buffer(), Layouts.Announce.INSTANCE, random.nextLong());
    }
  }

  /**
   * Opens the maps of a pin path with what a former agent has left in them. The {@link Datapath}
   * must have been opened before, and where it replaces maps, {@link Datapath#replaced} been
   * called.
   *
   * @throws DatapathException if there are no maps
   */
  public static Announcements open(Path pinPath) {
    Path pins = Maps.mapPins(pinPath);
    if (!Files.exists(pins.resolve("announce"))) {
      throw new DatapathException(
          DatapathException.Reason.Failed,
          "there are no maps for announcing at " + pins + ": open the datapath first");
    }
    List<AutoCloseable> opened = new ArrayList<>();
    try {
      BpfMap map = opening(opened, pins, "announce");
      MapMemory memory = map.mmap();
      opened.add(memory);
      map.close(); // the mapping stays
      if (memory.buffer().getLong(Layouts.Announce.INSTANCE) == 0) {
        throw new DatapathException(
            DatapathException.Reason.Failed,
            "the maps at " + pins + " are new and no datapath has been opened with them");
      }
      return new Announcements(
          memory,
          opening(opened, pins, "claims"),
          opening(opened, pins, "lan_ports"),
          opening(opened, pins, "announce_counts"));
    } catch (RuntimeException | Error e) {
      closeAll(opened, e);
      throw e;
    }
  }

  private static BpfMap opening(List<AutoCloseable> opened, Path pins, String name) {
    BpfMap map = BpfMap.openPinned(pins.resolve(name));
    opened.add(map);
    return map;
  }

  private static void closeAll(List<AutoCloseable> opened, Throwable reason) {
    for (AutoCloseable one : opened) {
      try {
        one.close();
      } catch (Exception e) {
        reason.addSuppressed(e);
      }
    }
  }

  /** What is there now: what an agent that starts takes over. */
  public DatapathState state() {
    Map<Ip, Output.Claim> found = new HashMap<>();
    claims()
        .forEach(
            (address, claim) ->
                found.put(
                    address,
                    new Output.Claim(
                        address,
                        claim.getLong(Layouts.Claim.SUPPORTERS),
                        claim.getLong(Layouts.Claim.NUMBER))));
    Map<Integer, Long> runs = new HashMap<>();
    for (int slot = 0; slot < Layouts.Announce.SLOTS; slot++) {
      long run = announce.getLong(member(slot) + Layouts.Member.RUN);
      if (run != 0) {
        runs.put(slot, run);
      }
    }
    return new DatapathState(
        announce.getLong(Layouts.Announce.INSTANCE),
        announce.getLong(Layouts.Announce.EPOCH),
        count(),
        found,
        runs,
        until(Membership.WITNESS));
  }

  private Output.Count count() {
    int number = announce.getInt(Layouts.Announce.COUNTS);
    int at = count(number);
    return number == 0
        ? new Output.Count(0, 1, 0)
        : new Output.Count(
            announce.getLong(at + Layouts.VoteCount.EPOCH),
            announce.getInt(at + Layouts.VoteCount.QUORUM),
            announce.getLong(at + Layouts.VoteCount.MEMBERS));
  }

  private static int count(int number) {
    return Layouts.Announce.COUNT + (number & 1) * Layouts.VoteCount.LAYOUT.size();
  }

  private static int member(int slot) {
    return Layouts.Announce.MEMBER + slot * Layouts.Member.LAYOUT.size();
  }

  private Map<Ip, ByteBuffer> claims() {
    Map<Ip, ByteBuffer> found = new HashMap<>();
    for (byte[] key : claims.keys()) {
      ByteBuffer words = ByteBuffer.wrap(key).order(ByteOrder.nativeOrder());
      int family = words.getInt(Layouts.ClaimKey.FAMILY);
      claim(key)
          .ifPresent(
              value -> found.put(Wire.address(words, Layouts.ClaimKey.ADDRESS, family), value));
    }
    return found;
  }

  private Optional<ByteBuffer> claim(byte[] key) {
    return claims.lookup(key).map(value -> ByteBuffer.wrap(value).order(ByteOrder.nativeOrder()));
  }

  private static byte[] key(Ip address) {
    ByteBuffer key =
        ByteBuffer.allocate(Layouts.ClaimKey.LAYOUT.size()).order(ByteOrder.nativeOrder());
    Wire.putAddress(key, Layouts.ClaimKey.ADDRESS, address);
    return key.putInt(Layouts.ClaimKey.FAMILY, Wire.family(address)).array();
  }

  /**
   * Says who we are. Until it is called for the first time in the maps' life, nothing is answered;
   * afterwards the datapath goes on by what was said last, also without an agent.
   *
   * @param slot this node's, 0 to 62
   * @param key0 the first eight bytes, little-endian, of the key that the members share
   * @param key1 the others
   * @param fenceMillis how long a grant counts, from the instant in it
   */
  public void configure(int slot, long key0, long key1, long fenceMillis) {
    if (slot < 0 || slot >= Membership.WITNESS || fenceMillis <= 0) {
      throw new IllegalArgumentException("slot %d, fence %d ms".formatted(slot, fenceMillis));
    }
    if (announce.getInt(Layouts.Announce.SLOT) != slot
        || announce.getLong(Layouts.Announce.KEY) != key0
        || announce.getLong(Layouts.Announce.KEY + Long.BYTES) != key1) {
      Shared.publish(announce, Layouts.Announce.FENCE, 0L);
      settle();
      announce.putInt(Layouts.Announce.SLOT, slot);
      announce.putLong(Layouts.Announce.KEY, key0);
      announce.putLong(Layouts.Announce.KEY + Long.BYTES, key1);
    }
    Shared.publish(announce, Layouts.Announce.FENCE, fenceMillis);
    VarHandle.fullFence();
  }

  /** What is written later is met only by packets that come later than what was written before. */
  private static void settle() {
    VarHandle.fullFence();
    LockSupport.parkNanos(KeyTable.PACKET.toNanos());
  }

  /** The key that was said last; empty if none ever was. */
  public Optional<SipHash> key() {
    return Shared.read(announce, Layouts.Announce.FENCE) == 0
        ? Optional.empty()
        : Optional.of(
            new SipHash(
                announce.getLong(Layouts.Announce.KEY),
                announce.getLong(Layouts.Announce.KEY + Long.BYTES)));
  }

  /**
   * Whether ARP and NDP are answered for an address, by the same reckoning as the datapath's.
   *
   * @param now in milliseconds of the monotonic clock
   */
  public boolean answers(Ip address, long now) {
    Output.Count count = count();
    return claim(key(address))
        .filter(claim -> votes(claim, count, now) >= count.quorum())
        .isPresent();
  }

  private int votes(ByteBuffer claim, Output.Count count, long now) {
    long voters =
        (claim.getLong(Layouts.Claim.SUPPORTERS) | 1L << Membership.WITNESS) & count.members();
    int votes = 0;
    for (long left = voters; left != 0; left &= left - 1) {
      int slot = Long.numberOfTrailingZeros(left);
      long ahead = epoch(slot) - count.epoch();
      votes += until(slot) > now && (ahead == 0 || ahead == 1) ? 1 : 0;
    }
    return votes;
  }

  /**
   * What is claimed here.
   *
   * @param now in milliseconds of the monotonic clock
   */
  public SortedMap<Ip, ClaimStatus> claimed(long now) {
    Output.Count count = count();
    SortedMap<Ip, ClaimStatus> all = new TreeMap<>();
    claims()
        .forEach(
            (address, claim) ->
                all.put(address, new ClaimStatus(votes(claim, count, now), count.quorum())));
    return all;
  }

  /**
   * How an address that is claimed here stands.
   *
   * @param votes how many count now
   * @param quorum how many are needed to answer ARP and NDP
   */
  public record ClaimStatus(int votes, int quorum) {

    /** Whether ARP and NDP are answered. */
    public boolean isAnswered() {
      return votes >= quorum;
    }
  }

  /**
   * Carries out what an {@link io.xdplb.core.announce.Announcer} wants done in the datapath.
   *
   * @throws DatapathException with {@code MapFull} if there is no room for one more claim
   * @throws IllegalArgumentException if it is nothing for the datapath, or out of range
   */
  public void write(Output output) {
    if (output instanceof Output.Claim claim) {
      long where = ports.getOrDefault(claim.address(), ALL_PORTS);
      putClaim(claim.address(), claim.supporters(), claim.number(), where);
    } else if (output instanceof Output.Unclaim unclaim) {
      claims.deleteIfPresent(key(unclaim.address()));
    } else if (output instanceof Output.Accept accept) {
      accept(accept);
    } else if (output instanceof Output.Count count) {
      count(count);
    } else if (output instanceof Output.Vote vote) {
      vote(vote);
    } else {
      throw new IllegalArgumentException("nothing for the datapath: " + output);
    }
    VarHandle.fullFence();
  }

  private void putClaim(Ip address, long supporters, long number, long where) {
    ByteBuffer value =
        ByteBuffer.allocate(Layouts.Claim.LAYOUT.size()).order(ByteOrder.nativeOrder());
    value.putLong(Layouts.Claim.SUPPORTERS, supporters);
    value.putLong(Layouts.Claim.NUMBER, number);
    value.putLong(Layouts.Claim.PORTS, where);
    try {
      claims.put(key(address), value.array());
    } catch (LibbpfException e) {
      if (e.errno() != Errno.E2BIG) {
        throw e;
      }
      throw new DatapathException(
          DatapathException.Reason.MapFull,
          "no room to announce %s beside %d other addresses; raise --max-vips"
              .formatted(address, claims.info().maxEntries()),
          e);
    }
  }

  private void accept(Output.Accept accept) {
    int at = member(slot(accept.slot(), Membership.WITNESS));
    long before = announce.getLong(at + Layouts.Member.RUN);
    if (before != accept.run() && before != 0) {
      Shared.publish(announce, at + Layouts.Member.RUN, 0L);
      settle(); // no hello of the run before is taken any more
    }
    Shared.publish(announce, at + Layouts.Member.APPLIED, accept.applied());
    Shared.publish(announce, at + Layouts.Member.RUN, accept.run());
  }

  private void count(Output.Count count) {
    if (count.quorum() < 1) {
      throw new IllegalArgumentException("no votes are enough: " + count);
    }
    int number = announce.getInt(Layouts.Announce.COUNTS) + 1;
    int at = count(number);
    announce.putLong(at + Layouts.VoteCount.EPOCH, count.epoch());
    announce.putLong(at + Layouts.VoteCount.MEMBERS, count.members());
    announce.putInt(at + Layouts.VoteCount.QUORUM, count.quorum());
    Shared.publish(announce, Layouts.Announce.COUNTS, number);
  }

  private void vote(Output.Vote vote) {
    int at = member(slot(vote.slot(), Layouts.Announce.SLOTS));
    if (vote.epoch() > announce.getLong(Layouts.Announce.EPOCH)) {
      Shared.publish(announce, Layouts.Announce.EPOCH, vote.epoch());
    }
    Shared.publish(announce, at + Layouts.Member.EPOCH, vote.epoch());
    Shared.publish(announce, at + Layouts.Member.UNTIL, vote.until());
  }

  private static int slot(int slot, int end) {
    if (slot < 0 || slot >= end) {
      throw new IllegalArgumentException("slot %d is not in 0 to %d".formatted(slot, end - 1));
    }
    return slot;
  }

  /**
   * Replaces the LAN ports. A port's index is its bit in the masks of {@link #answerOn}.
   *
   * @throws IllegalArgumentException if there are more than {@link #MAX_PORTS}, or two of the same
   *     interface and VLAN
   */
  public void ports(List<LanPort> wanted) {
    if (wanted.size() > MAX_PORTS) {
      throw new IllegalArgumentException(
          "%d LAN ports, and there can be %d".formatted(wanted.size(), MAX_PORTS));
    }
    Map<ByteBuffer, byte[]> entries = new HashMap<>();
    for (int number = 0; number < wanted.size(); number++) {
      LanPort port = wanted.get(number);
      byte[] value = new byte[Layouts.LanPort.LAYOUT.size()];
      System.arraycopy(port.mac(), 0, value, Layouts.LanPort.MAC, port.mac().length);
      value[Layouts.LanPort.NUMBER] = (byte) number;
      if (entries.put(ByteBuffer.wrap(key(port)), value) != null) {
        throw new IllegalArgumentException("two LAN ports on one LAN: " + wanted);
      }
    }
    // An entry that was given up may be the next one's place: nobody must be reading it any more.
    List<byte[]> former = new ArrayList<>();
    lanPorts.keys().forEach(former::add);
    for (byte[] key : former) {
      if (!entries.containsKey(ByteBuffer.wrap(key)) && lanPorts.deleteIfPresent(key)) {
        settle();
      }
    }
    entries.forEach(
        (key, value) -> {
          Optional<byte[]> before = lanPorts.lookup(key.array());
          if (before.isEmpty() || !Arrays.equals(before.get(), value)) {
            lanPorts.put(key.array(), value);
            settle();
          }
        });
  }

  private static byte[] key(LanPort port) {
    return ByteBuffer.allocate(Layouts.LanPortKey.LAYOUT.size())
        .order(ByteOrder.nativeOrder())
        .putInt(Layouts.LanPortKey.IFINDEX, port.ifindex())
        .putInt(Layouts.LanPortKey.VLAN, port.vlan())
        .array();
  }

  /**
   * Says on which LAN ports an address is answered while it is claimed: at once, and for later
   * claims. Those of which it was not said are answered on all; what was said to a former agent
   * holds for the claims that it left.
   *
   * @param where a bit for each LAN port; {@link #ALL_PORTS} for all
   */
  public void answerOn(Ip address, long where) {
    remember(address, where);
    claim(key(address))
        .filter(claim -> claim.getLong(Layouts.Claim.PORTS) != where)
        .ifPresent(
            claim ->
                putClaim(
                    address,
                    claim.getLong(Layouts.Claim.SUPPORTERS),
                    claim.getLong(Layouts.Claim.NUMBER),
                    where));
  }

  private void remember(Ip address, long where) {
    if (where == ALL_PORTS) {
      ports.remove(address);
    } else {
      ports.put(address, where);
    }
  }

  @Override
  public long until(int slot) {
    return Shared.read(announce, member(slot) + Layouts.Member.UNTIL);
  }

  @Override
  public long epoch(int slot) {
    return Shared.read(announce, member(slot) + Layouts.Member.EPOCH);
  }

  /** What was counted since the maps were made. */
  public AnnounceCounts counts() {
    long[] sums = new long[Layouts.Counts.LAYOUT.size() / Long.BYTES];
    for (byte[] cpu : counts.lookupPerCpu(BackendTable.key(0)).orElseThrow()) {
      ByteBuffer words = ByteBuffer.wrap(cpu).order(ByteOrder.nativeOrder());
      for (int i = 0; i < sums.length; i++) {
        sums[i] += words.getLong(i * Long.BYTES);
      }
    }
    return new AnnounceCounts(
        sums[Layouts.Counts.HELLOS_TAKEN / Long.BYTES],
        sums[Layouts.Counts.HELLOS_REFUSED / Long.BYTES],
        sums[Layouts.Counts.HELLOS_BAD / Long.BYTES],
        sums[Layouts.Counts.ARP_ANSWERED / Long.BYTES],
        sums[Layouts.Counts.ARP_WITHHELD / Long.BYTES],
        sums[Layouts.Counts.NDP_ANSWERED / Long.BYTES],
        sums[Layouts.Counts.NDP_WITHHELD / Long.BYTES]);
  }

  /** Gives up the maps; they stay in the kernel, and the datapath goes on. */
  @Override
  public void close() {
    memory.close();
    claims.close();
    lanPorts.close();
    counts.close();
  }
}
