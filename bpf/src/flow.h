/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of translated flows: two ARRAYs, so that a lookup is inlined and costs the cache misses
 * and nothing else.
 *
 * A flow's place is given by what its *reply* looks like: flow_base of the backend plus the source
 * port that was chosen. To choose a port is therefore to claim a place, two flows can never share a
 * translation, and a reply needs no search. What the client sends finds the flow through an index of
 * buckets, by hash; an entry of the index whose flow has gone is recognised by the flow's key.
 *
 * Nothing is swept: a place is taken over when somebody needs it and its flow has timed out or, when
 * all candidates are in use, when it was never confirmed or is closed. A flood of spoofed SYNs
 * therefore evicts itself, and never a confirmed flow.
 *
 * Concurrency: FLOW_BUSY is set by compare-and-swap, so one CPU writes; it publishes the flow with a
 * new version, and a reader that sees the version change under its hands takes it for a miss.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "hash.h"
#include "layout.h"
#include "maps.h"
#include "nexthop.h"
#include "parse.h"

/*
 * Ports that are looked at for a new flow: these side by side, which a CPU fetches well, and, when
 * none of them can be had, some more all over the range.
 */
#define NAT_CANDIDATES 8
#define NAT_CANDIDATES_MOST 24
#define GOLDEN_RATIO 0x9e3779b1u /* of 2^32: its multiples spread evenly */

#define FLOW_OWNER (FLOW_USED | FLOW_BUSY | FLOW_UDP | FLOW_IPV6 | ~0u << FLOW_VERSION_SHIFT)

static __always_inline bool same_address(const __u32 a[4], const __u32 b[4], bool ipv6)
{
	if (!ipv6)
		return a[0] == b[0];
	return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]));
}

static __always_inline __u32 flow_kind(__u8 protocol, bool ipv6)
{
	return FLOW_USED | (protocol == IPPROTO_UDP ? FLOW_UDP : 0) | (ipv6 ? FLOW_IPV6 : 0);
}

#define FLOW_KIND (FLOW_USED | FLOW_BUSY | FLOW_UDP | FLOW_IPV6)

/*
 * The client's words are mixed first: they are known before the VIP is looked up, so that the CPU
 * can do both at once.
 */
static __always_inline __u64 flow_hash(const struct config *c, const __u32 client[4],
				       __be16 client_port, __u32 vip, bool ipv6)
{
	__u64 hash = ipv6 ? hash_address(HASH_START, client, true) : client[0];

	hash = hash_mix(hash ^ (__u64)c->flow_seed << 32, (__u64)client_port << 32);
	hash ^= hash >> 47; /* the port has reached the uppermost bits only, and the bucket is the lowest */
	return hash ^ hash_mix(0, vip);
}

/* For how long a flow in this state may be silent, in jiffies. */
static __always_inline __u32 flow_timeout(const struct config *c, __u32 meta)
{
	if (meta & FLOW_UDP)
		return meta & FLOW_CONFIRMED ? c->timeout_udp_confirmed : c->timeout_udp_new;
	if (meta & FLOW_RESET)
		return c->timeout_tcp_reset;
	if (!(meta & FLOW_CONFIRMED))
		return c->timeout_tcp_new;
	if (!(meta & (FLOW_FIN_CLIENT | FLOW_FIN_BACKEND)))
		return c->timeout_tcp_established;
	if ((meta & FLOW_FIN_CLIENT) && (meta & FLOW_FIN_BACKEND))
		return c->timeout_tcp_closed;
	return c->timeout_tcp_half_closed;
}

static __always_inline bool flow_expired(const struct config *c, __u32 meta, __u32 seen, __u32 now)
{
	return now - seen > flow_timeout(c, meta);
}

/* A connection of TCP that has ended: a SYN on it begins another. */
static __always_inline bool flow_closed(__u32 meta)
{
	const __u32 both = FLOW_FIN_CLIENT | FLOW_FIN_BACKEND;

	return meta & FLOW_RESET || (meta & both) == both;
}

