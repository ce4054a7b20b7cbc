// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.libbpf.Btf;
import io.xdplb.libbpf.StructLayout;
import java.util.List;

/**
 * The structs of {@code bpf/src/layout.h}, field by field in the order of the C source. They are
 * compared with the object's BTF whenever it is loaded, so the two cannot drift apart.
 */
final class Layouts {

  private static final List<StructLayout> ALL =
      List.of(
          Key.LAYOUT,
          Vip.LAYOUT,
          PortRange.LAYOUT,
          PortRanges.LAYOUT,
          Backend.LAYOUT,
          RingLine.LAYOUT,
          History.LAYOUT,
          Source.LAYOUT,
          BackendCpu.LAYOUT,
          VipCpu.LAYOUT,
          Flow.LAYOUT,
          Config.LAYOUT,
          Mac.LAYOUT,
          Member.LAYOUT,
          VoteCount.LAYOUT,
          Announce.LAYOUT,
          ClaimKey.LAYOUT,
          Claim.LAYOUT,
          LanPortKey.LAYOUT,
          LanPort.LAYOUT,
          Counts.LAYOUT);

  private Layouts() {}

  /**
   * Compares all of them with what the C compiler did.
   *
   * @throws io.xdplb.libbpf.LibbpfException naming every difference
   */
  static void check(Btf btf) {
    ALL.forEach(layout -> layout.check(btf));
  }

  /** One place of the lookup table. {@link #HANDLE} is written last and cleared first. */
  static final class Key {
    private static final StructLayout.Builder BUILDER = StructLayout.of("key_slot");
    static final int ADDRESS = BUILDER.bytes("address", 16, 4);
    static final int PORT = BUILDER.u16("port");
    static final int PROTOCOL = BUILDER.u8("protocol");
    static final int FAMILY = BUILDER.u8("family");
    static final int HANDLE = BUILDER.u32("handle");
    static final int RESERVED = BUILDER.bytes("reserved", 8, 4);
    static final StructLayout LAYOUT = BUILDER.build();

    /** Values of {@link #PROTOCOL} beside those of TCP and UDP. */
    static final int OF_ADDRESS = 0;

    static final int OF_PEER = 253;
    static final int OF_ENDPOINT = 254;

    private Key() {}
  }

  /**
   * One address, protocol and port or range of ports; or, with protocol 0, an address as such.
   * {@link #HANDLE} is written last and cleared first.
   */
  static final class Vip {
    private static final StructLayout.Builder BUILDER = StructLayout.of("vip");
    static final int RING = BUILDER.u64("ring");
    static final int HANDLE = BUILDER.u32("handle");
    static final int ADDRESS = BUILDER.bytes("address", 16, 4);
    static final int PORT = BUILDER.u16("port");
    static final int PROTOCOL = BUILDER.u8("protocol");
    static final int FAMILY = BUILDER.u8("family");
    static final int GENERATION = BUILDER.u32("generation");
    static final int FLAGS = BUILDER.u8("flags");
    static final int RESERVED_BYTE = BUILDER.u8("reserved_byte");
    static final int END_PORT = BUILDER.u16("end_port");
    static final int AFFINITY = BUILDER.u32("affinity");
    static final int SOURCES = BUILDER.u32("sources");
    static final int HOSTED = BUILDER.u32("hosted");
    static final int RESERVED = BUILDER.bytes("reserved", 8, 4);
    static final StructLayout LAYOUT = BUILDER.build();

    /** Bits of {@link #FLAGS}. */
    static final int REJECT = 1;

    static final int FLOWS = 2;
    static final int OWN = 4;

    private Vip() {}
  }

  /** A range of ports of one address. {@link #VIP} is written last and cleared first. */
  static final class PortRange {
    private static final StructLayout.Builder BUILDER = StructLayout.of("port_range");
    static final int FIRST = BUILDER.u16("first");
    static final int LAST = BUILDER.u16("last");
    static final int PROTOCOL = BUILDER.u8("protocol");
    static final int RESERVED = BUILDER.bytes("reserved", 3);
    static final int VIP = BUILDER.u32("vip");
    static final StructLayout LAYOUT = BUILDER.build();

    private PortRange() {}
  }

  /** All port ranges of one address. */
  static final class PortRanges {
    /** How many there can be. */
    static final int COUNT = 16;

