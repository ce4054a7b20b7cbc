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
 * 0 is no handle: generations go from 1 to 4095 and begin again.
 */
#pragma once

#include <linux/types.h>

#define HANDLE_INDEX_BITS 20
#define HANDLE_INDEX_MASK ((1u << HANDLE_INDEX_BITS) - 1)

#define FAMILY_IPV4 4
#define FAMILY_IPV6 6

/* Bits of the address filter: what a packet's destination may be. */
#define FILTER_VIP 1
#define FILTER_NAT 2
#define FILTER_SIZE 65536 /* one byte each */

/*
 * One place of the VIP lookup. The entry with protocol and port 0 says that the address is a VIP's.
 * `vip` is written last and cleared first: 0 means the slot is empty.
 */
struct vip_slot {
	__u32 address[4];
	__be16 port;
	__u8 protocol;
	__u8 family;
	__u32 vip; /* handle */
	__u32 reserved[2];
};

/* A key lives in one of the two slots of one of its two buckets. One cache line. */
struct vip_bucket {
	struct vip_slot slot[2];
};

/* One address, protocol and port. One cache line. */
struct vip {
	__u64 ring; /* first slot << 32 | number of slots: one word, so that a ring is replaced at once */
	__u32 handle; /* written last, cleared first */
	__u32 address[4];
	__be16 port;
	__u8 protocol;
	__u8 family;
	__u32 generation; /* of the last handle; outlives it */
	__u32 reserved[7];
};

#define BACKEND_TAKES_NEW_FLOWS 1

/* One endpoint of one VIP. One cache line. */
struct backend {
	__u32 address[4];
	__u32 nat_address[4]; /* this node's address towards it */
	__be16 port;
	__u8 family;
	__u8 flags;
	__u32 handle; /* written last, cleared first */
	__u32 vip; /* handle of the VIP it belongs to */
	__u32 drain_until; /* seconds of the Unix clock; 0: not draining. Read by the agent only */
	__u32 drain_seconds; /* see ForwardingTable. Read by the agent only */
	__u32 flow_base; /* where its flows begin in the flow table: hash of address, port, protocol */
	__u32 generation; /* of the last handle; outlives it */
	__u32 reserved;
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

/* What one CPU counts of a VIP. */
struct vip_cpu {
	__u64 dropped;
};

/*
 * A translated flow, in the one place that its reply can be found by: see flow.h. One cache line.
 */
struct flow {
	__u32 meta; /* FLOW_* and, above FLOW_VERSION_SHIFT, a version that changes with the owner */
	__u32 seen; /* jiffies of the last packet either way, refreshed once a second */
	__u32 client[4];
	__u32 backend_address[4];
	__u8 client_mac[6];
	__be16 client_port;
	__be16 backend_port;
	__be16 nat_port;
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
#define FLOW_VERSION_SHIFT 16

#define CLIENT_LINK_IFINDEX_MASK 0xffffffu
#define CLIENT_LINK_STAMP_SHIFT 24

/* Where a flow is, by what its client sends: tag << 32 | index in the flow table + 1. One cache line. */
#define FLOW_BUCKET_ENTRIES 8
struct flow_bucket {
	__u64 entry[FLOW_BUCKET_ENTRIES];
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
	__u32 reserved[5];
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
	DROP_FLOW_TABLE_FULL, /* all places in the flow index are held by established flows */
	DROP_NO_ROUTE, /* the kernel has no route to the next hop */
	DROP_NO_NEIGHBOUR, /* the kernel does not know the next hop's MAC address yet */
	DROP_FORWARDING_DISABLED, /* the kernel's forwarding sysctl is off on the interface */
	DROP_REASONS,
};
