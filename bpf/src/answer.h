/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a backend to this node's address and a translated port: back to the client. */
#pragma once

#include "flow.h"
#include "hash.h"
#include "lookup.h"
#include "nexthop.h"
#include "rewrite.h"
#include "verdict.h"

/*
 * Fills in how to reach the flow's client: by the kernel's tables, or back to where its packets come
 * from if the kernel does not know (it never saw them).
 */
static __noinline void client_nexthop(struct xdp_md *ctx, struct config *c, struct flow *f, __u32 now)
{
	struct nexthop hop = {};

	if (!f)
		return;
	__u32 link = f->client_link & CLIENT_LINK_IFINDEX_MASK;
	__u32 index = f->vip & HANDLE_INDEX_MASK;
	struct vip *v = bpf_map_lookup_elem(&vips, &index);

	if (!v)
		return;
	int reason = nexthop_lookup(ctx, v->address, f->client, f->meta & FLOW_IPV6, &hop);

	/* the kernel says the same of an address that it has no route to */
	if (reason == NEXTHOP_LOCAL && is_own(hash_address(HASH_START, f->client, f->meta & FLOW_IPV6))) {
		link = 0; /* a process or pod of this machine: the kernel has the rest of the way */
	} else if (reason == DROP_NONE) {
		f->client_link = 0;
		barrier();
		__builtin_memcpy(f->client_mac, hop.macs, ETH_ALEN);
		barrier();
		link = hop.ifindex & CLIENT_LINK_IFINDEX_MASK;
	}
	f->client_link = link | (__u32)client_stamp(c, now) << CLIENT_LINK_STAMP_SHIFT;
}

/* The translated flow that a packet from `source` to our `port` is the answer of; NULL if there is none. */
static __always_inline struct flow *answered_flow(const __u32 source[4], __be16 source_port, __be16 port,
						  __u8 protocol, bool ipv6)
{
	__u32 base = hash_mix(hash_address(HASH_START, source, ipv6), source_port | (__u32)protocol << 16);
	struct flow *f = flow_at(base + bpf_ntohs(port));

	if (!f)
		return NULL;
	__u32 meta = READ_ONCE(f->meta);

	barrier();
	if ((meta & (FLOW_KIND | FLOW_OF_KIND)) != flow_kind(protocol, ipv6) || f->nat_port != port ||
	    f->backend_port != source_port || !same_address(f->backend_address, source, ipv6))
		return NULL;
	return f;
}

static __always_inline __u64 answer(struct xdp_md *ctx, bool ipv6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet p = { .eth = data, .l3 = data + ETH_HLEN };
	__u32 now = bpf_jiffies64();
	struct config *c = &config;

	if (data + ETH_HLEN + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) > end)
		return XDP_PASS;
	if (ipv6)
		__builtin_memcpy(p.destination, &p.ip6->daddr, sizeof(p.destination));
	else
		p.destination[0] = p.ip->daddr;
	if (!parse(ctx, &p, end, ipv6, false))
		return XDP_PASS;
	struct flow *f = answered_flow(p.source, p.source_port, p.destination_port, p.protocol, ipv6);

	if (!f)
		return next(NEXT_BALANCE, 0, 0); /* a VIP may have the port: its address may be ours, or look like it */
	__u32 meta = READ_ONCE(f->meta), vip = f->vip;
	struct backend *b = backend_by_handle(f->backend);
	struct vip *v = vip_by_handle(vip);
	struct backend_cpu *cpu = backend_cpu(f->backend);

	if (!b || !v || !cpu || !same_address(b->nat_address, p.destination, ipv6))
		return next(NEXT_BALANCE, 0, 0);
	if (p.ttl <= 1)
		return drop(DROP_TTL_EXCEEDED, vip);
	if (unlikely(f->client_link >> CLIENT_LINK_STAMP_SHIFT != client_stamp(c, now)))
		client_nexthop(ctx, c, f, now);

	__u32 client[4], link = f->client_link;
	__be16 client_port = f->client_port, vip_port = v->port == v->end_port ? v->port : f->backend_port;
	__u8 macs[2 * ETH_ALEN] __attribute__((aligned(8)));

	__builtin_memcpy(client, f->client, sizeof(client));
	barrier();
	copy_mac(macs, f->client_mac);
	barrier();
	if (unlikely((READ_ONCE(f->meta) ^ meta) & FLOW_OWNER || READ_ONCE(f->client_link) != link))
		return drop(DROP_NO_FLOW, vip); /* taken over, or its next hop just changed: TCP repeats */

	__u32 ifindex = link & CLIENT_LINK_IFINDEX_MASK;

	if (unlikely(!ifindex)) {
		copy_macs(macs, p.eth);
	} else if (likely(ifindex == ctx->ingress_ifindex)) {
		__builtin_memcpy(macs + ETH_ALEN, p.eth->h_dest, ETH_ALEN);
	} else {
		struct mac *mac = bpf_map_lookup_elem(&interfaces, &ifindex);

		if (!mac)
			return drop(DROP_NO_ROUTE, vip);
		__builtin_memcpy(macs + ETH_ALEN, mac->address, ETH_ALEN);
	}
	flow_seen(c, f, now);
	if (unlikely(!(meta & FLOW_REPLIED) || p.tcp_flags & (TCP_FIN | TCP_RST)))
		backend_state(f, meta, p.tcp_flags);
	cpu->packets_to_client++;
	cpu->bytes_to_client += p.length;
	rewrite(&p, end, v->address, client, vip_port, client_port, ipv6);
	copy_macs(p.eth, macs);
	return ifindex ? transmit(ctx, ifindex) : XDP_PASS;
}

__noinline __u64 answer_ipv4(struct xdp_md *ctx)
{
	return answer(ctx, false);
}

__noinline __u64 answer_ipv6(struct xdp_md *ctx)
{
	return answer(ctx, true);
}