    private static final StructLayout.Builder BUILDER = StructLayout.of("port_ranges");
    static final int RANGE = BUILDER.bytes("range", COUNT * PortRange.LAYOUT.size(), 4);
    static final StructLayout LAYOUT = BUILDER.build();

    private PortRanges() {}
  }

  /** One endpoint of one VIP. {@link #HANDLE} is written last and cleared first. */
  static final class Backend {
    private static final StructLayout.Builder BUILDER = StructLayout.of("backend");
    static final int HANDLE = BUILDER.u32("handle");
    static final int FLAGS = BUILDER.u8("flags");
    static final int FAMILY = BUILDER.u8("family");
    static final int PORT = BUILDER.u16("port");
    static final int VIP = BUILDER.u32("vip");
    static final int MTU = BUILDER.u16("mtu");
    static final int OUTER_FAMILY = BUILDER.u8("outer_family");
    static final int ENCAPSULATION = BUILDER.u8("encapsulation");
    static final int OUTER_SOURCE = BUILDER.bytes("outer_source", 16, 4);
    static final int OUTER_DESTINATION = BUILDER.bytes("outer_destination", 16, 4);
    static final int TAG = BUILDER.u64("tag");
    static final int OUTER_SUM = BUILDER.u32("outer_sum");
    static final int RESERVED_WORD = BUILDER.u32("reserved_word");
    static final int ADDRESS = BUILDER.bytes("address", 16, 4);
    static final int NAT_ADDRESS = BUILDER.bytes("nat_address", 16, 4);
    static final int DRAIN_UNTIL = BUILDER.u32("drain_until");
    static final int DRAIN_SECONDS = BUILDER.u32("drain_seconds");
    static final int GENERATION = BUILDER.u32("generation");
    static final int RESERVED = BUILDER.bytes("reserved", 20, 4);
    static final StructLayout LAYOUT = BUILDER.build();

    /** Bits of {@link #FLAGS}. */
    static final int TAKES_NEW_FLOWS = 1;

    static final int NAT = 2;
    static final int AGENT = 4;
    static final int HOSTED = 8;
    static final int REMEMBERED = 16;

    private Backend() {}
  }

  /** Slots of rings, or the histories of as many slots. */
  static final class RingLine {
    /** How many slots there are in a line. */
    static final int SLOTS = 16;

    private static final StructLayout.Builder BUILDER = StructLayout.of("ring_line");
    static final int SLOT = BUILDER.bytes("slot", SLOTS * Integer.BYTES, 4);
    static final StructLayout LAYOUT = BUILDER.build();

    private RingLine() {}
  }

  /** Former owners of slots. Only the datapath writes {@link #SEEN}, once it is in use. */
  static final class History {
    /** How many owners there can be. */
    static final int OWNERS = 12;

    private static final StructLayout.Builder BUILDER = StructLayout.of("slot_history");
    static final int OWNER = BUILDER.bytes("owner", OWNERS * Integer.BYTES, 4);
    static final int MOVED = BUILDER.u32("moved");
    static final int SEEN = BUILDER.u32("seen");
    static final int RESERVED = BUILDER.bytes("reserved", 8, 4);
    static final StructLayout LAYOUT = BUILDER.build();

    private History() {}
  }

  /** The key of a range of sources. */
  static final class Source {
    private static final StructLayout.Builder BUILDER = StructLayout.of("source_key");
    static final int PREFIX_LENGTH = BUILDER.u32("prefix_length");
    static final int SET = BUILDER.u32("set");
    static final int ADDRESS = BUILDER.bytes("address", 16, 4);
    static final StructLayout LAYOUT = BUILDER.build();

    private Source() {}
  }

  /** What one CPU knows of a backend. */
  static final class BackendCpu {
    private static final StructLayout.Builder BUILDER = StructLayout.of("backend_cpu");
    static final int PACKETS_TO_BACKEND = BUILDER.u64("packets_to_backend");
    static final int BYTES_TO_BACKEND = BUILDER.u64("bytes_to_backend");
    static final int PACKETS_TO_CLIENT = BUILDER.u64("packets_to_client");
    static final int BYTES_TO_CLIENT = BUILDER.u64("bytes_to_client");
    static final int FLOWS = BUILDER.u64("flows");
    static final int NEXTHOP_STAMP = BUILDER.u32("nexthop_stamp");
    static final int NEXTHOP_IFINDEX = BUILDER.u32("nexthop_ifindex");
    static final int NEXTHOP_MACS = BUILDER.bytes("nexthop_macs", 12);
    static final int RESERVED = BUILDER.u32("reserved");
    static final StructLayout LAYOUT = BUILDER.build();

