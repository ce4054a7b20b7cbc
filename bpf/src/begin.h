/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Begins flows. The packet then goes on to where a known flow's packets go. */
#pragma once

#include "flow.h"
#include "hash.h"
#include "lookup.h"
#include "tunnel.h"
#include "verdict.h"

/*
 * Could the endpoint tell the flow apart from all others? Two VIPs may lead to one endpoint, and a
 * client may use the same port for both. Flows that have ended or whose backend has gone make room.
 * Answers a drop reason.
 */
__noinline int settle_answer(const struct flow *wanted, __u64 answer_hash)
{
	struct config *c = &config;
	struct flow_bucket *bucket = NULL;

	if (!wanted)
		return DROP_FLOW_TABLE_FULL;
	bool ipv6 = wanted->meta & FLOW_IPV6;

	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < FLOW_ENTRIES; i++) {
		__u64 entry = flow_entry(&bucket, answer_hash, i);
		struct flow *f = entry >> 32 == answer_hash >> 32 ? flow_at((__u32)entry - 1) : NULL;

		if (!entry)
			break;
		if (!f)
			continue;
		__u32 meta = READ_ONCE(f->meta);

		if ((meta & (FLOW_KIND | FLOW_OF_KIND)) != wanted->meta || f->client_port != wanted->client_port ||
		    f->backend_port != wanted->backend_port || !same_address(f->client, wanted->client, ipv6) ||
		    !same_address(f->backend_address, wanted->backend_address, ipv6))
			continue;
		if ((f->vip != wanted->vip || f->nat_port != wanted->nat_port) && backend_by_handle(f->backend) &&
		    !flow_closed(meta) && !flow_expired(c, f, meta, bpf_jiffies64()))
			return DROP_TUPLE_IN_USE;
		flow_release(f, meta);
	}
	return DROP_NONE;
}

static __always_inline __u64 begin(struct xdp_md *ctx, __u32 handle, __u32 kind, bool ipv6)
{
	struct packet p = {};
	struct config *c = &config;
	struct backend *b = backend_by_handle(handle);
	struct backend_cpu *cpu = backend_cpu(handle);

	if (!b || !cpu || !read_packet(ctx, &p, ipv6))
		return drop(DROP_NO_BACKEND, 0);
	__u32 vip = b->vip;
	struct flow wanted = {
		.meta = flow_kind(p.protocol, ipv6) | (kind == BEGIN_HOSTED	? FLOW_HOSTED
						      : kind == BEGIN_REMEMBERED ? FLOW_REMEMBERED
										 : 0),
		.client_port = p.source_port,
		.backend_port = b->port ? b->port : p.destination_port,
		.nat_port = p.destination_port,
		.vip = vip,
		.backend = handle,
	};

	__builtin_memcpy(wanted.client, p.source, sizeof(wanted.client));
	__builtin_memcpy(wanted.backend_address, b->address, sizeof(wanted.backend_address));
	__u64 hash = flow_hash(c, wanted.client, wanted.client_port, p.destination_port, vip, ipv6);

	if (kind == BEGIN_AFFINITY) {
		wanted.meta = flow_kind(p.protocol, ipv6) | FLOW_AFFINITY;
		wanted.client_port = 0;
		(void)flow_begin(&wanted, flow_hash(c, wanted.client, 0, 0, vip, ipv6)); /* no room: as the ring says */
		return next(NEXT_BALANCE, BALANCE_AFFINE, vip);
	}
	if (kind != BEGIN_HOSTED) {
		int reason = flow_begin(&wanted, hash);

		if (reason)
			return drop(reason, vip);
		cpu->flows++;
		return kind == BEGIN_NAT ? next(NEXT_BALANCE, 0, vip) : next(NEXT_TUNNEL, 0, handle);
	}
	/* an endpoint here has it also under the hash of its answers: see egress.h */
	__u64 answer_hash = flow_answer_hash(c, wanted.backend_address, wanted.backend_port, wanted.client,
					     wanted.client_port, ipv6);
	int reason = settle_answer(&wanted, answer_hash);

	if (reason == DROP_TUPLE_IN_USE)
		return next(NEXT_REFUSE, reason, vip);
	__u64 claimed = reason ? reason : flow_claim(&wanted, hash);

	if (claimed & 0xff)
		return drop(claimed & 0xff, vip);
	struct flow *f = flow_at(claimed >> 32);

	if (f && (!flow_index_put(hash, claimed >> 32) || !flow_index_put(answer_hash, claimed >> 32))) {
		flow_release(f, (__u32)claimed | wanted.meta);
		return drop(DROP_FLOW_TABLE_FULL, vip);
	}
	cpu->flows++;
	return next(NEXT_LOCAL, CONTROL_FINAL, handle);
}

__noinline __u64 begin_ipv4(struct xdp_md *ctx, __u32 handle, __u32 kind)
{
	return begin(ctx, handle, kind, false);
}

__noinline __u64 begin_ipv6(struct xdp_md *ctx, __u32 handle, __u32 kind)
{
	return begin(ctx, handle, kind, true);
}
