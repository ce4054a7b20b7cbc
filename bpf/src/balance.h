/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The whole of balancing, for VIPs and packets that need more than DSR in the ordinary way: NAT,
 * source ranges, affinity, port ranges, IPv6 extension headers, slots that moved where the other end
 * keeps no flows.
 */
#pragma once

#include "flow.h"
#include "hash.h"
#include "lookup.h"
#include "nexthop.h"
#include "rewrite.h"
#include "tunnel.h"
#include "verdict.h"

/* Fail closed: what cannot be looked up is not in the set. */
static __always_inline bool source_allowed(__u32 set, const __u32 source[4], bool ipv6)
{
	struct source_key key = {
		.prefix_length = 32 + (ipv6 ? 128 : 32),
		.set = set << 1 | ipv6,
	};

	__builtin_memcpy(key.address, source, sizeof(key.address));
	return bpf_map_lookup_elem(&source_ranges, &key);
}

/* Is there still such a backend, and does it get packets as they are? */
static __always_inline bool takes_untranslated(__u32 handle)
{
	struct backend *b = backend_by_handle(handle);

	return b && !(b->flags & BACKEND_NAT);
}

/* One that still gets packets as they are, of the former owners of a slot: the newest, or the oldest. */
__noinline __u32 former_owner(__u32 history, bool newest)
{
	struct slot_history *h = bpf_map_lookup_elem(&histories, &history);
	__u32 found = 0;

	if (!h)
		return 0;
	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < HISTORY_OWNERS; i++) {
		__u32 owner = h->owner[i];

		if (!owner || (newest && found))
			break;
		if (takes_untranslated(owner))
			found = owner;
	}
	return found;
}

/* A datagram does not say whether it begins a flow: only for so long may it be a former owner's. */
static __always_inline bool is_unsettled(__u32 history, const struct config *c, __u32 now)
{
	struct slot_history *h = bpf_map_lookup_elem(&histories, &history);

	return h && now - h->moved <= c->unsettled;
}

static __always_inline void followed(__u32 history, const struct config *c, __u32 now)
{
	struct slot_history *h = history ? bpf_map_lookup_elem(&histories, &history) : NULL;

	if (h && now - h->seen >= c->second)
		WRITE_ONCE(h->seen, now);
}

/*
 * The packet leaves translated: the flow is there. A backend on this machine sees the VIP as the
 * source: so its answer goes out again, and egress.h translates it.
 */
static __always_inline __u64 translate(struct xdp_md *ctx, struct packet *p, void *end, struct config *c, struct backend *b,
				       const struct flow_view *view, __u32 vip, bool ipv6)
{
	bool hosted = b->flags & BACKEND_HOSTED;
	struct flow *f = view->flow;
	__u32 now = bpf_jiffies64();
	struct backend_cpu *cpu = backend_cpu(view->backend);
	bool tunnel = b->encapsulation != ENCAPSULATION_NONE;

	if (!f || !cpu)
		return drop(DROP_NO_BACKEND, vip);
	if (unlikely(p->length > b->mtu) && b->mtu && !hosted)
		return next(NEXT_TOO_BIG, 0, view->backend);
	int reason = tunnel || hosted ? DROP_NONE : backend_nexthop(ctx, c, b, cpu);

	if (reason)
		return drop(reason, vip);
	if (unlikely(f->client_link >> CLIENT_LINK_STAMP_SHIFT != client_stamp(c, now))) {
		/* for a client that the kernel does not know: back to where it came from; see nexthop.h */
		f->client_link = 0;
		barrier();
		__builtin_memcpy(f->client_mac, p->eth->h_source, ETH_ALEN);
		barrier();
		f->client_link = (ctx->ingress_ifindex & CLIENT_LINK_IFINDEX_MASK) |
				 (__u32)(__u8)(client_stamp(c, now) - 1) << CLIENT_LINK_STAMP_SHIFT;
	}
	flow_seen(c, f, now);
	if (unlikely(!(view->meta & FLOW_CONFIRMED) || p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)))
		client_state(f, view->meta, p->tcp_flags);
	rewrite(p, end, hosted ? p->destination : b->nat_address, b->address, view->nat_port, view->backend_port, ipv6);
	if (tunnel && !hosted)
		return next(NEXT_TUNNEL, CONTROL_NAT, view->backend);
	cpu->packets_to_backend++;
	cpu->bytes_to_backend += p->length;
	if (hosted)
		return XDP_PASS;
	copy_macs(p->eth, cpu->nexthop_macs);
	return transmit(ctx, cpu->nexthop_ifindex);
}

