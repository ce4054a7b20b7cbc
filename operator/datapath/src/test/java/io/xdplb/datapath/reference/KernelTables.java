// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Ip;
import io.xdplb.datapath.reference.Table.Address;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.Counters;
import io.xdplb.datapath.reference.Table.History;
import io.xdplb.datapath.reference.Table.Listener;
import io.xdplb.datapath.reference.Table.Slot;
import io.xdplb.libbpf.BpfMap;
import io.xdplb.libbpf.BpfObject;
import io.xdplb.libbpf.Btf;
import io.xdplb.libbpf.Libbpf;
import io.xdplb.libbpf.MapMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a {@link Table} into the maps of a loaded object, all of it at each change: nobody reads
 * meanwhile. Places come from the object's BTF by the names in {@code bpf/src/layout.h}, and from
 * nothing that the agent has, so that it may be wrong in its own way only.
 */
final class KernelTables implements AutoCloseable {
  static final int KEY_BUCKETS = 1024;
  static final int ENTRIES = 1024;
  static final int RING_SLOTS = 1 << 14;
  static final int HISTORIES = 1 << 13;

  private static final int VIP = 1;
  private static final int NAT = 2;
  private static final int TUNNEL = 4;
  private static final int PEER = 8;
  private static final int ENDPOINT = 16;
  private static final int SOLICITED = 32;
  static final int FLOW_USED = 1;
  static final int FLOW_FIN_CLIENT = 1 << 3;
  static final int FLOW_FIN_BACKEND = 1 << 4;
  static final int FLOW_RESET = 1 << 5;
  static final int FLOW_UDP = 1 << 8;
  static final int FLOW_IPV6 = 1 << 9;
  static final int FLOW_HOSTED = 1 << 10;
  static final int FLOW_REMEMBERED = 1 << 11;
  static final int FLOW_AFFINITY = 1 << 12;

  private static final int KEY_PEER = 253;
  private static final int KEY_ENDPOINT = 254;
  private static final String CONFIG = ".data.config";
  private static final String FILTER = ".data.filter";
  private static final String ANNOUNCE = ".data.announce";
  private static final List<String> MAPPED =
      List.of(
          CONFIG,
          FILTER,
          ANNOUNCE,
          "keys",
          "vips",
          "port_ranges",
          "histories",
          "rings",
          "ring_histories",
          "backends",
          "backend_cpus",
          "flows",
          "flow_index");
  private static final int CLEARED_AT_ONCE = 4096;
  private static final int FOR_EVER = 0x7fff_ffff;

  /** A slot moved "long ago" so many jiffies ago, and a test takes less than half of them. */
  private static final int UNSETTLED = 1 << 22;

  private final BpfObject object;
  private final Map<String, MapMemory> memories = new HashMap<>();
  private final Map<String, Btf.Struct> structs = new HashMap<>();
  private final Map<Listener, List<Cidr>> written = new IdentityHashMap<>();
  private final Map<Listener, Integer> sets = new IdentityHashMap<>();
  private int lastSet;
  private int generation = 1;

  KernelTables(BpfObject object) {
    this.object = object;
    for (String map : MAPPED) {
      memories.put(map, object.map(map).mmap());
    }
  }

  /** A struct of the object's in a buffer. */
  private final class Struct {
    private final ByteBuffer buffer;
    private final int at;
    private final Btf.Struct layout;

    Struct(String map, int entry, String name) {
      this(memories.get(map).buffer(), entry * memories.get(map).stride(), name);
    }

    Struct(ByteBuffer buffer, int at, String name) {
      this.buffer = buffer;
      this.at = at;
      layout = structs.computeIfAbsent(name, object.btf()::struct);
    }

    /** A number in the host's order. */
    Struct put(String field, long value) {
      Btf.Member member = layout.members().get(field);
      switch (member.size()) {
        case 1 -> buffer.put(at + member.offset(), (byte) value);
        case 2 -> buffer.putShort(at + member.offset(), (short) value);
        case 4 -> buffer.putInt(at + member.offset(), (int) value);
        case 8 -> buffer.putLong(at + member.offset(), value);
        default -> throw new IllegalArgumentException(field + " is no number");
      }
      return this;
    }

    /** Bytes as they are in a packet. */
    Struct put(String field, byte[] bytes) {
      buffer.put(at + layout.members().get(field).offset(), bytes);
      return this;
    }

    Struct port(String field, int port) {
      return put(field, new byte[] {(byte) (port >> 8), (byte) port});
    }