static __always_inline struct backend *backend_by_handle(__u32 handle)
{
	__u32 index = handle & HANDLE_INDEX_MASK;
	struct backend *b = bpf_map_lookup_elem(&backends, &index);

	return b && READ_ONCE(b->handle) == handle ? b : NULL;
}

/* May somebody else have the place? Higher is better, 0 is no. */
static __always_inline __u32 flow_vacancy(const struct config *c, struct flow *f, __u32 meta, __u32 now)
{
	if (!(meta & FLOW_USED))
		return meta & FLOW_BUSY ? 0 : ~0u;
	if (flow_expired(c, meta, f->seen, now))
		return ~0u - 1;
	if (!(meta & FLOW_CONFIRMED) || flow_closed(meta)) {
		__u32 idle = now - f->seen;

		return idle < ~0u - 3 ? idle + 1 : 1; /* the longest silent goes first */
	}
	return backend_by_handle(f->backend) ? 0 : ~0u - 2;
}

static __always_inline struct flow_bucket *flow_bucket(__u64 hash)
{
	__u32 index = hash & flow_bucket_mask;

	return bpf_map_lookup_elem(&flow_index, &index);
}

static __always_inline struct flow *flow_at(__u32 index)
{
	index &= flow_mask;
	return bpf_map_lookup_elem(&flows, &index);
}

/* What a client's packet needs of its flow, read while nobody else took the place over. */
struct flow_view {
	struct flow *flow;
	__u32 meta;
	__u32 backend;
	__be16 nat_port;
};

static __always_inline bool flow_find(const struct packet *p, __u32 vip, __u64 hash, bool ipv6,
				      struct flow_view *view)
{
	struct flow_bucket *bucket = flow_bucket(hash);

	if (!bucket)
		return false;
	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		__u64 entry = READ_ONCE(bucket->entry[i]);

		if (entry >> 32 != hash >> 32 || !(__u32)entry)
			continue;
		struct flow *f = flow_at((__u32)entry - 1);

		if (!f)
			continue;
		__u32 meta = READ_ONCE(f->meta);

		barrier();
		if ((meta & FLOW_KIND) != flow_kind(p->protocol, ipv6) || f->vip != vip ||
		    f->client_port != p->source_port || !same_address(f->client, p->source, ipv6))
			continue;
		view->flow = f;
		view->meta = meta;
		view->backend = f->backend;
		view->nat_port = f->nat_port;
		barrier();
		if (likely(!((READ_ONCE(f->meta) ^ meta) & FLOW_OWNER)))
			return true;
	}
	return false;
}

static __always_inline void flow_release(struct flow *f, __u32 meta)
{
	__sync_val_compare_and_swap(&f->meta, meta, meta & ~0u << FLOW_VERSION_SHIFT);
}

static __always_inline void flow_seen(const struct config *c, struct flow *f, __u32 now)
{
	if (unlikely(now - f->seen >= c->second))
		WRITE_ONCE(f->seen, now);
}

/* Puts `index` into the bucket: at an empty place, else at one whose flow has gone or may go. */
static __noinline bool flow_index_put(struct config *c, __u64 hash, __u32 index, __u32 now)
{
	struct flow_bucket *bucket = flow_bucket(hash);
	__u64 entry = (hash & ~0ULL << 32) | (index + 1);

	if (!bucket || !c)
		return false;
	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		if (!READ_ONCE(bucket->entry[i]) &&
		    !__sync_val_compare_and_swap(&bucket->entry[i], 0, entry))
			return true;
	}
	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		__u32 at = (i + (__u32)(hash >> 40)) % FLOW_BUCKET_ENTRIES;
		__u64 old = READ_ONCE(bucket->entry[at]);
		struct flow *f = flow_at((__u32)old - 1);

		if (!f)
			continue;
		__u32 meta = READ_ONCE(f->meta);
		bool gone = flow_hash(c, f->client, f->client_port, f->vip, meta & FLOW_IPV6) >> 32 != old >> 32;

		if (!gone) {
			if (!flow_vacancy(c, f, meta, now))
				continue;
			flow_release(f, meta);
		}
		if (__sync_val_compare_and_swap(&bucket->entry[at], old, entry) == old)
			return true;
	}
	return false;
}

