/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The endpoint's side of DSR: what comes out of a tunnel, or was balanced here for an endpoint here.
 * The destination becomes the endpoint's, the flow is remembered for the way back (see egress.h), and
 * the kernel delivers, as it does with any routed packet.
 *
 * A flow that is not known here and does not begin may belong to a former owner of its slot: it is
 * handed from one to the next until one knows it. A packet that may begin a flow makes the same round
 * while the slot has only just moved (it may be a repetition), but to the newest owners, and comes
 * back to the present owner, who takes it. So edges need no connection table, and an edge that never
 * saw a flow does as well as any other. See docs/datapath.md.
 */
#pragma once

#include "balance.h"
#include "flow.h"
#include "hash.h"
#include "lookup.h"
#include "rewrite.h"
#include "tunnel.h"
#include "verdict.h"

#define NEWEST_OWNERS 3 /* former owners that are asked about what may begin a flow */
#define STRAYS 3 /* how often a packet goes to the last one, and its node does not have that one */

/* What a packet may begin, for ask_others(). */
#define BEGINS_NOTHING 0
#define BEGINS_DATAGRAMS 1
#define BEGINS_CONNECTION 2

static __always_inline __u32 begins_what(const struct packet *p)
{
	return p->protocol == IPPROTO_UDP ? BEGINS_DATAGRAMS : begins_flow(p) ? BEGINS_CONNECTION : BEGINS_NOTHING;
}

/* The owner number `step` of a slot; number 0 is the present one. */
static __always_inline __u32 slot_owner(__u32 current, const struct slot_history *h, __u32 step)
{
	if (!step)
		return current;
	/* the mask is for the verifier: it is the number of words in the struct */
	__u32 at = (step - 1) & 15;

	return h && at < HISTORY_OWNERS ? ((const __u32 *)h->owner)[at] : 0;
}

/* Can the owner be asked? One on this machine would have its flows in the table that was looked into. */
static __always_inline bool can_be_asked(const struct backend *b)
{
	return b && !(b->flags & (BACKEND_HOSTED | BACKEND_NAT));
}

/*
 * Of a slot's owners the first one from `from` on in the order of tags; 0: none. `current`: the present
 * one, or 0 to leave it out. What may begin a flow is the newest former owners' only.
 */
__noinline __u32 next_owner(__u32 current, __u32 history, __u64 from, __u32 asked, __u32 begins)
{
	struct slot_history *h = history ? bpf_map_lookup_elem(&histories, &history) : NULL;
	__u32 most = begins ? NEWEST_OWNERS : HISTORY_OWNERS, found = 0;
	__u64 best = 1ULL << 33;

	_Pragma("clang loop unroll(disable)")
	for (__u32 step = 0; step <= HISTORY_OWNERS; step++) {
		if (step > most)
			break;
		__u32 owner = slot_owner(current, h, step);
		struct backend *b = owner ? backend_by_handle(owner) : NULL;

		if (!can_be_asked(b) || owner == asked)
			continue;
		/*
		 * One that takes no new connections may be dead, and whoever waits for it gets none anywhere;
		 * datagrams may be of a flow that it has.
		 */
		if (begins == BEGINS_CONNECTION && !(b->flags & BACKEND_TAKES_NEW_FLOWS))
			continue;
		/* from <= order < best, in a way that the verifier does not follow */
		__u64 order = tag_order(b->tag);
		__u64 better = 0 - (~((order - from) >> 63) & (order - best) >> 63 & 1);

		best = (best & ~better) | (order & better);
		found = (found & ~(__u32)better) | (owner & (__u32)better);
	}
	return found;
}

/*
 * Who is asked about a packet of an unknown flow, whose slot has this owner and this history: the
 * next word, or 0 if it is to be taken here. `asked`: the backend that it was sent to (0: none here),
 * and in the upper half its place in the order of tags. `begins`: BEGINS_*.
 *
 * Nodes may know different owners while their tables change. So the round is in the order of tags,
 * which is the same everywhere: it ends, and it comes to each owner that the one before in it knows. What a node
 * has as the present owner, and the one where the round began did not, may have taken the flow, too: the
 * round begins there anew, once. At the round's end the packet goes to a present owner that was left out.
 */
