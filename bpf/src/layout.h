/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the datapath and the agent share: the values of all maps. io.xdplb.datapath.Layouts mirrors
 * every struct here and compares sizes and offsets with this object's BTF before it is used.
 *
 * Addresses are four words in network order; an IPv4 address is the first word, the rest is zero.
 * Ports are in network order, all else in the host's.
 *
 * A handle names an entry of an array and the owner it had when the handle was made: the index in
 * the low HANDLE_INDEX_BITS bits, a generation above. The agent counts the generation up whenever it
 * gives the index to somebody else, so an old handle is recognised and never reaches the new owner.
 * 0 is no handle: generations go from 1 to 2047 and begin again. So the uppermost bit is free for
 * others.
 */
#pragma once

#include <linux/types.h>

#define HANDLE_INDEX_BITS 20
#define HANDLE_INDEX_MASK ((1u << HANDLE_INDEX_BITS) - 1)

#define FAMILY_IPV4 4
#define FAMILY_IPV6 6

/* Bits of the address filter: what a packet's destination or source may be. */
#define FILTER_VIP 1 /* destination: a VIP's */
#define FILTER_NAT 2 /* destination: ours, towards a backend */
#define FILTER_TUNNEL 4 /* destination: ours, where encapsulated packets come to */
#define FILTER_PEER 8 /* source: a node's */
#define FILTER_ENDPOINT 16 /* source, on the way out: of an endpoint on this machine */
#define FILTER_SOLICITED 32 /* destination: the multicast address where neighbours ask for a VIP */
#define FILTER_SIZE 65536 /* one byte each */

/* What a key is of, beside TCP and UDP ports of VIPs: the value of `protocol`. Their port is 0. */
#define KEY_ADDRESS 0 /* a VIP's address: the handle is of its entry in `vips` */
#define KEY_PEER 253 /* a node's address: from there encapsulated packets are accepted */
#define KEY_ENDPOINT 254 /* `address` is the tag of a backend on this machine, family 0; the handle is the backend's */

/*
 * One place of the lookup table. `handle` is written last and cleared first: 0 means the slot is
 * empty. A peer's handle is 1.
 */
struct key_slot {
	__u32 address[4];
	__be16 port;
	__u8 protocol;
	__u8 family;
	__u32 handle;
	__u32 reserved[2];
};

/* A key lives in one of the two slots of one of its two buckets. One cache line. */
struct key_bucket {
	struct key_slot slot[2];
};

#define VIP_REJECT 1 /* answer what cannot be served: RST, port unreachable. Else silence */
#define VIP_OWN 4 /* of an address as such: it is also this machine's, and has what no listener wants */
#define VIP_FLOWS 2 /* look for a known flow first: a backend is reached by NAT, or was until lately */

/*
 * One address, protocol and port or range of ports; or, with protocol 0, an address as such, which
 * says what becomes of packets to other ports. One cache line.
 */
struct vip {
	__u64 ring; /* first slot << 32 | number of slots: one word, so that a ring is replaced at once */
	__u32 handle; /* written last, cleared first */
	__u32 address[4];
	__be16 port;
	__u8 protocol;
	__u8 family;
	__u32 generation; /* of the last handle; outlives it */
	__u8 flags; /* VIP_* */
	__u8 reserved_byte;
	__be16 end_port; /* the last one; equal to port for a single one */
	__u32 affinity; /* jiffies for which a client stays with its backend; 0: none */
	__u32 sources; /* the set of source_ranges that may come; 0: everybody */
	__u32 hosted; /* handle of a backend of this VIP on this machine that gets IPIP or L2; 0: none */
	__u32 reserved[2];
};

/* The port ranges of one address, unordered; by the index of the address' own entry in `vips`. */
#define PORT_RANGES 16
struct port_ranges {
	struct port_range {
		__u16 first; /* in the host's order */
		__u16 last;
		__u8 protocol;
		__u8 reserved[3];
		__u32 vip; /* handle; written last, cleared first */
	} range[PORT_RANGES];
};