/* The agent computes the same: io.xdplb.datapath.Hash. */
static __always_inline __u32 flow_place(const struct backend *b, __u16 nat_port)
{
	return b->flow_base + nat_port;
}

/*
 * Begins a flow to the backend: claims a source port, and with it a place. Answers a drop reason, or
 * DROP_NONE with *view filled; the caller puts it into the index, and sees to the way back to the
 * client. (It is given words and not the packet, so that that one stays in registers.)
 */
static __noinline int flow_create(const __u32 client[4], __u32 port_and_protocol, struct backend *b,
				  __u64 hash, struct flow_view *view)
{
	__u32 zero = 0;
	struct config *c = bpf_map_lookup_elem(&config, &zero);

	if (!client || !c || !b || !view)
		return DROP_NAT_EXHAUSTED;
	__u32 now = bpf_jiffies64();
	/* with the time in it: a client that is refused and tries again is to find other ports */
	__u32 place = hash_mix(hash, now);
	__u32 start = hash_scale(place, c->nat_port_count);
	struct flow *best = NULL;
	__u32 best_vacancy = 0, best_meta = 0, best_port = 0;
	bool ipv6 = b->family == FAMILY_IPV6;

	_Pragma("clang loop unroll(disable)")
	for (__u32 i = 0; i < NAT_CANDIDATES_MOST && i < c->nat_port_count; i++) {
		__u32 offset = start + i;

		if (i >= NAT_CANDIDATES) {
			if (best)
				break;
			offset = hash_scale(place + i * GOLDEN_RATIO, c->nat_port_count);
		}
		if (offset >= c->nat_port_count)
			offset -= c->nat_port_count;
		__u32 port = c->nat_port_first + offset;
		struct flow *f = flow_at(flow_place(b, port));

		if (!f)
			continue;
		__u32 meta = READ_ONCE(f->meta);
		__u32 vacancy = flow_vacancy(c, f, meta, now);

		if (vacancy > best_vacancy) {
			best = f;
			best_vacancy = vacancy;
			best_meta = meta;
			best_port = port;
			if (vacancy == ~0u)
				break;
		}
	}
	if (!best)
		return DROP_NAT_EXHAUSTED;
	if (__sync_val_compare_and_swap(&best->meta, best_meta, FLOW_BUSY) != best_meta)
		return DROP_NAT_EXHAUSTED; /* another CPU was faster; the client will repeat itself */

	__u32 handle = READ_ONCE(b->handle);

	best->seen = now;
	__builtin_memcpy(best->client, client, sizeof(best->client));
	__builtin_memcpy(best->backend_address, b->address, sizeof(best->backend_address));
	best->client_port = port_and_protocol;
	best->backend_port = b->port;
	best->nat_port = bpf_htons(best_port);
	best->vip = b->vip;
	best->backend = handle;
	/* no interface yet, and a stamp that is not the present one: the caller's turn */
	best->client_link = (__u32)(__u8)(client_stamp(c, now) - 1) << CLIENT_LINK_STAMP_SHIFT;

	__u32 version = (best_meta >> FLOW_VERSION_SHIFT) + 1;
	__u32 meta = version << FLOW_VERSION_SHIFT | flow_kind(port_and_protocol >> 16, ipv6);

	__sync_lock_test_and_set(&best->meta, meta); /* publishes: a full barrier */
	view->flow = best;
	view->meta = meta;
	view->backend = handle;
	view->nat_port = bpf_htons(best_port);
	return DROP_NONE;
}