__noinline __u64 ask_others(__u32 current, __u32 history, __u64 asked, __u32 control, __u32 begins)
{
	__u32 handle = asked, order = asked >> 32, mark = control & CONTROL_MARK, again = control & CONTROL_AGAIN;
	struct slot_history *h = history ? bpf_map_lookup_elem(&histories, &history) : NULL;
	struct backend *b = current ? backend_by_handle(current) : NULL;
	__u64 from = control & CONTROL_ROUND ? (__u64)order + 1 : 0;
	struct config *c = &config;

	/* where nobody takes a new flow it can only be an old one's */
	if (!current)
		begins = BEGINS_NOTHING;
	if (control & CONTROL_FINAL) /* whoever has no tags cannot tell where the round is */
		return begins ? 0 : next(NEXT_REFUSE, DROP_NO_OWNER, 0);
	bool unsettled = h && (__u32)bpf_jiffies64() - h->moved <= c->unsettled;

	if (begins && !unsettled)
		return 0;
	if (!control)
		mark = order & CONTROL_MARK;
	bool left_out = b && (control ? (tag_order(b->tag) & CONTROL_MARK) != mark : current != handle);

	if (left_out && !again) {
		again = CONTROL_AGAIN;
		mark = tag_order(b->tag) & CONTROL_MARK;
		left_out = false;
		from = 0;
		if (can_be_asked(b) && current != handle)
			return next(NEXT_TUNNEL, again | mark, current);
	}
	__u32 owner = next_owner(left_out ? current : 0, history, from, handle, begins);

	if (owner)
		return next(NEXT_TUNNEL, CONTROL_ROUND | again | mark, owner);
	if (begins) {
		if (!b || current == handle || b->flags & BACKEND_NAT)
			return 0;
		/* who was asked last is here, too, and is not to get what is new */
		if (b->flags & BACKEND_HOSTED)
			return next(NEXT_BEGIN, BEGIN_HOSTED, current);
		return next(NEXT_TUNNEL, CONTROL_FINAL, current);
	}
	/* two may have the same mark: so while the slot is unsettled, where what begins a flow went in any case */
	if ((left_out || unsettled) && can_be_asked(b) && current != handle)
		return next(NEXT_TUNNEL, CONTROL_FINAL, current);
	return next(NEXT_REFUSE, DROP_NO_OWNER, 0);
}

/* Lowers the MSS that a SYN announces to what fits: RFC 9293, section 3.7.1. */
static __always_inline int clamp(struct xdp_md *ctx, bool ipv6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet p = { .eth = data, .l3 = data + ETH_HLEN };
	struct config *c = &config;

	if (data + ETH_HLEN + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) > end)
		return 0;
	if (parse(ctx, &p, end, ipv6, ipv6))
		clamp_mss(&p, end, ipv6 ? c->mss_ipv6 : c->mss_ipv4);
	return 0;
}

__noinline int clamp_ipv4(struct xdp_md *ctx)
{
	return clamp(ctx, false);
}

__noinline int clamp_ipv6(struct xdp_md *ctx)
{
	return clamp(ctx, true);
}

