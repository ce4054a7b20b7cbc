/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of translated flows: two ARRAYs, so that a lookup is inlined and costs the cache misses
 * and nothing else.
 *
 * A flow's place is given by what its *reply* looks like: flow_base of the backend plus the source
 * port that was chosen. To choose a port is therefore to claim a place, two flows can never share a
 * translation, and a reply needs no search. What the client sends finds the flow through an index of
 * buckets, by hash; an entry of the index whose flow has gone is recognised by the flow's key. An entry
 * is in the first of its two buckets or, where that was full, in the second. Entries are taken over and
 * never emptied: so behind an empty one nothing has to be looked for.
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
#include "lookup.h"
#include "maps.h"
#include "nexthop.h"
#include "parse.h"

/*
 * Places (and so ports) that are looked at for a new flow: these side by side, which a CPU fetches
 * well, and some more all over the range when none of them can be had, or only one of a flow that is
 * not yet confirmed and may be at any moment.
 */
#define CANDIDATES 8
#define CANDIDATES_MOST 24
#define GOLDEN_RATIO 0x9e3779b1u /* of 2^32: its multiples spread evenly */

#define FLOW_OF_KIND (FLOW_HOSTED | FLOW_REMEMBERED | FLOW_AFFINITY) /* none of them: NAT */
#define FLOW_KIND (FLOW_USED | FLOW_BUSY | FLOW_UDP | FLOW_IPV6)
#define FLOW_OWNER (FLOW_KIND | FLOW_OF_KIND | ~0u << FLOW_VERSION_SHIFT)

static __always_inline __u32 flow_kind(__u8 protocol, bool ipv6)
{
	return FLOW_USED | (protocol == IPPROTO_UDP ? FLOW_UDP : 0) | (ipv6 ? FLOW_IPV6 : 0);
}

/*
 * The packet's words are mixed first: they are known before the VIP is looked up, so that the CPU
 * can do both at once. The VIP's port is among them, since a VIP may have many: a client may speak to
 * all of them from one port. Both are 0 for FLOW_AFFINITY.
 */
static __always_inline __u64 flow_hash(const struct config *c, const __u32 client[4], __be16 client_port,
				       __be16 vip_port, __u32 vip, bool ipv6)
{
	__u64 hash = ipv6 ? hash_address(HASH_START, client, true) : client[0];

	hash = hash_mix(hash ^ (__u64)c->flow_seed << 32, (__u64)(client_port | (__u32)vip_port << 16) << 32);
	hash ^= hash >> 47; /* the ports have reached the uppermost bits only, and the bucket is the lowest */
	return hash ^ hash_mix(0, vip);
}

/* By what a backend on this machine answers. */
static __always_inline __u64 flow_answer_hash(const struct config *c, const __u32 backend[4], __be16 backend_port,
					      const __u32 client[4], __be16 client_port, bool ipv6)
{
	__u64 hash = hash_address(hash_address((__u64)c->flow_seed << 32, backend, ipv6), client, ipv6);

	hash = hash_mix(hash, backend_port | (__u32)client_port << 16);
	return hash ^ hash >> 47;
}

