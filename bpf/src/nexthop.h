/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a packet goes on layer 2, by the kernel's own routes and neighbours.
 *
 * bpf_fib_lookup() costs more than all the rest of a packet, so its answers are kept: towards a
 * backend in the CPU's own line of that backend, towards a client in the flow. Each answer carries a
 * stamp, made of the generation that the agent counts up on every change of links, routes and
 * neighbours, and of the time: so a change is followed at once while an agent runs, and within
 * seconds while none does.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "layout.h"
#include "maps.h"
#include "parse.h"

#define AF_INET 2
#define AF_INET6 10

#define NEXTHOP_STAMP_SHIFT 10 /* a backend's next hop lives 2^10 jiffies: 1 to 10 s */
#define CLIENT_STAMP_SHIFT 13 /* a client's 2^13: 8 to 80 s */

struct nexthop {
	__u32 ifindex;
	__u8 macs[2 * ETH_ALEN]; /* destination, then source */
};

/*
 * Words of a MAC address or two. The compiler would copy them byte by byte: it cannot know that they
 * are aligned to at least two bytes, or that nothing more is needed on machines that run XDP.
 */
static __always_inline void copy_mac(void *to, const void *from)
{
	*(__u32 *)to = *(const __u32 *)from;
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

static __always_inline void copy_macs(void *to, const void *from)
{
	*(__u64 *)to = *(const __u64 *)from;
	*(__u32 *)(to + 8) = *(const __u32 *)(from + 8);
}

/* This CPU's line of a backend. */
static __always_inline struct backend_cpu *backend_cpu(__u32 handle)
{
	__u32 index = (handle & HANDLE_INDEX_MASK) + bpf_get_smp_processor_id() * backend_cpu_stride;

	return bpf_map_lookup_elem(&backend_cpus, &index);
}

/* Never 0, which stands for "not resolved". */
static __always_inline __u32 backend_stamp(const struct config *c, __u32 now)
{
	return (c->nexthop_generation + (now >> NEXTHOP_STAMP_SHIFT)) | 1u << 31;
}

static __always_inline __u8 client_stamp(const struct config *c, __u32 now)
{
	return c->nexthop_generation + (now >> CLIENT_STAMP_SHIFT);
}

#define NEXTHOP_LOCAL 255 /* the destination is this machine's own */

/* Answers a drop reason or NEXTHOP_LOCAL, or DROP_NONE with *hop filled. */
static __noinline int nexthop_lookup(struct xdp_md *ctx, const __u32 source[4],
				     const __u32 destination[4], bool ipv6, struct nexthop *hop)
{
	struct bpf_fib_lookup fib = {};

	if (!source || !destination || !hop)
		return DROP_NO_ROUTE;
	fib.ifindex = ctx->ingress_ifindex;
	if (ipv6) {
		fib.family = AF_INET6;
		__builtin_memcpy(fib.ipv6_src, source, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, destination, sizeof(fib.ipv6_dst));
	} else {
		fib.family = AF_INET;
		fib.ipv4_src = source[0];
		fib.ipv4_dst = destination[0];
	}
	switch (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		hop->ifindex = fib.ifindex;
		__builtin_memcpy(hop->macs, fib.dmac, ETH_ALEN);
		__builtin_memcpy(hop->macs + ETH_ALEN, fib.smac, ETH_ALEN);
		return DROP_NONE;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return DROP_NO_NEIGHBOUR;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return DROP_FORWARDING_DISABLED;
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		return NEXTHOP_LOCAL;
	default:
		return DROP_NO_ROUTE;
	}
}

/* Makes sure that *cpu knows the way to the backend, or to the other end of its tunnel. Answers a drop reason. */
static __always_inline int backend_nexthop(struct xdp_md *ctx, const struct config *c, struct backend *b,
					   struct backend_cpu *cpu)
{
	__u32 now = bpf_jiffies64();

	if (likely(cpu->nexthop_stamp == backend_stamp(c, now)))
		return DROP_NONE;
	bool tunnel = b->encapsulation != ENCAPSULATION_NONE;
	struct nexthop hop = {};
	int reason = nexthop_lookup(ctx, tunnel ? b->outer_source : b->nat_address,
				    tunnel ? b->outer_destination : b->address,
				    (tunnel ? b->outer_family : b->family) == FAMILY_IPV6, &hop);

	if (reason)
		return reason == NEXTHOP_LOCAL ? DROP_NO_ROUTE : reason;
	cpu->nexthop_ifindex = hop.ifindex;
	__builtin_memcpy(cpu->nexthop_macs, hop.macs, sizeof(hop.macs));
	cpu->nexthop_stamp = backend_stamp(c, now);
	return DROP_NONE;
}

/* Sends the frame on its way. */
static __always_inline int transmit(struct xdp_md *ctx, __u32 ifindex)
{
	return likely(ifindex == ctx->ingress_ifindex) ? XDP_TX : bpf_redirect(ifindex, 0);
}