static __always_inline __u64 local(struct xdp_md *ctx, __u32 handle, __u32 control, bool ipv6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet p = { .eth = data, .l3 = data + ETH_HLEN };
	__u32 now = bpf_jiffies64();
	struct config *c = &config;
	struct backend *b = backend_by_handle(handle);

	if (data + ETH_HLEN + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) > end)
		return drop(DROP_MALFORMED, 0);
	if (!b)
		return drop(DROP_NOT_HOSTED, 0);
	__u32 vip = b->vip;
	struct vip *v = vip_by_handle(vip);

	if (ipv6)
		__builtin_memcpy(p.destination, &p.ip6->daddr, sizeof(p.destination));
	else
		p.destination[0] = p.ip->daddr;
	bool ports = parse(ctx, &p, end, ipv6, ipv6);

	if (!v || p.drop)
		return drop(p.drop ?: DROP_NOT_HOSTED, vip);
	__u8 icmp = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	if (control & CONTROL_NAT) {
		/* translated at the edge already, and the edge sees to the answer */
		if (!same_address(p.destination, b->address, ipv6) ||
		    (ports ? p.protocol != v->protocol || (b->port && b->port != p.destination_port)
			   : p.protocol != icmp))
			return drop(DROP_NOT_HOSTED, vip);
		return XDP_PASS;
	}
	if (!ports)
		return p.protocol == icmp ? next(NEXT_LOCAL_ICMP, control, handle) : drop(DROP_NOT_HOSTED, vip);
	__u16 port = bpf_ntohs(p.destination_port);

	if (!same_address(p.destination, v->address, ipv6) || p.protocol != v->protocol ||
	    port < bpf_ntohs(v->port) || port > bpf_ntohs(v->end_port))
		return drop(DROP_NOT_HOSTED, vip);
	if (p.ttl <= 1)
		return drop(DROP_TTL_EXCEEDED, vip);
	if (bad_source(p.source, p.destination, ipv6))
		return drop(DROP_BAD_SOURCE, vip);
	if (unlikely((p.tcp_flags & TCP_CONTROL) != TCP_ACK) && p.protocol == IPPROTO_TCP &&
	    bad_tcp_flags(p.tcp_flags))
		return drop(DROP_BAD_TCP_FLAGS, vip);

	__u64 hash = flow_hash(c, p.source, p.source_port, p.destination_port, vip, ipv6);
	__u32 kind = flow_kind(p.protocol, ipv6) | FLOW_HOSTED;
	struct flow_view view = {};
	bool known = flow_find(&p, vip, hash, kind, ipv6, v->port != v->end_port, &view) && view.flow;

	if (known) {
		struct backend *owner = backend_by_handle(view.backend);
		bool over = p.protocol == IPPROTO_TCP ? (p.tcp_flags & TCP_SYN) && flow_closed(view.meta)
						      : flow_expired(c, view.flow, view.meta, now);

		if (unlikely(!owner) || unlikely(over)) {
			flow_release(view.flow, view.meta);
			known = false;
		}
	}
	if (unlikely(!known)) {
		__u64 source_hash = hash_address(HASH_START, p.source, ipv6);
		__u64 destination_hash = hash_address(HASH_START, p.destination, ipv6);
		__u64 chooses = slot_hash(&p, v, source_hash, destination_hash);
		__u32 slot = ring_slot(v, chooses);
		__u32 begins = begins_what(&p);
		/*
		 * With affinity the edge knows where the client stays, and the slot's owners do not; where the
		 * sender may have another ring than we, it chose by that.
		 */
		__u64 other = (v->affinity || b->flags & BACKEND_REMEMBERED) && begins ? 0
						    : ask_others(slot_current(slot), history_of(v, chooses, slot),
								 handle | (__u64)tag_order(b->tag) << 32, control, begins);

		if (other)
			return next_function(other) == NEXT_REFUSE ? other | (__u64)vip << 32 : other;
		return next(NEXT_BEGIN, BEGIN_HOSTED, handle);
	}
	struct flow *f = view.flow;
	struct backend_cpu *cpu = backend_cpu(view.backend);

	if (!f || !cpu)
		return drop(DROP_NOT_HOSTED, vip);
	__u32 address[4];

	__builtin_memcpy(address, f->backend_address, sizeof(address));
	barrier();
	if (unlikely((READ_ONCE(f->meta) ^ view.meta) & FLOW_OWNER))
		return drop(DROP_NO_FLOW, vip); /* taken over under our hands: TCP repeats */
	flow_seen(c, f, now);
	if (unlikely(!(view.meta & FLOW_CONFIRMED) || p.tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)))
		client_state(f, view.meta, p.tcp_flags);
	cpu->packets_to_backend++;
	cpu->bytes_to_backend += p.length;
	rewrite_destination(&p, end, address, view.backend_port, ipv6);
	if (unlikely(p.tcp_flags & TCP_SYN))
		ipv6 ? clamp_ipv6(ctx) : clamp_ipv4(ctx);
	return XDP_PASS;
}

__noinline __u64 local_ipv4(struct xdp_md *ctx, __u32 handle, __u32 control)
{
	return local(ctx, handle, control, false);
}

__noinline __u64 local_ipv6(struct xdp_md *ctx, __u32 handle, __u32 control)
{
	return local(ctx, handle, control, true);
}