/* For how long a flow in this state may be silent, in jiffies. */
static __always_inline __u32 flow_timeout(const struct config *c, struct flow *f, __u32 meta)
{
	if (unlikely(meta & FLOW_AFFINITY)) {
		struct vip *v = vip_by_handle(f->vip);

		return v ? v->affinity : 0;
	}
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

static __always_inline bool flow_expired(const struct config *c, struct flow *f, __u32 meta, __u32 now)
{
	return now - f->seen > flow_timeout(c, f, meta);
}

/* A connection of TCP that has ended: a SYN on it begins another. */
static __always_inline bool flow_closed(__u32 meta)
{
	const __u32 both = FLOW_FIN_CLIENT | FLOW_FIN_BACKEND;

	return meta & FLOW_RESET || (meta & both) == both;
}

/* The VIP's port as it is in flow_hash(). */
static __always_inline __be16 flow_vip_port(const struct flow *f, __u32 meta)
{
	if (meta & FLOW_AFFINITY)
		return 0;
	if (meta & FLOW_OF_KIND)
		return f->nat_port;
	struct vip *v = vip_by_handle(f->vip);

	return v && v->port == v->end_port ? v->port : f->backend_port; /* a range's backends have the packet's */
}

#define VACANCY_DEAD (~0u - 2) /* and above: nobody will miss the flow */
#define VACANCY_SILENT (1u << 31) /* and above: for more than a second, and not confirmed or closed */

/* May somebody else have the place? Higher is better, 0 is no. */
static __always_inline __u32 flow_vacancy(const struct config *c, struct flow *f, __u32 meta, __u32 now)
{
	if (!(meta & FLOW_USED))
		return meta & FLOW_BUSY ? 0 : ~0u;
	if (flow_expired(c, f, meta, now))
		return ~0u - 1;
	if (!(meta & FLOW_CONFIRMED) || flow_closed(meta)) {
		__u32 idle = now - f->seen;

		return idle > c->second ? idle | VACANCY_SILENT : idle + 1; /* the longest silent goes first */
	}
	return backend_by_handle(f->backend) ? 0 : VACANCY_DEAD;
}

static __always_inline struct flow_bucket *flow_bucket(__u64 hash, bool second)
{
	__u32 index = (second ? hash >> 32 : hash) & flow_bucket_mask;

	return bpf_map_lookup_elem(&flow_index, &index);
}

/* Entries where a hash may be: those of both buckets. */
#define FLOW_ENTRIES (2 * FLOW_BUCKET_ENTRIES)

/* Number `i` of them, to be asked for in order; `bucket` is the caller's. 0: that was all. */
static __always_inline __u64 flow_entry(struct flow_bucket **bucket, __u64 hash, int i)
{
	if (i % FLOW_BUCKET_ENTRIES == 0)
		*bucket = flow_bucket(hash, i);
	return *bucket ? READ_ONCE((*bucket)->entry[i % FLOW_BUCKET_ENTRIES]) : 0;
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
	__u32 place;
	__be16 nat_port;
	__be16 backend_port;
};

/*
 * `kind`: see flow_kind(), and FLOW_OF_KIND. `range`: the VIP is one of several ports, and the packet's
 * has to be compared as well.
 */
static __always_inline bool flow_find(const struct packet *p, __u32 vip, __u64 hash, __u32 kind, bool ipv6,
				      bool range, struct flow_view *view)
{
	struct flow_bucket *bucket = NULL;

	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < FLOW_ENTRIES; i++) {
		__u64 entry = flow_entry(&bucket, hash, i);

		if (!entry)
			return false;
		if (entry >> 32 != hash >> 32)
			continue;
		struct flow *f = flow_at((__u32)entry - 1);

		if (!f)
			continue;
		__u32 meta = READ_ONCE(f->meta);

		barrier();
		if ((meta & (FLOW_KIND | FLOW_OF_KIND)) != kind || f->vip != vip ||
		    f->client_port != p->source_port || !same_address(f->client, p->source, ipv6))
			continue;
		if (unlikely(range) &&
		    (meta & FLOW_OF_KIND ? f->nat_port : f->backend_port) != p->destination_port)
			continue;
		view->flow = f;
		view->meta = meta;
		view->backend = f->backend;
		view->place = ((__u32)entry - 1) & flow_mask;
		view->nat_port = f->nat_port;
		view->backend_port = f->backend_port;
		barrier();
		if (likely(!((READ_ONCE(f->meta) ^ meta) & FLOW_OWNER)))
			return true;
	}
	return false;
}

/*
 * The same for the cold paths: `key` has client, client_port, vip, meta (kind) and nat_port (the
 * VIP's). Answers place + 1, 0 for none; see flow_found().
 */
__noinline __u32 flow_search(const struct flow *key, bool range)
{
	struct config *c = &config;
	struct flow_view view = {};
	struct packet p = {};

	if (!key)
		return 0;
	bool ipv6 = key->meta & FLOW_IPV6;

	__builtin_memcpy(p.source, key->client, sizeof(p.source));
	p.source_port = key->client_port;
	p.destination_port = key->nat_port;
	__u64 hash = flow_hash(c, p.source, p.source_port, key->meta & FLOW_AFFINITY ? 0 : key->nat_port,
			       key->vip, ipv6);

	return flow_find(&p, key->vip, hash, key->meta, ipv6, range, &view) ? view.place + 1 : 0;
}

static __always_inline bool flow_found(__u32 answer, struct flow_view *view)
{
	struct flow *f = answer ? flow_at(answer - 1) : NULL;

	if (!f)
		return false;
	view->flow = f;
	view->meta = READ_ONCE(f->meta);
	view->backend = f->backend;
	view->nat_port = f->nat_port;
	view->backend_port = f->backend_port;
	return true;
}