    /** A number of 32 or 64 bits, the former without a sign. */
    long get(String field) {
      Btf.Member member = layout.members().get(field);
      return member.size() == 8
          ? buffer.getLong(at + member.offset())
          : buffer.getInt(at + member.offset()) & 0xffff_ffffL;
    }

    int port(String field) {
      int offset = at + layout.members().get(field).offset();
      return (buffer.get(offset) & 0xff) << 8 | buffer.get(offset + 1) & 0xff;
    }

    Ip address(String field, boolean ipv6) {
      byte[] bytes = new byte[ipv6 ? 16 : 4];
      buffer.get(at + layout.members().get(field).offset(), bytes);
      return Ip.ofBytes(bytes);
    }

    void clear() {
      buffer.put(at, new byte[layout.size()]);
    }
  }

  /** Forgets all flows and counters. */
  void reset() {
    for (String map : List.of("flows", "flow_index", "backend_cpus")) {
      clear(memories.get(map).buffer());
    }
    clear(object.map("vip_cpus"));
    clear(object.map("drops"));
    clear(object.map("announce_counts"));
  }

  private static void clear(ByteBuffer buffer) {
    byte[] zeros = new byte[1 << 16];
    for (int at = 0; at < buffer.capacity(); at += zeros.length) {
      buffer.put(at, zeros, 0, Math.min(zeros.length, buffer.capacity() - at));
    }
  }

  /** What was counted of the backend with this index, which is then forgotten. */
  Counters counters(int index) {
    Counters sum = new Counters();
    for (int cpu = 0; cpu < Libbpf.possibleCpus(); cpu++) {
      Struct line = new Struct("backend_cpus", index + cpu * ENTRIES, "backend_cpu");
      sum.packetsToBackend += line.get("packets_to_backend");
      sum.bytesToBackend += line.get("bytes_to_backend");
      sum.packetsToClient += line.get("packets_to_client");
      sum.bytesToClient += line.get("bytes_to_client");
      sum.flows += line.get("flows");
      line.clear();
    }
    return sum;
  }

  /**
   * An entry of the table of flows that is in use.
   *
   * @param meta its bits
   * @param port of ours for a translated flow, else the VIP's
   */
  record Remembered(
      int meta,
      Ip client,
      int clientPort,
      Ip backendAddress,
      int backendPort,
      int port,
      int vip,
      int backend) {}

  /** All flows that the datapath remembers. */
  List<Remembered> flows() {
    List<Remembered> flows = new ArrayList<>();
    int entries = object.map("flows").info().maxEntries();
    for (int entry = 0; entry < entries; entry++) {
      Struct flow = new Struct("flows", entry, "flow");
      int meta = (int) flow.get("meta");
      if ((meta & FLOW_USED) != 0) {
        boolean ipv6 = (meta & FLOW_IPV6) != 0;
        flows.add(
            new Remembered(
                meta,
                flow.address("client", ipv6),
                flow.port("client_port"),
                flow.address("backend_address", ipv6),
                flow.port("backend_port"),
                flow.port("nat_port"),
                (int) flow.get("vip"),
                (int) flow.get("backend")));
      }
    }
    return flows;
  }

  private static void clear(BpfMap map) {
    byte[] values = new byte[CLEARED_AT_ONCE * map.info().valueBytes()];
    ByteBuffer keys = ByteBuffer.allocate(4 * CLEARED_AT_ONCE).order(ByteOrder.nativeOrder());
    int entries = map.info().maxEntries();
    for (int first = 0; first < entries; first += CLEARED_AT_ONCE) {
      int count = Math.min(CLEARED_AT_ONCE, entries - first);
      keys.clear();
      for (int i = 0; i < count; i++) {
        keys.putInt(first + i);
      }
      map.updateBatch(keys.array(), values, count);
    }
  }

  /** Writes what stays as it is. */
  void configure(Table table, int seed) {
    Struct config = new Struct(CONFIG, 0, "config");
    for (String timeout :
        List.of(
            "timeout_tcp_new",
            "timeout_tcp_established",
            "timeout_tcp_half_closed",
            "timeout_tcp_closed",
            "timeout_tcp_reset",
            "timeout_udp_new",
            "timeout_udp_confirmed")) {
      config.put(timeout, FOR_EVER);
    }
    config.put("nat_port_first", table.natFirst).put("nat_port_count", table.natCount);
    config.put("flow_seed", seed).put("second", 100).put("unsettled", UNSETTLED);
    config.put("answers", FOR_EVER).port("tunnel_port", Table.TUNNEL_PORT);
    config.put("hello_port", Announcing.HELLO_PORT);
    config.put("mss_ipv4", table.mssIpv4).put("mss_ipv6", table.mssIpv6);
  }