/*
 * A packet for an endpoint that is not here, to an address of ours: sender and receiver know different
 * tables for a moment. If that endpoint has gone, no flow is its own any more, so the round goes on
 * without it: a segment of a connection to whoever knows it, what begins one to the present owner. At
 * the round's end the present owner gets both, since an endpoint may be new and not known here yet; two
 * nodes that differ may do so some times only. Then nobody has it, and the client is told.
 */
static __always_inline __u64 stray(struct xdp_md *ctx, __u32 order, __u32 control, bool ipv6)
{
	struct packet p = {};
	struct config *c = &config;
	bool ports = read_packet(ctx, &p, ipv6);
	__u64 destination_hash = hash_address(HASH_START, p.destination, ipv6);
	__u32 vip = 0, address = address_lookup(p.destination, destination_hash, 0, KEY_ADDRESS, ipv6);

	if (!address)
		return drop(DROP_NOT_HOSTED, 0);
	if (ports && !p.drop && !(control & CONTROL_NAT)) {
		vip = address_lookup(p.destination, destination_hash, p.destination_port, p.protocol, ipv6);
		if (!vip)
			vip = range_lookup(address, bpf_ntohs(p.destination_port) | (__u32)p.protocol << 16);
	}
	struct vip *v = vip_by_handle(vip);

	if (!v)
		return next(NEXT_REFUSE, DROP_NOT_HOSTED, address);
	__u64 hash = flow_hash(c, p.source, p.source_port, p.destination_port, vip, ipv6);
	struct flow_view view = {};

	if (flow_find(&p, vip, hash, flow_kind(p.protocol, ipv6) | FLOW_HOSTED, ipv6, v->port != v->end_port, &view) &&
	    backend_by_handle(view.backend))
		return next(NEXT_LOCAL, control, view.backend);
	__u64 chooses = slot_hash(&p, v, hash_address(HASH_START, p.source, ipv6), destination_hash);
	__u32 slot = ring_slot(v, chooses), current = slot_current(slot);

	if (control & CONTROL_FINAL || (current && begins_flow(&p))) {
		struct backend *b = backend_by_handle(current);
		__u32 number = control & CONTROL_FINAL ? (control & CONTROL_MARK) + 1 : 0;

		if (!b || b->flags & BACKEND_NAT || number > STRAYS)
			return next(NEXT_REFUSE, DROP_NOT_HOSTED, address);
		return next(b->flags & BACKEND_HOSTED ? NEXT_LOCAL : NEXT_TUNNEL, CONTROL_FINAL | number, current);
	}
	__u64 other = ask_others(current, history_of(v, chooses, slot), (__u64)order << 32, control, BEGINS_NOTHING);

	return next_function(other) == NEXT_REFUSE ? next(NEXT_REFUSE, DROP_NOT_HOSTED, address) : other;
}

__noinline __u64 stray_ipv4(struct xdp_md *ctx, __u32 order, __u32 control)
{
	return stray(ctx, order, control, false);
}

__noinline __u64 stray_ipv6(struct xdp_md *ctx, __u32 order, __u32 control)
{
	return stray(ctx, order, control, true);
}

/* Is the inner packet's destination a VIP? */
static __always_inline bool for_vip(void *l3, void *end, bool ipv6)
{
	__u32 destination[4] = {};

	if (l3 + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) > end)
		return false;
	if (ipv6)
		__builtin_memcpy(destination, &((struct ipv6hdr *)l3)->daddr, sizeof(destination));
	else
		destination[0] = ((struct iphdr *)l3)->daddr;
	return address_lookup(destination, hash_address(HASH_START, destination, ipv6), 0, KEY_ADDRESS, ipv6);
}

/*
 * Takes the outer headers off. What the tunnel's congestion means for the inner packet is RFC 6040's
 * business: section 4.2.
 */