/* Answers false if the flow is not what it was any more. */
static __always_inline bool flow_release(struct flow *f, __u32 meta)
{
	return __sync_val_compare_and_swap(&f->meta, meta, meta & ~0u << FLOW_VERSION_SHIFT) == meta;
}

static __always_inline void flow_seen(const struct config *c, struct flow *f, __u32 now)
{
	if (unlikely(now - f->seen >= c->second))
		WRITE_ONCE(f->seen, now);
}

/*
 * Puts `place` into one of the two buckets: at an empty entry, else at one whose flow has gone, else
 * at the one that may go first if its vacancy is at least `least`. Answers whether it could.
 */
__noinline int flow_bucket_put(__u64 hash, __u32 place, bool second, __u32 least)
{
	struct flow_bucket *bucket = flow_bucket(hash, second);
	__u64 entry = (hash & ~0ULL << 32) | (place + 1);
	__u32 now = bpf_jiffies64();
	struct config *c = &config;

	if (!bucket)
		return false;
	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		if (!READ_ONCE(bucket->entry[i]) &&
		    !__sync_val_compare_and_swap(&bucket->entry[i], 0, entry))
			return true;
	}
	__u32 best_at = 0, best_vacancy = 0, best_meta = 0;
	__u64 best_entry = 0;

	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		__u32 at = (i + (__u32)(hash >> 40)) % FLOW_BUCKET_ENTRIES;
		__u64 old = READ_ONCE(bucket->entry[at]);
		struct flow *f = flow_at((__u32)old - 1);

		if (!f)
			continue;
		__u32 meta = READ_ONCE(f->meta);
		bool ipv6 = meta & FLOW_IPV6;
		__be16 vip_port = flow_vip_port(f, meta);
		bool gone = flow_hash(c, f->client, f->client_port, vip_port, f->vip, ipv6) >> 32 != old >> 32 &&
			    (!(meta & FLOW_HOSTED) ||
			     flow_answer_hash(c, f->backend_address, f->backend_port, f->client, f->client_port,
					      ipv6) >> 32 != old >> 32);
		__u32 vacancy = gone ? ~0u : flow_vacancy(c, f, meta, now);

		if (vacancy > best_vacancy) {
			best_at = at;
			best_vacancy = vacancy;
			best_entry = old;
			best_meta = gone ? 0 : meta;
			if (vacancy >= VACANCY_DEAD)
				break;
		}
	}
	if (best_vacancy < least)
		return false;
	if (best_meta) {
		struct flow *f = flow_at((__u32)best_entry - 1);

		/* it has gone on while we looked */
		if (!f || !flow_release(f, best_meta))
			return false;
	}
	return __sync_val_compare_and_swap(&bucket->entry[best_at & (FLOW_BUCKET_ENTRIES - 1)], best_entry, entry) ==
	       best_entry;
}

/* Puts `place` into the index, where it costs the least. Answers whether it could. */
static __always_inline bool flow_index_put(__u64 hash, __u32 place)
{
	return flow_bucket_put(hash, place, false, VACANCY_DEAD) || flow_bucket_put(hash, place, true, VACANCY_DEAD) ||
	       flow_bucket_put(hash, place, false, 1) || flow_bucket_put(hash, place, true, 1);
}

/*
 * Claims a place for a flow and fills it in. `wanted` says all of it but the times and, for NAT, the
 * port: there the place is that of a port of ours, see above; any other flow's place is anywhere.
 * Answers a drop reason in the low byte, or meta with FLOW_VERSION only, and the place in the upper
 * half: a pointer into a map would not survive the call.
 */