#define BACKEND_TAKES_NEW_FLOWS 1
#define BACKEND_NAT 2 /* source and destination are translated here; else the packet stays as it is */
#define BACKEND_AGENT 4 /* at the end of the tunnel is an agent of ours */
#define BACKEND_HOSTED 8 /* it is on this machine: no tunnel */
#define BACKEND_REMEMBERED 16 /* with BACKEND_AGENT: its node may have another ring, see is_remembered() */

#define ENCAPSULATION_NONE 0 /* with NAT: routed. Without: only the MAC addresses change (L2 DSR) */
#define ENCAPSULATION_GUE 1
#define ENCAPSULATION_IPIP 2

/* One endpoint of one VIP. Two cache lines, and DSR needs the first only. */
struct backend {
	__u32 handle; /* written last, cleared first */
	__u8 flags; /* BACKEND_* */
	__u8 family;
	__be16 port; /* 0: the packet's own */
	__u32 vip; /* handle of the VIP it belongs to */
	__u16 mtu; /* largest IP packet, before encapsulation, that can go there; 0: not known */
	__u8 outer_family;
	__u8 encapsulation;
	__u32 outer_source[4];
	__u32 outer_destination[4];
	__u64 tag; /* as it is in the packet: the control byte, 0, and 7 bytes; see tunnel.h */
	__u32 outer_sum; /* sum of the words that are always the same; see tunnel.h */
	__u32 reserved_word;
	__u32 address[4];
	__u32 nat_address[4]; /* this node's address towards it */
	__u32 drain_until; /* seconds of the Unix clock; 0: not draining. Read by the agent only */
	__u32 drain_seconds; /* see ForwardingTable. Read by the agent only */
	__u32 generation; /* of the last handle; outlives it */
	__u32 reserved[5];
};

/*
 * Slots of Maglev rings, side by side: the kernel gives each value of an array at least eight bytes. A
 * slot is the handle of the backend that has it, and SLOT_MOVED where it has had another owner: then
 * the index of its history is in the slot of the same number in `ring_histories`, written before.
 */
#define SLOT_MOVED (1u << 31)
#define RING_LINE_SLOTS 16
struct ring_line {
	__u32 slot[RING_LINE_SLOTS];
};

/*
 * Whose flows may still be in a slot that has moved, newest first, ended by 0 or the array's end.
 * Never changed but for `seen`: a slot that moves again gets another history. One cache line.
 */
#define HISTORY_OWNERS 12
struct slot_history {
	__u32 owner[HISTORY_OWNERS]; /* handles of backends */
	__u32 moved; /* jiffies when the slot moved last */
	__u32 seen; /* jiffies when a remembered flow of it was last followed, refreshed once a second */
	__u32 reserved[2];
};

/*
 * What one CPU knows of a backend: counters, and how to reach it. Written by the datapath only, on
 * its own CPU, so that nothing is shared and nothing is torn. One cache line.
 */
struct backend_cpu {
	__u64 packets_to_backend;
	__u64 bytes_to_backend; /* from the IP header on */
	__u64 packets_to_client;
	__u64 bytes_to_client;
	__u64 flows; /* begun */
	__u32 nexthop_stamp; /* when the next hop was resolved; see nexthop.h */
	__u32 nexthop_ifindex;
	__u8 nexthop_macs[12]; /* destination, then source: how its frames begin */
	__u32 reserved;
};

/* What one CPU counts of a VIP; and how many answers of our own it may still give (ICMP, RST). */
struct vip_cpu {
	__u64 dropped;
	__u32 answers;
	__u32 answers_at; /* jiffies */
};

/*
 * A flow that is remembered. One cache line.
 *
 * FLOW_NAT, on the balancing node: in the one place that its reply can be found by; see flow.h.
 * FLOW_HOSTED, on the endpoint's node: what DSR delivered here. FLOW_REMEMBERED, on the balancing
 * node: DSR to a server without an agent, in a slot that moved. FLOW_AFFINITY: a client's backend;
 * client_port is 0.
 */
