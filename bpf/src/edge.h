/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every packet comes here first, and most leave from here: what is not ours, and what goes to a
 * backend by DSR in the ordinary way. All else is handed to the cold functions.
 */
#pragma once

#include "flow.h"
#include "hash.h"
#include "lookup.h"
#include "tunnel.h"
#include "verdict.h"

/* A packet with ports, from a client to a VIP. */
static __always_inline __u64 edge_to_backend(struct xdp_md *ctx, struct packet *p, struct config *c,
					     __u32 vip, __u64 destination_hash, bool ipv6)
{
	struct vip *v = vip_by_handle(vip);

	if (!v)
		return next(NEXT_REFUSE, DROP_NO_BACKEND, vip);
	/* one word for affinity and sources */
	if (unlikely(*(const __u64 *)&v->affinity | v->hosted | (v->flags & VIP_FLOWS)))
		return next(NEXT_BALANCE, 0, vip);
	if (unlikely(p->ttl <= 1))
		return drop(DROP_TTL_EXCEEDED, vip);
	if (unlikely((p->tcp_flags & TCP_CONTROL) != TCP_ACK) && p->protocol == IPPROTO_TCP &&
	    bad_tcp_flags(p->tcp_flags))
		return drop(DROP_BAD_TCP_FLAGS, vip);
	if (unlikely(bad_source(p->source, p->destination, ipv6)))
		return drop(DROP_BAD_SOURCE, vip);

	__u64 source_hash = hash_address(HASH_START, p->source, ipv6);

	if (unlikely(address_filter.bits[source_hash % FILTER_SIZE] & FILTER_PEER))
		return next(NEXT_BALANCE, 0, vip);
	__u64 hash = hash_slot(source_hash, destination_hash, p->source_port, p->destination_port, p->protocol);
	__u32 slot = ring_slot(v, hash), handle = slot_current(slot);
	struct backend *b = backend_by_handle(handle);
	struct backend_cpu *cpu = backend_cpu(handle);

	if (unlikely(!b || !cpu)) /* of a slot that moved it may be a flow of a backend that drains */
		return slot & SLOT_MOVED ? next(NEXT_BALANCE, 0, vip) : next(NEXT_REFUSE, DROP_NO_BACKEND, vip);
	if (unlikely(b->flags & BACKEND_NAT || (slot & SLOT_MOVED && is_remembered(b))))
		return next(NEXT_BALANCE, 0, vip);
	if (unlikely(b->flags & BACKEND_HOSTED))
		return next(NEXT_LOCAL, 0, handle);
	if (unlikely(p->length > b->mtu) && b->mtu)
		return next(NEXT_TOO_BIG, 0, handle);

	int reason = backend_nexthop(ctx, c, b, cpu);

	if (unlikely(reason))
		return drop(reason, vip);
	__u32 ifindex = cpu->nexthop_ifindex;

	if (b->encapsulation == ENCAPSULATION_GUE) {
		struct inner in = { .length = p->length, .entropy = entropy(hash), .tos = p->tos };

		if (b->outer_family == FAMILY_IPV4) {
			reason = encapsulate_gue_ipv4(ctx, c, b, cpu, &in, ipv6);
		} else {
			in.sum = inner_sum(p, ipv6);
			reason = encapsulate_gue_ipv6(ctx, c, b, cpu, &in, ipv6);
		}
		if (unlikely(reason))
			return drop(reason, vip);
	} else if (b->encapsulation == ENCAPSULATION_NONE) {
		copy_macs(p->eth, cpu->nexthop_macs);
	} else {
		return next(NEXT_TUNNEL, 0, handle);
	}
	cpu->packets_to_backend++;
	cpu->bytes_to_backend += p->length;
	return transmit(ctx, ifindex);
}

/* Something without ports that may be for a VIP, or for this machine. */
static __always_inline __u64 edge_other(struct packet *p, __u8 maybe, __u64 destination_hash, bool ipv6)
{
	__u8 icmp = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	if (maybe & FILTER_VIP) {
		__u32 address = address_lookup(p->destination, destination_hash, 0, KEY_ADDRESS, ipv6);
		struct vip *v = vip_by_handle(address);

		if (v) {
			/* without ports it cannot be balanced, and it must not reach anybody else either */
			if (p->drop)
				return v->flags & VIP_OWN ? (__u64)XDP_PASS : drop(p->drop, address);
			if (p->protocol == icmp)
				return next(NEXT_ICMP, 0, address);
			if (ipv6 && is_extension(p->protocol))
				return next(NEXT_BALANCE, 0, 0);
			if (!(v->flags & VIP_OWN))
				return drop(DROP_NO_LISTENER, address);
		}
	}
	if (p->drop)
		return XDP_PASS;
	/* ff02::/16: the filter may take it for one of our addresses as well */
	if (ipv6 && maybe & FILTER_SOLICITED && p->protocol == icmp && p->destination[0] == bpf_htonl(0xff020000))
		return next(NEXT_NEIGHBOUR, 0, 0);
	if (maybe & FILTER_NAT && p->protocol == icmp)
		return next(NEXT_ICMP_ANSWER, 0, 0);
	if (maybe & FILTER_TUNNEL && (p->protocol == IPPROTO_IPIP || p->protocol == IPPROTO_IPV6))
		return next(NEXT_DECAPSULATE, 0, 0);
	return XDP_PASS;
}