static __always_inline __u64 decapsulate(struct xdp_md *ctx, bool ipv6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet p = { .eth = data, .l3 = data + ETH_HLEN };
	__u32 control = 0, handle = 0, order = 0, room;
	__u8 inner;

	if (data + ETH_HLEN + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) > end)
		return XDP_PASS;
	if (!ipv6 && p.ip->ihl != 5)
		return XDP_PASS; /* no tunnel of ours has options */
	bool ports = parse(ctx, &p, end, ipv6, false);

	if (p.drop)
		return XDP_PASS;
	if (ports) {
		struct gue *gue = data + ETH_HLEN + (ipv6 ? OVERHEAD_GUE_IPV6 : OVERHEAD_GUE_IPV4) - sizeof(*gue);

		room = bpf_ntohs(p.udp->len);
		if ((void *)(gue + 1) > end || room < sizeof(struct udphdr) + sizeof(*gue) ||
		    gue->first != GUE_FIRST_BYTE || gue->flags)
			return next(NEXT_BALANCE, 0, 0); /* a VIP may have the port, as in answer() */
		room -= sizeof(struct udphdr) + sizeof(*gue);
		__u64 word = *(__u64 *)&gue->control;

		inner = gue->protocol;
		control = gue->control;
		order = tag_order(word);
		handle = endpoint_lookup(word & ~control_word(0xff));
	} else {
		inner = p.protocol;
		room = p.length - (ipv6 ? 40 : 20);
	}
	if (inner != IPPROTO_IPIP && inner != IPPROTO_IPV6)
		return XDP_PASS;
	bool peer = is_peer(p.source, hash_address(HASH_START, p.source, ipv6), ipv6);

	/* IPIP has no port of its own: the machine may have tunnels that are none of ours */
	if (!ports && (!peer || !for_vip(data + ETH_HLEN + (ipv6 ? 40 : 20), end, inner == IPPROTO_IPV6)))
		return XDP_PASS;
	if (!peer)
		return drop(DROP_UNKNOWN_PEER, 0);

	__u8 congestion = p.tos & 3;
	__u8 macs[2 * ETH_ALEN] __attribute__((aligned(8)));

	copy_macs(macs, p.eth);

	if (bpf_xdp_adjust_head(ctx, ipv6 ? (ports ? OVERHEAD_GUE_IPV6 : 40) : (ports ? OVERHEAD_GUE_IPV4 : 20)))
		return drop(DROP_MALFORMED, 0);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if (data + ETH_HLEN + sizeof(struct iphdr) > end)
		return drop(DROP_MALFORMED, 0);
	copy_macs(eth, macs);
	__u8 *tos = data + ETH_HLEN;

	eth->h_proto = bpf_htons(inner == IPPROTO_IPV6 ? ETH_P_IPV6 : ETH_P_IP);
	if (inner == IPPROTO_IPV6) {
		struct ipv6hdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end || ip->version != 6 || sizeof(*ip) + bpf_ntohs(ip->payload_len) > room)
			return drop(DROP_MALFORMED, 0);
		__u32 ecn = bpf_ntohl(*(__be32 *)ip) >> 20 & 3;

		if (congestion == 3 && !ecn)
			return drop(DROP_CONGESTION_MARK, 0);
		if (congestion == 3)
			*(__be32 *)ip |= bpf_htonl(3 << 20);
		else if (congestion == 1 && ecn == 2) /* ECT(1) is marked onto ECT(0) */
			*(__be32 *)ip ^= bpf_htonl(3 << 20);
	} else {
		struct iphdr *ip = data + ETH_HLEN;
		__u16 before = *(__u16 *)tos;
		__u8 ecn = ip->tos & 3;

		if (ip->version != 4 || bpf_ntohs(ip->tot_len) > room)
			return drop(DROP_MALFORMED, 0);
		if (congestion == 3 && !ecn)
			return drop(DROP_CONGESTION_MARK, 0);
		if (congestion == 3)
			ip->tos |= 3;
		else if (congestion == 1 && ecn == 2)
			ip->tos ^= 3;
		ip->check = csum_apply(ip->check, csum_change(before, *(__u16 *)tos));
	}
	if (ports && handle)
		return next(NEXT_LOCAL, control, handle);

	if (!ports)
		return next(NEXT_BALANCE, BALANCE_HERE, 0); /* no tag: the VIP says who it is for */
	return next(NEXT_STRAY, control, order); /* an endpoint that is not here any more, or not yet */
}

__noinline __u64 decapsulate_ipv4(struct xdp_md *ctx)
{
	return decapsulate(ctx, false);
}

__noinline __u64 decapsulate_ipv6(struct xdp_md *ctx)
{
	return decapsulate(ctx, true);
}