    private BackendCpu() {}
  }

  /** What one CPU counts of a VIP. */
  static final class VipCpu {
    private static final StructLayout.Builder BUILDER = StructLayout.of("vip_cpu");
    static final int DROPPED = BUILDER.u64("dropped");
    static final int ANSWERS = BUILDER.u32("answers");
    static final int ANSWERS_AT = BUILDER.u32("answers_at");
    static final StructLayout LAYOUT = BUILDER.build();

    private VipCpu() {}
  }

  /** A remembered flow. Only the datapath writes it. */
  static final class Flow {
    private static final StructLayout.Builder BUILDER = StructLayout.of("flow");
    static final int META = BUILDER.u32("meta");
    static final int SEEN = BUILDER.u32("seen");
    static final int CLIENT = BUILDER.bytes("client", 16, 4);
    static final int BACKEND_ADDRESS = BUILDER.bytes("backend_address", 16, 4);
    static final int CLIENT_MAC = BUILDER.bytes("client_mac", 6);
    static final int CLIENT_PORT = BUILDER.u16("client_port");
    static final int BACKEND_PORT = BUILDER.u16("backend_port");
    static final int NAT_PORT = BUILDER.u16("nat_port");
    static final int CLIENT_LINK = BUILDER.u32("client_link");
    static final int VIP = BUILDER.u32("vip");
    static final int BACKEND = BUILDER.u32("backend");
    static final StructLayout LAYOUT = BUILDER.build();

    static final int USED = 1;
    static final int CONFIRMED = 1 << 2;
    static final int FIN_CLIENT = 1 << 3;
    static final int FIN_BACKEND = 1 << 4;
    static final int RESET = 1 << 5;
    static final int UDP = 1 << 8;
    static final int HOSTED = 1 << 10;
    static final int REMEMBERED = 1 << 11;
    static final int AFFINITY = 1 << 12;

    private Flow() {}
  }

  /** What the agent tells the datapath. Times are in jiffies. */
  static final class Config {
    private static final StructLayout.Builder BUILDER = StructLayout.of("config");
    static final int NEXTHOP_GENERATION = BUILDER.u32("nexthop_generation");
    static final int NAT_PORT_FIRST = BUILDER.u16("nat_port_first");
    static final int NAT_PORT_COUNT = BUILDER.u16("nat_port_count");
    static final int FLOW_SEED = BUILDER.u32("flow_seed");
    static final int SECOND = BUILDER.u32("second");
    static final int TIMEOUT_TCP_NEW = BUILDER.u32("timeout_tcp_new");
    static final int TIMEOUT_TCP_ESTABLISHED = BUILDER.u32("timeout_tcp_established");
    static final int TIMEOUT_TCP_HALF_CLOSED = BUILDER.u32("timeout_tcp_half_closed");
    static final int TIMEOUT_TCP_CLOSED = BUILDER.u32("timeout_tcp_closed");
    static final int TIMEOUT_TCP_RESET = BUILDER.u32("timeout_tcp_reset");
    static final int TIMEOUT_UDP_NEW = BUILDER.u32("timeout_udp_new");
    static final int TIMEOUT_UDP_CONFIRMED = BUILDER.u32("timeout_udp_confirmed");
    static final int UNSETTLED = BUILDER.u32("unsettled");
    static final int ANSWERS = BUILDER.u32("answers");
    static final int TUNNEL_PORT = BUILDER.u16("tunnel_port");
    static final int MSS_IPV4 = BUILDER.u16("mss_ipv4");
    static final int MSS_IPV6 = BUILDER.u16("mss_ipv6");
    static final int HELLO_PORT = BUILDER.u16("hello_port");
    static final int RESERVED = BUILDER.u32("reserved");
    static final StructLayout LAYOUT = BUILDER.build();

    private Config() {}
  }

  /** An interface's MAC address. */
  static final class Mac {
    private static final StructLayout.Builder BUILDER = StructLayout.of("mac");
    static final int ADDRESS = BUILDER.bytes("address", 6);
    static final int RESERVED = BUILDER.bytes("reserved", 2);
    static final StructLayout LAYOUT = BUILDER.build();

    private Mac() {}
  }

