/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hellos of other nodes' agents: what they grant is noted, and they go back at once with our time in
 * them. See docs/announcing.md, and io.xdplb.core.announce.Hello for the layout.
 */
#pragma once

#include "announce.h"
#include "csum.h"
#include "refuse.h"
#include "siphash.h"
#include "verdict.h"

struct hello {
	__u64 head; /* magic, version, kind, from, to */
	__s64 epoch;
	__u64 run;
	__s64 withdrawn;
	__s64 sent;
	__u64 instance;
	__s64 seen;
	__u64 tag;
};

#define HELLO_WORDS 7 /* that the tag is of */
#define HELLO_KIND 0x0000ffffffffffffULL /* magic, version and kind */
#define HELLO_HEAD 0x0000010148706478ULL /* "xdpH", 1, 1: a hello */
#define HELLO_REFLECTED (1ULL << 40 ^ 2ULL << 40) /* from that kind to the other */

static __noinline __u64 hello_tag(const struct hello *h)
{
	return siphash_words(announce.key, (const __u64 *)h, HELLO_WORDS);
}

/* Writes a newer value, if there is none meanwhile: then the next hello brings it. */
static __always_inline bool raise_to(__s64 *word, __s64 value)
{
	__s64 was = READ_ONCE(*word);

	return value <= was || __sync_val_compare_and_swap(word, was, value) == was;
}

/* Notes the grant; answers whether it was taken. */
static __always_inline bool take_hello(const struct hello *h, __u32 from)
{
	struct announce *a = &announce;
	struct member *m = &a->member[from % ANNOUNCE_SLOTS];

	if (h->instance != a->instance || read_last(m->run) != h->run)
		return false;
	__s64 applied = READ_ONCE(m->applied);

	/* the same run still: so `applied` is of it */
	if (read_last(m->run) != h->run || h->withdrawn > applied)
		return false;
	return raise_to(&m->epoch, h->epoch) && raise_to(&m->until, h->seen + (__s64)a->fence);
}

static __always_inline __u64 hello(struct xdp_md *ctx, bool ipv6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *l3 = data + ETH_HLEN;
	struct udphdr *udp = l3 + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	struct hello *h = (void *)(udp + 1);
	struct announce *a = &announce;
	struct ethhdr *eth = data;

	/* the agent's socket gets all else; or a VIP has the port, as in answer() */
	if ((void *)(udp + 1) + sizeof(h->head) > end || (!ipv6 && ((struct iphdr *)l3)->ihl != 5) ||
	    !READ_ONCE(a->fence) || bpf_ntohs(udp->len) < sizeof(*udp) + sizeof(h->head) ||
	    (h->head & HELLO_KIND) != HELLO_HEAD)
		return next(NEXT_BALANCE, 0, 0);
	struct announce_counts *count = announce_count();
	__u32 from = h->head >> 48 & 0xff, to = h->head >> 56;

	if (!count)
		return XDP_DROP;
	if (udp->len != bpf_htons(sizeof(*udp) + sizeof(*h)) || (void *)(h + 1) > end || to != a->slot ||
	    from >= ANNOUNCE_WITNESS || hello_tag(h) != h->tag) {
		count->hellos_bad++;
		return XDP_DROP;
	}
	if (take_hello(h, from))
		count->hellos_taken++;
	else
		count->hellos_refused++;
	h->head ^= HELLO_REFLECTED;
	h->instance = a->instance;
	h->seen = now_ms();
	h->tag = hello_tag(h);

	__u32 source[4] = {}, destination[4] = {};
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	if (ipv6) {
		struct ipv6hdr *ip = l3;

		__builtin_memcpy(source, &ip->saddr, sizeof(source));
		__builtin_memcpy(destination, &ip->daddr, sizeof(destination));
		__builtin_memcpy(&ip->saddr, destination, sizeof(destination));
		__builtin_memcpy(&ip->daddr, source, sizeof(source));
	} else {
		struct iphdr *ip = l3;

		source[0] = ip->saddr;
		destination[0] = ip->daddr;
		ip->saddr = destination[0];
		ip->daddr = source[0];
	}
	__be16 port = udp->source;

	udp->source = udp->dest;
	udp->dest = port;
	udp->check = 0;
	__u64 sum = pseudo_sum(source, destination, sizeof(*udp) + sizeof(*h), IPPROTO_UDP, ipv6);

	for (__u32 i = 0; i < (sizeof(*udp) + sizeof(*h)) / 4; i++)
		sum += ((__u32 *)udp)[i];
	udp->check = csum_apply_udp(0xffff, sum);
	return XDP_TX;
}

__noinline __u64 hello_ipv4(struct xdp_md *ctx)
{
	return hello(ctx, false);
}

__noinline __u64 hello_ipv6(struct xdp_md *ctx)
{
	return hello(ctx, true);
}