static __always_inline __u64 balance(struct xdp_md *ctx, __u32 vip, __u32 how, bool ipv6)
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
	bool ports = parse(ctx, &p, end, ipv6, ipv6);
	__u64 destination_hash = hash_address(HASH_START, p.destination, ipv6);

	if (unlikely(!vip)) {
		__u32 address = address_lookup(p.destination, destination_hash, 0, KEY_ADDRESS, ipv6);
		struct vip *a = vip_by_handle(address);

		if (!a)
			return XDP_PASS;
		if (!ports && !p.drop && how & BALANCE_HERE && p.protocol == (ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
			return next(NEXT_ICMP, BALANCE_HERE, address);
		if (!ports && a->flags & VIP_OWN)
			return XDP_PASS; /* as in edge_other() */
		if (p.drop)
			return drop(p.drop, address);
		if (!ports)
			return drop(p.protocol == IPPROTO_ICMPV6 ? DROP_ICMP : DROP_NO_LISTENER, address);
		vip = address_lookup(p.destination, destination_hash, p.destination_port, p.protocol, ipv6);
		if (!vip)
			vip = range_lookup(address, bpf_ntohs(p.destination_port) | (__u32)p.protocol << 16);
		if (!vip)
			return a->flags & VIP_OWN ? XDP_PASS : next(NEXT_REFUSE, DROP_NO_LISTENER, address);
	}
	struct vip *v = vip_by_handle(vip);

	if (p.drop)
		return drop(p.drop, vip);
	if (!v || !ports)
		return next(NEXT_REFUSE, DROP_NO_BACKEND, vip);
	if (p.ttl <= 1)
		return drop(DROP_TTL_EXCEEDED, vip);
	if (unlikely((p.tcp_flags & TCP_CONTROL) != TCP_ACK) && p.protocol == IPPROTO_TCP &&
	    bad_tcp_flags(p.tcp_flags))
		return drop(DROP_BAD_TCP_FLAGS, vip);
	if (v->sources && !source_allowed(v->sources, p.source, ipv6))
		return drop(DROP_SOURCE_NOT_ALLOWED, vip);
	if (v->hosted) /* a server of its own: whatever comes here has been balanced already */
		return next(NEXT_LOCAL, CONTROL_FINAL, v->hosted);
	if (how & BALANCE_HERE)
		return drop(DROP_NOT_HOSTED, vip);

	__u64 hash = flow_hash(c, p.source, p.source_port, p.destination_port, vip, ipv6);
	struct flow_view view = {};
	struct backend *b;
	bool range = v->port != v->end_port, orphaned = false;

	if (flow_find(&p, vip, hash, flow_kind(p.protocol, ipv6), ipv6, range, &view) && view.flow) {
		b = backend_by_handle(view.backend);
		bool over = p.protocol == IPPROTO_TCP ? (p.tcp_flags & TCP_SYN) && flow_closed(view.meta)
						      : flow_expired(c, view.flow, view.meta, now);

		if (unlikely(!b) || unlikely(over && !(b->flags & BACKEND_TAKES_NEW_FLOWS))) {
			flow_release(view.flow, view.meta);
			orphaned = true;
		} else {
			if (unlikely(over)) {
				/* the same client's next connection, to the same backend, as if there were no balancer */
				__sync_val_compare_and_swap(&view.flow->meta, view.meta,
							    view.meta & (FLOW_OWNER & ~FLOW_BUSY));
				view.meta &= FLOW_OWNER;
			}
			return translate(ctx, &p, end, c, b, &view, vip, ipv6);
		}
	}
	if (bad_source(p.source, p.destination, ipv6))
		return drop(DROP_BAD_SOURCE, vip);

	__u64 source_hash = hash_address(HASH_START, p.source, ipv6);
	__u64 chooses = slot_hash(&p, v, source_hash, destination_hash);
	__u32 slot = ring_slot(v, chooses), handle = slot_current(slot), history = history_of(v, chooses, slot);

	struct flow wanted = {}; /* a copy: what is handed to other functions cannot stay in registers */

	bool stays = false;

	if (v->affinity) {
		/* the backend that the client has stayed with, or now begins to stay with: the ring's */
		wanted.meta = flow_kind(p.protocol, ipv6) | FLOW_AFFINITY;
		__builtin_memcpy(wanted.client, p.source, sizeof(wanted.client));
		wanted.vip = vip;
		if (flow_found(flow_search(&wanted, false), &view)) {
			b = backend_by_handle(view.backend);
			/* one that takes no new flows any more is only for the flows that it has */
			stays = b && !flow_expired(c, view.flow, view.meta, now) &&
				(b->flags & BACKEND_TAKES_NEW_FLOWS || !begins_flow(&p));
			if (stays) {
				handle = view.backend;
				flow_seen(c, view.flow, now);
				client_state(view.flow, view.meta | FLOW_REPLIED, p.tcp_flags & TCP_SYN);
			} else {
				flow_release(view.flow, view.meta);
			}
		}
		if (!stays && !(how & BALANCE_AFFINE) && !orphaned && backend_by_handle(handle))
			return next(NEXT_BEGIN, BEGIN_AFFINITY, handle);
	}
	/* all are draining, and the flows that there are go on; a datagram may be one's */
	if (!handle && history && (p.protocol == IPPROTO_UDP || !begins_flow(&p)))
		handle = former_owner(history, true);
	b = backend_by_handle(handle);
	if (!b)
		return next(NEXT_REFUSE, DROP_NO_BACKEND, vip);
	/*
	 * A node's address is what its pods have behind masquerading: were it the source that the pod's node
	 * sees, that one might meet its own address coming from outside. A server outside is no such node.
	 */
	if (b->flags & BACKEND_NAT ||
	    (is_peer(p.source, source_hash, ipv6) &&
	     (b->flags & BACKEND_HOSTED ? is_own(source_hash) : b->flags & BACKEND_AGENT))) {
		/* of a backend that has failed: another one resets it, so that the client can go on */
		if (!begins_flow(&p) && !orphaned)
			return drop(DROP_NO_FLOW, vip);
		return next(NEXT_BEGIN, BEGIN_NAT, handle);
	}
	if (b->flags & BACKEND_HOSTED)
		return next(NEXT_LOCAL, 0, handle);
	if (is_remembered(b) && history) {
		struct flow_view known = {};

		wanted.meta = flow_kind(p.protocol, ipv6) | FLOW_REMEMBERED;
		__builtin_memcpy(wanted.client, p.source, sizeof(wanted.client));
		wanted.client_port = p.source_port;
		wanted.nat_port = p.destination_port;
		wanted.vip = vip;
		if (flow_found(flow_search(&wanted, true), &known)) {
			bool over = p.protocol == IPPROTO_TCP ? (p.tcp_flags & TCP_SYN) && flow_closed(known.meta)
							      : flow_expired(c, known.flow, known.meta, now);

			if (!over && takes_untranslated(known.backend)) {
				flow_seen(c, known.flow, now);
				followed(history, c, now);
				client_state(known.flow, known.meta | FLOW_REPLIED, p.tcp_flags);
				return next(NEXT_TUNNEL, 0, known.backend);
			}
			flow_release(known.flow, known.meta);
		}
		/*
		 * What begins no flow was there before the slot moved, and is not remembered: the oldest owner's.
		 * Datagrams may be as well, but where their client stays is known.
		 */
		if (p.protocol == IPPROTO_UDP ? !stays && is_unsettled(history, c, now) : !begins_flow(&p)) {
			__u32 former = former_owner(history, false);

			if (former)
				handle = former;
		}
		return next(NEXT_BEGIN, BEGIN_REMEMBERED, handle);
	}
	return next(NEXT_TUNNEL, 0, handle);
}

__noinline __u64 balance_ipv4(struct xdp_md *ctx, __u32 vip, __u32 how)
{
	return balance(ctx, vip, how, false);
}

__noinline __u64 balance_ipv6(struct xdp_md *ctx, __u32 vip, __u32 how)
{
	return balance(ctx, vip, how, true);
}