  /** Writes the LAN ports, and votes: our own is enough, and nobody else has one that counts. */
  void configure(int[] links, byte[][] macs) {
    clear(memories.get(ANNOUNCE).buffer());
    Struct announce = new Struct(ANNOUNCE, 0, "announce");
    announce.put("instance", Announcing.INSTANCE).put("slot", Announcing.OWN_SLOT);
    ByteBuffer key = ByteBuffer.allocate(16).order(ByteOrder.nativeOrder());
    key.putLong(Announcing.TAGS.key0()).putLong(Announcing.TAGS.key1());
    announce.put("key", key.array()).put("fence", Announcing.FENCE);
    Struct count = new Struct(announce.buffer, offset("announce", "count"), "vote_count");
    count.put("epoch", 1).put("members", -1).put("quorum", 1);
    member(Announcing.OWN_SLOT).put("until", Long.MAX_VALUE).put("epoch", 1);
    member(Announcing.PEER_SLOT).put("run", Announcing.RUN).put("applied", Announcing.APPLIED);
    for (int port = 0; port < Announcing.PORTS; port++) {
      ByteBuffer of = ByteBuffer.allocate(8).order(ByteOrder.nativeOrder());
      of.putInt(links[port == 2 ? 1 : 0]).putInt(port == 1 ? Announcing.VLAN : 0);
      byte[] value = Arrays.copyOf(macs[port], 8);
      value[6] = (byte) port;
      object.map("lan_ports").put(of.array(), value);
    }
  }

  private Struct member(int slot) {
    int size = object.btf().struct("member").size();
    return new Struct(
        memories.get(ANNOUNCE).buffer(), offset("announce", "member") + slot * size, "member");
  }

  private int offset(String struct, String field) {
    return object.btf().struct(struct).members().get(field).offset();
  }

  /** Until when the vote of a slot counts, and of which epoch it is. */
  long[] vote(int slot) {
    return new long[] {member(slot).get("until"), member(slot).get("epoch")};
  }

  /** Writes the claims, and no others. */
  void write(Announcing announcing) {
    BpfMap claims = object.map("claims");
    List<byte[]> former = new ArrayList<>();
    claims.keys().forEach(former::add);
    former.forEach(claims::delete);
    announcing.claims.forEach(
        (ip, claim) -> {
          ByteBuffer key = ByteBuffer.allocate(20).order(ByteOrder.nativeOrder());
          key.put(ip.bytes()).putInt(16, family(ip));
          ByteBuffer value = ByteBuffer.allocate(24).order(ByteOrder.nativeOrder());
          value.putLong(claim.enough() ? 1L << Announcing.OWN_SLOT : 1L << 20).putLong(generation);
          claims.put(key.array(), value.putLong(claim.ports()).array());
        });
  }

  /** What was counted of announcing, in the order of {@link Announcing.Count}. */
  long[] announceCounts() {
    long[] sums = new long[Announcing.Count.values().length];
    for (byte[] cpu : object.map("announce_counts").lookupPerCpu(key(0)).orElseThrow()) {
      for (int i = 0; i < sums.length; i++) {
        sums[i] += ByteBuffer.wrap(cpu).order(ByteOrder.nativeOrder()).getLong(i * 8);
      }
    }
    return sums;
  }

  /** The MAC address of an interface, for what leaves by another one. */
  void putInterface(int ifindex, byte[] mac) {
    byte[] value = new byte[8];
    System.arraycopy(mac, 0, value, 0, mac.length);
    object.map("interfaces").put(key(ifindex), value);
  }

  static byte[] key(int index) {
    return ByteBuffer.allocate(4).order(ByteOrder.nativeOrder()).putInt(index).array();
  }