/* A packet whose destination may be ours: `maybe` is what the filter says. */
static __always_inline __u64 edge(struct xdp_md *ctx, __u64 hash, __u32 maybe, bool ipv6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet packet = { .eth = data, .l3 = data + ETH_HLEN }, *p = &packet;
	struct config *c = &config;

	if (data + ETH_HLEN + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) > end)
		return XDP_PASS;
	if (ipv6)
		__builtin_memcpy(p->destination, &p->ip6->daddr, sizeof(p->destination));
	else
		p->destination[0] = p->ip->daddr;
	if (unlikely(p->eth->h_dest[0] & 1))
		/* for everybody, whatever address it carries */
		return ipv6 && maybe & FILTER_SOLICITED ? next(NEXT_NEIGHBOUR, 0, 0) : (__u64)XDP_PASS;
	if (unlikely(!parse(ctx, p, end, ipv6, false)))
		return edge_other(p, maybe, hash, ipv6);
	if (maybe & FILTER_VIP) {
		__u32 vip = address_lookup(p->destination, hash, p->destination_port, p->protocol, ipv6);

		if (likely(vip))
			return edge_to_backend(ctx, p, c, vip, hash, ipv6);
	}
	if (maybe & FILTER_NAT && (__u16)(bpf_ntohs(p->destination_port) - c->nat_port_first) < c->nat_port_count)
		return next(NEXT_ANSWER, 0, 0);
	if (maybe & FILTER_TUNNEL && p->protocol == IPPROTO_UDP && p->destination_port == c->tunnel_port)
		return next(NEXT_DECAPSULATE, 0, 0);
	if (maybe & FILTER_TUNNEL && p->protocol == IPPROTO_UDP && bpf_ntohs(p->destination_port) == c->hello_port)
		return next(NEXT_HELLO, 0, 0);
	if (maybe & FILTER_VIP && address_lookup(p->destination, hash, 0, KEY_ADDRESS, ipv6))
		return next(NEXT_BALANCE, 0, 0); /* a range of ports, or no listener */
	return XDP_PASS;
}

/* Each family is a function of its own, so that neither has the other's variables on its stack. */
static __noinline __u64 edge_ipv4(struct xdp_md *ctx, __u64 hash, __u32 maybe)
{
	return edge(ctx, hash, maybe, false);
}

static __noinline __u64 edge_ipv6(struct xdp_md *ctx, __u64 hash, __u32 maybe)
{
	return edge(ctx, hash, maybe, true);
}

/*
 * This machine's own address: may the packet be a backend's answer, encapsulated, or a hello? Its own
 * services are most of what comes here, and are not to pay for a whole parse.
 */
static __always_inline bool own_service(const struct config *c, void *l4, void *end, __u8 protocol)
{
	__be16 *ports = l4;

	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || (void *)(ports + 2) > end)
		return false;
	__u16 port = bpf_ntohs(ports[1]);

	/* the tunnel's port is the one after the hellos' */
	return (__u16)(port - c->nat_port_first) >= c->nat_port_count && (__u16)(port - c->hello_port) > 1;
}

/* Every frame, from its Ethernet header on: what is not ours leaves here. */
static __always_inline __u64 enter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const __u32 ours = FILTER_VIP | FILTER_NAT | FILTER_TUNNEL | FILTER_SOLICITED;
	struct ethhdr *eth = data;
	__u32 address[4], maybe;
	__u64 hash;

	if (data + ETH_HLEN > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		address[0] = ip->daddr;
		hash = hash_address(HASH_START, address, false);
		maybe = address_filter.bits[hash % FILTER_SIZE];
		if (likely(!(maybe & ours)) ||
		    (!(maybe & FILTER_VIP) && ip->ihl == 5 && own_service(&config, ip + 1, end, ip->protocol)))
			return XDP_PASS;
		return edge_ipv4(ctx, hash, maybe);
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		__builtin_memcpy(address, &ip->daddr, sizeof(address));
		hash = hash_address(HASH_START, address, true);
		maybe = address_filter.bits[hash % FILTER_SIZE];
		if (likely(!(maybe & ours)) ||
		    (!(maybe & FILTER_VIP) && own_service(&config, ip + 1, end, ip->nexthdr)))
			return XDP_PASS;
		return edge_ipv6(ctx, hash, maybe);
	}
	if (is_vlan(eth->h_proto))
		return NEXT_TAGGED;
	return eth->h_proto == bpf_htons(ETH_P_ARP) && READ_ONCE(announce.fence) ? NEXT_ARP : XDP_PASS;
}