struct flow {
	__u32 meta; /* FLOW_* and, above FLOW_VERSION_SHIFT, a version that changes with the owner */
	__u32 seen; /* jiffies of the last packet either way, refreshed once a second */
	__u32 client[4];
	__u32 backend_address[4];
	__u8 client_mac[6];
	__be16 client_port;
	__be16 backend_port;
	__be16 nat_port; /* FLOW_NAT: ours, towards the backend. Others: the VIP's port */
	__u32 client_link; /* interface index | stamp << CLIENT_LINK_STAMP_SHIFT; see nexthop.h */
	__u32 vip; /* handle */
	__u32 backend; /* handle */
};

#define FLOW_USED (1u << 0)
#define FLOW_REPLIED (1u << 1) /* the backend has answered */
#define FLOW_CONFIRMED (1u << 2) /* and the client has gone on: no spoofed source gets here */
#define FLOW_FIN_CLIENT (1u << 3)
#define FLOW_FIN_BACKEND (1u << 4)
#define FLOW_RESET (1u << 5)
#define FLOW_BUSY (1u << 6) /* is being written */
#define FLOW_UDP (1u << 8)
#define FLOW_IPV6 (1u << 9)
#define FLOW_HOSTED (1u << 10)
#define FLOW_REMEMBERED (1u << 11)
#define FLOW_AFFINITY (1u << 12)
#define FLOW_VERSION_SHIFT 16

#define CLIENT_LINK_IFINDEX_MASK 0xffffffu
#define CLIENT_LINK_STAMP_SHIFT 24

/* Where a flow is, by a hash of its key: tag << 32 | index in the flow table + 1; 0 while there was none yet. One cache line. */
#define FLOW_BUCKET_ENTRIES 8
struct flow_bucket {
	__u64 entry[FLOW_BUCKET_ENTRIES];
};

/* A set of sources: `set` is vip.sources << 1, and 1 more for IPv6. */
struct source_key {
	__u32 prefix_length; /* that of the range, and 32 for `set` */
	__u32 set;
	__u32 address[4];
};

/* Set by the agent; one entry. Times are in jiffies. */
struct config {
	__u32 nexthop_generation; /* counted up when links, routes or neighbours change */
	__u16 nat_port_first;
	__u16 nat_port_count;
	__u32 flow_seed; /* random, for the life of the flow table */
	__u32 second;
	__u32 timeout_tcp_new; /* not confirmed */
	__u32 timeout_tcp_established;
	__u32 timeout_tcp_half_closed;
	__u32 timeout_tcp_closed; /* both have sent FIN; covers the backend's TIME_WAIT */
	__u32 timeout_tcp_reset;
	__u32 timeout_udp_new;
	__u32 timeout_udp_confirmed;
	__u32 unsettled; /* for how long after a slot moved its former owners are asked about new flows */
	__u32 answers; /* ICMP messages and RSTs of our own, a second, VIP and CPU */
	__be16 tunnel_port; /* UDP port of GUE */
	__u16 mss_ipv4; /* largest segment that fits into the tunnels to this node; 0: not known */
	__u16 mss_ipv6;
	__u16 hello_port; /* UDP port of hellos, in the host's order: one less than tunnel_port */
	__u32 reserved;
};

/*
 * Announcing addresses on a LAN: docs/announcing.md. Times are milliseconds of bpf_ktime_get_ns(); a
 * slot is a member's number, and each mask has a bit for each slot.
 */
#define ANNOUNCE_SLOTS 64
#define ANNOUNCE_WITNESS 63

/* What is known here of a slot's grants. The agent writes the first two, hellos the others. */
struct member {
	__u64 run; /* whose hellos are taken; 0: nobody's. Cleared before `applied` is written, and written after it */
	__s64 applied; /* a hello that has withdrawn anything later is not taken */
	__s64 until; /* before this the vote counts; written after `epoch` */
	__s64 epoch; /* that the vote is of */
};

/* Whose votes are counted, and how many are enough. */
struct vote_count {
	__s64 epoch; /* votes of this one and the next count */
	__u64 members;
	__u32 quorum; /* 0: nothing was written yet, and no votes are enough */
	__u32 reserved;
};