__noinline __u64 flow_claim(const struct flow *wanted, __u64 hash)
{
	struct config *c = &config;

	if (!wanted)
		return DROP_FLOW_TABLE_FULL;
	bool nat = !(wanted->meta & FLOW_OF_KIND), ipv6 = wanted->meta & FLOW_IPV6;
	__u32 now = bpf_jiffies64(), ports = c->nat_port_count, base = 0;
	/* with the time in it: a client that is refused and tries again is to find other places */
	__u32 random = hash_mix(hash, now), start = hash_scale(random, ports);
	__u32 best_place = 0, best_vacancy = 0, best_meta = 0, best_port = 0;
	struct flow *best = NULL;

	if (nat)
		base = hash_mix(hash_address(HASH_START, wanted->backend_address, ipv6),
				wanted->backend_port | (wanted->meta & FLOW_UDP ? IPPROTO_UDP : IPPROTO_TCP) << 16);
	_Pragma("clang loop unroll(disable)")
	for (__u32 i = 0; i < CANDIDATES_MOST; i++) {
		__u32 place = random + i, port = 0;

		if (i >= CANDIDATES) {
			if (best_vacancy >= VACANCY_SILENT)
				break;
			place = random + i * GOLDEN_RATIO;
		}
		if (nat) {
			__u32 offset = i < CANDIDATES ? start + i : hash_scale(place, ports);

			if (i >= ports)
				break;
			if (offset >= ports)
				offset -= ports;
			port = c->nat_port_first + offset;
			place = base + port;
		}
		struct flow *f = flow_at(place);

		if (!f)
			continue;
		__u32 meta = READ_ONCE(f->meta);
		__u32 vacancy = flow_vacancy(c, f, meta, now);

		if (vacancy > best_vacancy) {
			best = f;
			best_place = place & flow_mask;
			best_vacancy = vacancy;
			best_meta = meta;
			best_port = port;
			if (vacancy == ~0u)
				break;
		}
	}
	/* another CPU may be faster: the client will repeat itself */
	if (!best || __sync_val_compare_and_swap(&best->meta, best_meta, FLOW_BUSY) != best_meta)
		return nat ? DROP_NAT_EXHAUSTED : DROP_FLOW_TABLE_FULL;
	best->seen = now;
	__builtin_memcpy(best->client, wanted->client, sizeof(best->client));
	__builtin_memcpy(best->backend_address, wanted->backend_address, sizeof(best->backend_address));
	best->client_port = wanted->client_port;
	best->backend_port = wanted->backend_port;
	best->nat_port = nat ? bpf_htons(best_port) : wanted->nat_port;
	best->vip = wanted->vip;
	best->backend = wanted->backend;
	/* no interface yet, and a stamp that is not the present one: the caller's turn */
	best->client_link = (__u32)(__u8)(client_stamp(c, now) - 1) << CLIENT_LINK_STAMP_SHIFT;

	__u32 version = (best_meta >> FLOW_VERSION_SHIFT) + 1;
	__u32 meta = version << FLOW_VERSION_SHIFT | (wanted->meta & ((1u << FLOW_VERSION_SHIFT) - 1));

	__sync_lock_test_and_set(&best->meta, meta); /* publishes: a full barrier */
	return (__u64)best_place << 32 | (version & 0xffff) << FLOW_VERSION_SHIFT;
}

/* Begins a flow that is found by `hash`. Answers a drop reason. */
static __always_inline int flow_begin(const struct flow *wanted, __u64 hash)
{
	__u64 claimed = flow_claim(wanted, hash);
	struct flow *f = flow_at(claimed >> 32);

	if (claimed & 0xff)
		return claimed & 0xff;
	if (f && !flow_index_put(hash, claimed >> 32)) {
		flow_release(f, (__u32)claimed | wanted->meta);
		return DROP_FLOW_TABLE_FULL;
	}
	return DROP_NONE;
}

/* A segment or datagram that may begin a flow. */
static __always_inline bool begins_flow(const struct packet *p)
{
	return p->protocol == IPPROTO_UDP || (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* What a packet from the client means for the state of its flow. */
static __noinline void client_state(struct flow *f, __u32 meta, __u32 flags)
{
	__u32 bits = 0;

	if (!f)
		return;
	if (meta & FLOW_REPLIED && !(flags & TCP_SYN))
		bits |= FLOW_CONFIRMED;
	if (flags & TCP_FIN)
		bits |= FLOW_FIN_CLIENT;
	if (flags & TCP_RST)
		bits |= FLOW_RESET;
	if ((meta & bits) != bits)
		__sync_fetch_and_or(&f->meta, bits);
}

static __noinline void backend_state(struct flow *f, __u32 meta, __u32 flags)
{
	__u32 bits = FLOW_REPLIED;

	if (!f)
		return;
	if (flags & TCP_FIN)
		bits |= FLOW_FIN_BACKEND;
	if (flags & TCP_RST)
		bits |= FLOW_RESET;
	if ((meta & bits) != bits)
		__sync_fetch_and_or(&f->meta, bits);
}
