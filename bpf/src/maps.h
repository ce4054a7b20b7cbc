/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All maps, each with who writes and who reads it. Sizes marked "agent" are set before loading. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "layout.h"

/* Number of entries less one of the maps whose size is a power of two; set before loading. */
const volatile __u32 key_bucket_mask = 1;
const volatile __u32 flow_mask = 1;
const volatile __u32 flow_bucket_mask = 1;
/* How many entries of backend_cpus one CPU has: that many backends. */
const volatile __u32 backend_cpu_stride = 1;
/* The program is attached with multi-buffer support (kernel 5.18). */
const volatile bool multi_buffer = false;

/*
 * Sections of data, which are maps of one entry whose place the program knows: it costs nothing to
 * find them. The agent writes, the datapath reads.
 */
struct config config SEC(".data.config") = {};

/*
 * What may this address be? FILTER_* by its hash. Read first of all, so that a packet which is not
 * ours costs one byte's load.
 */
struct address_filter {
	__u8 bits[FILTER_SIZE];
} address_filter SEC(".data.filter") = {};

/* Who answers for the addresses that are claimed here. The agent writes, and hellos; the datapath reads. */
struct announce announce SEC(".data.announce") = {};

/* Address, protocol, port to VIP, and the other kinds of keys. The agent writes (after what the handle is of), the datapath reads. Size: agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct key_bucket);
} keys SEC(".maps");

/* The agent writes (after the ring), the datapath reads. Size: agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vip);
} vips SEC(".maps");

/* By the index of an address' own entry in `vips`. The agent writes, the datapath reads. Size: as vips. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct port_ranges);
} port_ranges SEC(".maps");

/* Who may come to a VIP. The agent writes a whole set (before the VIP refers to it), the datapath reads. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 18);
	__type(key, struct source_key);
	__type(value, __u32);
} source_ranges SEC(".maps");

/* The former owners of slots that moved; entry 0 is none's. The agent writes (before the slot), the datapath reads. Size: agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct slot_history);
} histories SEC(".maps");

/* Maglev rings, one after the other. The agent writes (after the backends), the datapath reads. Size: agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ring_line);
} rings SEC(".maps");

/* The histories of the slots that moved, by the slot's number. The agent writes (before the slot), the datapath reads. Size: as rings. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ring_line);
} ring_histories SEC(".maps");

/* The agent writes (first of all), the datapath reads. Size: agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

/*
 * One CPU's lines after the other's, by the index of the backend: backend_cpu() in nexthop.h. (A
 * per-CPU map would cost a second miss, for its pointer, and its lines lie across two of the cache's.)
 * The datapath writes, each CPU its own; the agent reads, and clears when the index gets a new owner.
 * Size: agent.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct backend_cpu);
} backend_cpus SEC(".maps");

/* By the index of the VIP, likewise. Size: agent. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vip_cpu);
} vip_cpus SEC(".maps");

/* By enum drop_reason. The datapath writes, the agent reads. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DROP_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} drops SEC(".maps");

/* The datapath writes and reads; `xdplb status` counts. Size: agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* aligned to pages, so to cache lines */
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

/* The datapath writes and reads. Size: agent, half of the flow table's:
 * an endpoint's flow has two entries, and buckets are not to overflow while the table has room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* aligned to pages, so to cache lines */
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct flow_bucket);
} flow_index SEC(".maps");

/* Interface index to its MAC address. The agent writes; the datapath reads for packets that leave by another interface. */
struct mac {
	__u8 address[6];
	__u8 reserved[2];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct mac);
} interfaces SEC(".maps");

/* Addresses that are claimed. The agent writes, the datapath reads. Size: agent. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct claim_key);
	__type(value, struct claim);
} claims SEC(".maps");

/* The agent writes (with a pause between two changes), the datapath reads. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct lan_port_key);
	__type(value, struct lan_port);
} lan_ports SEC(".maps");

/* One entry. The datapath writes, the agent reads. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct announce_counts);
} announce_counts SEC(".maps");