/* One entry. The agent writes all but what hellos do. */
struct announce {
	__u64 instance; /* random, not 0, for the life of the maps */
	__u64 key[2]; /* of SipHash */
	__u64 fence; /* ms; written last. 0: there is no announcing here */
	__s64 epoch; /* the newest one that an agent here has had. Read by the agent only */
	__u32 slot; /* our own */
	__u32 counts; /* how many `count`s were written: the last one is at counts & 1. Written after it */
	struct vote_count count[2];
	__u64 reserved[4];
	struct member member[ANNOUNCE_SLOTS];
};

/* An address that this node wants to answer for. */
struct claim_key {
	__u32 address[4];
	__u32 family;
};

struct claim {
	__u64 supporters;
	__u64 number; /* of the claim; no other one has it */
	__u64 ports; /* a bit for the number of each LAN port where it is answered */
};

/* Where addresses are announced. */
struct lan_port_key {
	__u32 ifindex;
	__u32 vlan; /* 0: frames without a tag, or with one that has only a priority */
};

struct lan_port {
	__u8 mac[6];
	__u8 number; /* below 64 */
	__u8 reserved;
};

/* What one CPU counts. */
struct announce_counts {
	__u64 hellos_taken;
	__u64 hellos_refused; /* returned, but of another run or instance, or withdrawn */
	__u64 hellos_bad; /* of another length, not for us, or with a wrong tag */
	__u64 arp_answered;
	__u64 arp_withheld; /* claimed, and the votes do not suffice */
	__u64 ndp_answered;
	__u64 ndp_withheld;
};

/* Why a packet was dropped. The names reach the user: keep io.xdplb.datapath.DropReason equal. */
enum drop_reason {
	DROP_NONE = 0,
	DROP_MALFORMED, /* lengths, versions or offsets that contradict each other */
	DROP_BAD_SOURCE, /* a source that no client can have */
	DROP_BAD_TCP_FLAGS, /* flags that no TCP sends */
	DROP_TTL_EXCEEDED, /* TTL or hop limit 0 or 1 */
	DROP_FRAGMENT, /* a fragment to a VIP */
	DROP_NO_BACKEND, /* no backend takes new flows */
	DROP_NO_FLOW, /* TCP segment of a connection that is not known here and does not begin one */
	DROP_NAT_EXHAUSTED, /* all candidate source ports are held by established flows */
	DROP_FLOW_TABLE_FULL, /* all places that the flow may have are held by established flows */
	DROP_NO_ROUTE, /* the kernel has no route to the next hop */
	DROP_NO_NEIGHBOUR, /* the kernel does not know the next hop's MAC address yet */
	DROP_FORWARDING_DISABLED, /* the kernel's forwarding sysctl is off on the interface */
	DROP_SOURCE_NOT_ALLOWED, /* not in the VIP's source ranges */
	DROP_NO_LISTENER, /* a port of a VIP's address that nothing listens to */
	DROP_TOO_BIG, /* larger than the way to the backend allows */
	DROP_NO_HEADROOM, /* the driver leaves no room for an outer header */
	DROP_EXTENSION_HEADERS, /* more IPv6 extension headers than are looked at, or unknown ones */
	DROP_ICMP, /* an ICMP message to a VIP that belongs to no flow, or is no valid one */
	DROP_RATE_LIMITED, /* an answer of our own or an ICMP error, beyond the limit */
	DROP_UNKNOWN_PEER, /* an encapsulated packet that comes from no known node */
	DROP_NOT_HOSTED, /* an encapsulated packet for an endpoint that is not on this machine */
	DROP_NO_OWNER, /* a segment of a connection that none of the slot's owners knows */
	DROP_TUPLE_IN_USE, /* the same client port to the same endpoint by another VIP */
	DROP_CONGESTION_MARK, /* the tunnel was congested and the inner packet cannot carry the mark (RFC 6040) */
	DROP_REASONS,
};
