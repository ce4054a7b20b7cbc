/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether this node answers for an address: docs/announcing.md. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#include "layout.h"
#include "maps.h"
#include "parse.h"

#define NO_LAN 0xffffffffu /* in place of a VLAN: nothing is announced there */

static __always_inline __s64 now_ms(void)
{
	return bpf_ktime_get_ns() / 1000000;
}

/* What was read before is older than this, also on CPUs that read out of order. */
#define read_last(x) __sync_fetch_and_add(&(x), 0)

/* 1 for what is below 0, else 0; by a way that the compiler makes no branch of. */
static __always_inline __u64 sign(__s64 word)
{
	asm volatile("%0 >>= 63" : "+r"(word));
	return word;
}

static __always_inline struct announce_counts *announce_count(void)
{
	__u32 index = 0;

	return bpf_map_lookup_elem(&announce_counts, &index);
}

/* Where the frame came in, if addresses are announced there and it is not for another machine. */
static __always_inline struct lan_port *lan_port(struct xdp_md *ctx, __u32 vlan, const struct ethhdr *eth)
{
	struct lan_port_key key = { .ifindex = ctx->ingress_ifindex, .vlan = vlan };
	struct lan_port *port = bpf_map_lookup_elem(&lan_ports, &key);

	if (!port || eth->h_source[0] & 1)
		return NULL;
	if (!(eth->h_dest[0] & 1) &&
	    (*(const __u32 *)eth->h_dest != *(const __u32 *)port->mac ||
	     *(const __u16 *)(eth->h_dest + 4) != *(const __u16 *)(port->mac + 4)))
		return NULL;
	return port;
}

/* Do the votes of those who support a claim suffice now? Without branches in the loops: they would double what is to be verified. */
__noinline int is_owner(__u64 supporters)
{
	struct announce *a = &announce;
	__u32 counts = READ_ONCE(a->counts);

	barrier();
	struct vote_count *c = &a->count[counts & 1];
	__u64 voters = (supporters | 1ULL << ANNOUNCE_WITNESS) & c->members, valid = 0;
	__u32 quorum = c->quorum, votes = 0;
	__s64 epoch = c->epoch, now = now_ms();

	_Pragma("clang loop unroll(disable)")
	for (__u32 slot = 0; slot < ANNOUNCE_SLOTS; slot++)
		valid |= sign(now - READ_ONCE(a->member[slot].until)) << slot; /* until > now */
	if (read_last(a->counts) != counts)
		return false; /* replaced meanwhile: whoever asks does so again */
	_Pragma("clang loop unroll(disable)")
	for (__u32 slot = 0; slot < ANNOUNCE_SLOTS; slot++) {
		__u64 other = (__u64)(READ_ONCE(a->member[slot].epoch) - epoch) >> 1; /* 0: the same, or the next */

		votes += (voters & valid) >> slot & (sign(other | -other) ^ 1);
	}
	return quorum && votes >= quorum;
}

/*
 * What is done with a question for the address: XDP_TX, answer it; XDP_DROP, withhold the answer; or
 * XDP_PASS, it is not claimed here.
 *
 * The kernel may give an entry's place to another claim while it is read. So it is looked up again, and
 * must be the same: no two claims have the same number.
 */
static __always_inline int claim_verdict(const struct claim_key *key, const struct lan_port *port)
{
	struct claim *claim = bpf_map_lookup_elem(&claims, key);

	if (!claim)
		return XDP_PASS;
	__u64 supporters = READ_ONCE(claim->supporters), number = READ_ONCE(claim->number);
	__u64 ports = READ_ONCE(claim->ports);

	barrier();
	claim = bpf_map_lookup_elem(&claims, key);
	if (!claim || READ_ONCE(claim->number) != number || READ_ONCE(claim->supporters) != supporters ||
	    READ_ONCE(claim->ports) != ports)
		return XDP_DROP;
	if (!(ports >> (port->number & 63) & 1))
		return XDP_PASS;
	return is_owner(supporters) ? XDP_TX : XDP_DROP;
}