  /** What is known of a slot's grants. Hellos write the last two. */
  static final class Member {
    private static final StructLayout.Builder BUILDER = StructLayout.of("member");
    static final int RUN = BUILDER.u64("run");
    static final int APPLIED = BUILDER.u64("applied");
    static final int UNTIL = BUILDER.u64("until");
    static final int EPOCH = BUILDER.u64("epoch");
    static final StructLayout LAYOUT = BUILDER.build();

    private Member() {}
  }

  /** Whose votes are counted. */
  static final class VoteCount {
    private static final StructLayout.Builder BUILDER = StructLayout.of("vote_count");
    static final int EPOCH = BUILDER.u64("epoch");
    static final int MEMBERS = BUILDER.u64("members");
    static final int QUORUM = BUILDER.u32("quorum");
    static final int RESERVED = BUILDER.u32("reserved");
    static final StructLayout LAYOUT = BUILDER.build();

    private VoteCount() {}
  }

  /** Who answers for the claimed addresses. */
  static final class Announce {
    /** How many slots there are. */
    static final int SLOTS = 64;

    private static final StructLayout.Builder BUILDER = StructLayout.of("announce");
    static final int INSTANCE = BUILDER.u64("instance");
    static final int KEY = BUILDER.bytes("key", 2 * Long.BYTES, Long.BYTES);
    static final int FENCE = BUILDER.u64("fence");
    static final int EPOCH = BUILDER.u64("epoch");
    static final int SLOT = BUILDER.u32("slot");
    static final int COUNTS = BUILDER.u32("counts");
    static final int COUNT = BUILDER.bytes("count", 2 * VoteCount.LAYOUT.size(), Long.BYTES);
    static final int RESERVED = BUILDER.bytes("reserved", 4 * Long.BYTES, Long.BYTES);
    static final int MEMBER = BUILDER.bytes("member", SLOTS * Member.LAYOUT.size(), Long.BYTES);
    static final StructLayout LAYOUT = BUILDER.build();

    private Announce() {}
  }

  /** An address that is claimed. */
  static final class ClaimKey {
    private static final StructLayout.Builder BUILDER = StructLayout.of("claim_key");
    static final int ADDRESS = BUILDER.bytes("address", 16, 4);
    static final int FAMILY = BUILDER.u32("family");
    static final StructLayout LAYOUT = BUILDER.build();

    private ClaimKey() {}
  }

  /** A claim. */
  static final class Claim {
    private static final StructLayout.Builder BUILDER = StructLayout.of("claim");
    static final int SUPPORTERS = BUILDER.u64("supporters");
    static final int NUMBER = BUILDER.u64("number");
    static final int PORTS = BUILDER.u64("ports");
    static final StructLayout LAYOUT = BUILDER.build();

    private Claim() {}
  }

  /** Where addresses are announced. */
  static final class LanPortKey {
    private static final StructLayout.Builder BUILDER = StructLayout.of("lan_port_key");
    static final int IFINDEX = BUILDER.u32("ifindex");
    static final int VLAN = BUILDER.u32("vlan");
    static final StructLayout LAYOUT = BUILDER.build();

    private LanPortKey() {}
  }

  /** What is answered there. */
  static final class LanPort {
    private static final StructLayout.Builder BUILDER = StructLayout.of("lan_port");
    static final int MAC = BUILDER.bytes("mac", 6);
    static final int NUMBER = BUILDER.u8("number");
    static final int RESERVED = BUILDER.u8("reserved");
    static final StructLayout LAYOUT = BUILDER.build();

    private LanPort() {}
  }

  /** What one CPU counts of announcing. */
  static final class Counts {
    private static final StructLayout.Builder BUILDER = StructLayout.of("announce_counts");
    static final int HELLOS_TAKEN = BUILDER.u64("hellos_taken");
    static final int HELLOS_REFUSED = BUILDER.u64("hellos_refused");
    static final int HELLOS_BAD = BUILDER.u64("hellos_bad");
    static final int ARP_ANSWERED = BUILDER.u64("arp_answered");
    static final int ARP_WITHHELD = BUILDER.u64("arp_withheld");
    static final int NDP_ANSWERED = BUILDER.u64("ndp_answered");
    static final int NDP_WITHHELD = BUILDER.u64("ndp_withheld");
    static final StructLayout LAYOUT = BUILDER.build();

    private Counts() {}
  }
}