  /**
   * Writes all of it.
   *
   * @param jiffies the kernel's time
   */
  void write(Table table, int jiffies) {
    for (String map : List.of("vips", "backends", "port_ranges", "keys", FILTER)) {
      clear(memories.get(map).buffer());
    }
    int slot = 0;
    Map<History, Integer> histories = new IdentityHashMap<>();
    for (Address address : table.addresses.values()) {
      writeAddress(address);
      for (Listener listener : address.listeners) {
        long ring = (long) slot << 32 | listener.ring.length;
        for (Slot of : listener.ring) {
          int history = history(of.history(), histories, jiffies);
          int owner = of.current() == null ? 0 : of.current().handle;
          memories.get("ring_histories").buffer().putInt(slot * Integer.BYTES, history);
          memories
              .get("rings")
              .buffer()
              .putInt(slot++ * Integer.BYTES, owner | (history == 0 ? 0 : 1 << 31));
        }
        writeListener(listener, ring);
        listener.backends.forEach(this::writeBackend);
      }
    }
    writeKeys(table);
    writeFilter(table);
    new Struct(CONFIG, 0, "config").put("nexthop_generation", generation++);
  }

  private int history(History history, Map<History, Integer> histories, int jiffies) {
    if (history == null) {
      return 0;
    }
    return histories.computeIfAbsent(
        history,
        h -> {
          int index = histories.size() + 1;
          Struct struct = new Struct("histories", index, "slot_history");
          ByteBuffer owners = ByteBuffer.allocate(4 * History.MOST).order(ByteOrder.nativeOrder());
          h.owners().forEach(owner -> owners.putInt(owner.handle));
          struct.put("owner", owners.array());
          struct.put("moved", h.settled() ? jiffies - 2 * UNSETTLED : jiffies);
          return index;
        });
  }

  private void writeAddress(Address address) {
    Struct vip = new Struct("vips", address.handle & 0xfffff, "vip");
    vip.put("handle", address.handle).put("address", address.ip.bytes());
    vip.put("family", family(address.ip));
    vip.put("flags", (address.reject ? 1 : 0) | (address.own ? 4 : 0));
    int index = address.handle & 0xfffff;
    ByteBuffer ranges = memories.get("port_ranges").buffer();
    int at = index * memories.get("port_ranges").stride();
    for (Listener listener : address.listeners) {
      if (listener.port != listener.endPort) {
        Struct range = new Struct(ranges, at, "port_range");
        range.put("first", listener.port).put("last", listener.endPort);
        range.put("protocol", listener.protocol).put("vip", listener.handle);
        at += structs.get("port_range").size();
      }
    }
  }

  private void writeListener(Listener listener, long ring) {
    Struct vip = new Struct("vips", listener.handle & 0xfffff, "vip");
    vip.put("ring", ring).put("handle", listener.handle);
    vip.put("address", listener.address.ip.bytes()).put("family", family(listener.address.ip));
    vip.port("port", listener.port).port("end_port", listener.endPort);
    vip.put("protocol", listener.protocol);
    vip.put("flags", (listener.reject ? 1 : 0) | (listener.translated ? 2 : 0));
    vip.put("affinity", listener.affinity ? FOR_EVER : 0).put("sources", sources(listener));
    vip.put("hosted", listener.hosted == null ? 0 : listener.hosted.handle);
  }

  /** A set is never changed: another one has another number. */
  private int sources(Listener listener) {
    if (listener.sources.isEmpty()) {
      return 0;
    }
    List<Cidr> ranges = listener.sources.get();
    if (written.put(listener, ranges) != ranges) {
      sets.put(listener, ++lastSet);
      for (Cidr range : ranges) {
        boolean ipv6 = !range.isIpv4();
        ByteBuffer key = ByteBuffer.allocate(24).order(ByteOrder.nativeOrder());
        Struct struct = new Struct(key, 0, "source_key");
        struct.put("prefix_length", 32 + range.prefix());
        struct.put("set", lastSet << 1 | (ipv6 ? 1 : 0)).put("address", range.address().bytes());
        object.map("source_ranges").put(key.array(), key(1));
      }
    }
    return sets.get(listener);
  }

  private void writeBackend(Backend backend) {
    Struct struct = new Struct("backends", backend.handle & 0xfffff, "backend");
    struct.put("handle", backend.handle).put("vip", backend.listener.handle);
    struct.put(
        "flags",
        (backend.takesNewFlows ? 1 : 0)
            | (backend.nat ? 2 : 0)
            | (backend.agent ? 4 : 0)
            | (backend.hosted ? 8 : 0));
    struct.put("family", family(backend.address)).port("port", backend.port);
    struct.put("mtu", backend.mtu).put("encapsulation", backend.encapsulation.ordinal());
    struct.put("address", backend.address.bytes());
    if (backend.natAddress != null) {
      struct.put("nat_address", backend.natAddress.bytes());
    }
    ByteBuffer tag = ByteBuffer.allocate(8).putLong(backend.tag);
    struct.put("tag", tag.array());
    if (backend.outerDestination != null) {
      struct.put("outer_family", family(backend.outerDestination));
      struct.put("outer_source", backend.outerSource.bytes());
      struct.put("outer_destination", backend.outerDestination.bytes());
      struct.put("outer_sum", outerSum(backend));
    }
  }

  /** The words that are the same in all outer headers, as a CPU of this machine sums them up. */
  private static int outerSum(Backend backend) {
    ByteBuffer words = ByteBuffer.allocate(80);
    boolean gue = backend.encapsulation == Table.Encapsulation.GUE;
    int inner = backend.address.isIpv4() ? IpPacket.IPIP : IpPacket.IPV6;
    words.put(backend.outerSource.bytes()).put(backend.outerDestination.bytes());
    if (backend.outerDestination.isIpv4()) {
      words.putShort((short) 0x4500).putShort((short) 0x4000);
      words.put((byte) 64).put((byte) (gue ? IpPacket.UDP : inner));
    } else if (gue) {
      words.putShort((short) IpPacket.UDP).putShort((short) Table.TUNNEL_PORT);
      words.put((byte) 2).put((byte) inner).putShort((short) 0).putLong(backend.tag);
    }
    int sum = Sums.of(words.array(), 0, words.position());
    boolean little = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
    return little ? Short.reverseBytes((short) sum) & 0xffff : sum;
  }

  private void writeKeys(Table table) {
    for (Address address : table.addresses.values()) {
      put(address.ip, 0, 0, address.handle);
      for (Listener listener : address.listeners) {
        if (listener.port == listener.endPort) {
          put(address.ip, listener.port, listener.protocol, listener.handle);
        }
        for (Backend backend : listener.backends) {
          if (backend.hosted) {
            byte[] tag = ByteBuffer.allocate(8).putLong(backend.tag).array();
            long native64 = ByteBuffer.wrap(tag).order(ByteOrder.nativeOrder()).getLong();
            long hash = Hashes.key(Hashes.tag(native64), 0, KEY_ENDPOINT, true);
            put(tag, 0, hash, 0, KEY_ENDPOINT, backend.handle);
          }
        }
      }
    }
    table.peers.forEach(peer -> put(peer, 0, KEY_PEER, 1));
  }

  private void put(Ip ip, int port, int protocol, int handle) {
    long hash = Hashes.key(Hashes.address(ip), port, protocol, !ip.isIpv4());
    put(ip.bytes(), family(ip), hash, port, protocol, handle);
  }

  private void put(byte[] address, int family, long hash, int port, int protocol, int handle) {
    List<Integer> slots = new ArrayList<>();
    for (long half : new long[] {hash >>> 32, hash}) {
      int bucket = (int) (half & (KEY_BUCKETS - 1));
      slots.add(bucket * 2 + 1);
      slots.add(bucket * 2);
    }
    ByteBuffer keys = memories.get("keys").buffer();
    for (int slot : slots) {
      Struct struct = new Struct(keys, slot * 32, "key_slot");
      if (keys.getInt(slot * 32 + structs.get("key_slot").members().get("handle").offset()) == 0) {
        struct.put("address", address).port("port", port).put("protocol", protocol);
        struct.put("family", family).put("handle", handle);
        return;
      }
    }
    throw new IllegalStateException("no slot is free: more buckets are needed");
  }

  private void writeFilter(Table table) {
    table.own.forEach(ip -> mark(ip, NAT | TUNNEL));
    table.peers.forEach(ip -> mark(ip, PEER));
    for (Address address : table.addresses.values()) {
      mark(address.ip, VIP);
      if (!address.ip.isIpv4()) {
        mark(Announcing.solicitedNode(address.ip), SOLICITED);
      }
      for (Listener listener : address.listeners) {
        for (Backend backend : listener.backends) {
          if (backend.hosted) {
            mark(backend.address, ENDPOINT);
          }
        }
      }
    }
  }

  private void mark(Ip ip, int bit) {
    ByteBuffer filter = memories.get(FILTER).buffer();
    int at = (int) (Hashes.address(ip) & 0xffff);
    filter.put(at, (byte) (filter.get(at) | bit));
  }

  private static int family(Ip ip) {
    return ip.isIpv4() ? 4 : 6;
  }

  @Override
  public void close() {
    memories.values().forEach(MapMemory::close);
  }
}
