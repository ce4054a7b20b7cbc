/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP. Echo to a VIP is answered here. An error about a flow goes where the flow goes: it quotes a
 * packet that went the other way, so the quoted source is where the flow came to.
 */
#pragma once

#include "protocol.h"

#include "answer.h"
#include "balance.h"
#include "flow.h"
#include "local.h"
#include "refuse.h"
#include "rewrite.h"
#include "verdict.h"

/* An ICMP error, and in `p` the quoted packet as if it had gone towards the VIP. */
struct error {
	void *l3;
	__u8 *icmp;
	void *quoted; /* IP header */
	__be16 *ports; /* source, destination */
	__u32 quoted_l4; /* how many bytes of layer 4 are quoted */
	__u32 length; /* of the error, from its IP header on */
	struct packet p;
};

static __always_inline bool is_error(__u8 type, bool ipv6)
{
	if (ipv6)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

/*
 * The quoted packet's first L4 bytes; false for what is no whole error, quotes a later fragment, or
 * goes to another than whom it quotes. What lies behind the packet's end is no part of it.
 */
static __always_inline bool read_error(struct error *e, void *l3, void *end, bool ipv6)
{
	struct packet *p = &e->p;
	__u32 at, length;

	e->l3 = l3;
	if (ipv6) {
		struct ipv6hdr *ip = l3, *quoted;
		__u32 offset = sizeof(*quoted);

		if ((void *)(ip + 1) + ICMP_HEADER + sizeof(*quoted) > end || ip->nexthdr != IPPROTO_ICMPV6)
			return false;
		e->icmp = (void *)(ip + 1);
		quoted = (void *)e->icmp + ICMP_HEADER;
		e->quoted = quoted;
		__u8 next = quoted->nexthdr;

		_Pragma("clang loop unroll(disable)")
		for (int i = 0; i < EXTENSION_HEADERS; i++) {
			__u8 *header = (void *)quoted + (offset & 0x7ff);
			bool fragment = next == IPV6_FRAGMENT_HEADER;

			if (!fragment && !is_extension(next))
				break;
			if (offset > 0x7ff || (void *)header + 8 > end || (fragment && (header[2] || header[3] & 0xf8)))
				return false;
			next = header[0];
			offset += fragment ? 8 : (header[1] + 1) * 8;
		}
		e->ports = (void *)quoted + (offset & 0x7ff);
		p->protocol = next;
		if (quoted->version != 6 || offset > 0x7ff)
			return false;
		__builtin_memcpy(p->source, &quoted->daddr, 16);
		__builtin_memcpy(p->destination, &quoted->saddr, 16);
		if (!same_address(p->destination, (const __u32 *)&ip->daddr, true))
			return false;
		at = sizeof(*ip) + ICMP_HEADER + offset;
		length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	} else {
		struct iphdr *ip = l3, *quoted;

		if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_ICMP || ip->frag_off & bpf_htons(IP_FRAGMENT))
			return false;
		e->icmp = l3 + ip->ihl * 4;
		quoted = (void *)e->icmp + ICMP_HEADER;
		if (ip->ihl < 5 || (void *)(quoted + 1) > end)
			return false;
		e->quoted = quoted;
		e->ports = (void *)quoted + quoted->ihl * 4;
		p->protocol = quoted->protocol;
		if (quoted->version != 4 || quoted->ihl < 5 || quoted->frag_off & bpf_htons(0x1fff))
			return false;
		p->source[0] = quoted->daddr;
		p->destination[0] = quoted->saddr;
		if (ip->daddr != quoted->saddr)
			return false;
		at = ip->ihl * 4 + ICMP_HEADER + quoted->ihl * 4;
		length = bpf_ntohs(ip->tot_len);
	}
	if (at + QUOTED_L4 > length)
		return false;
	e->quoted_l4 = length - at;
	e->length = length;
	if ((void *)e->ports + QUOTED_L4 > end || (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP))
		return false;
	p->source_port = e->ports[1];
	p->destination_port = e->ports[0];
	return is_error(e->icmp[0], ipv6);
}

/* Puts `to` in the place of an address; answers the change. */
static __always_inline __u64 put_address(void *at, const __u32 to[4], bool ipv6)
{
	__u64 change = 0;

	for (int i = 0; i < (ipv6 ? 4 : 1); i++) {
		__u32 *word = (__u32 *)at + i;

		change += csum_change(*word, to[i]);
		*word = to[i];
	}
	return change;
}

/* The new ends of the quoted packet, and of the error itself. NULL: as it is. */
struct new_ends {
	const __u32 *quoted_source;
	const __u32 *quoted_destination;
	const __u32 *source;
	const __u32 *destination;
	__be16 quoted_source_port;
	__be16 quoted_destination_port;
};

/* Rewrites the error with all checksums: the quoted ones as well, as far as they are quoted. */
static __always_inline void translate_error(struct error *e, void *end, const struct new_ends *to, bool ipv6)
{
	__u64 addresses = 0, ports, message, outer = 0;
	struct iphdr *quoted4 = e->quoted;
	struct ipv6hdr *quoted6 = e->quoted;
	__u16 *icmp_check = (__u16 *)e->icmp + 1, *check;

	addresses += put_address(ipv6 ? (void *)&quoted6->saddr : (void *)&quoted4->saddr, to->quoted_source, ipv6);
	if (to->quoted_destination)
		addresses += put_address(ipv6 ? (void *)&quoted6->daddr : (void *)&quoted4->daddr,
					 to->quoted_destination, ipv6);
	message = addresses;
	if (!ipv6) {
		__u16 before = quoted4->check;

		quoted4->check = csum_apply(before, addresses);
		message += csum_change(before, quoted4->check);
	}
	ports = csum_change(*(__u32 *)e->ports, to->quoted_source_port | (__u32)to->quoted_destination_port << 16);
	*(__u32 *)e->ports = to->quoted_source_port | (__u32)to->quoted_destination_port << 16;
	message += ports;
	check = e->ports + (e->p.protocol == IPPROTO_TCP ? 8 : 3);
	if (e->quoted_l4 >= (e->p.protocol == IPPROTO_TCP ? 18 : 8) && (void *)(check + 1) <= end &&
	    (e->p.protocol == IPPROTO_TCP || *check)) {
		__u16 before = *check;

		*check = e->p.protocol == IPPROTO_TCP ? csum_apply(before, addresses + ports)
						      : csum_apply_udp(before, addresses + ports);
		message += csum_change(before, *check);
	}
	if (ipv6) {
		struct ipv6hdr *ip = e->l3;

		if (to->source)
			outer += put_address(&ip->saddr, to->source, true);
		outer += put_address(&ip->daddr, to->destination, true);
		*icmp_check = csum_apply(*icmp_check, message + outer);
	} else {
		struct iphdr *ip = e->l3;

		if (to->source)
			outer += put_address(&ip->saddr, to->source, false);
		outer += put_address(&ip->daddr, to->destination, false);
		ip->check = csum_apply(ip->check, outer);
		*icmp_check = csum_apply(*icmp_check, message);
	}
}

static __always_inline void one_hop_less(void *l3, bool ipv6)
{
	struct iphdr *ip = l3;

	if (ipv6) {
		((struct ipv6hdr *)l3)->hop_limit--;
		return;
	}
	ip->ttl--;
	ip->check = csum_apply(ip->check, csum_change(bpf_htons(0x100), 0));
}

static __always_inline __u8 hops_left(void *l3, bool ipv6)
{
	return ipv6 ? ((struct ipv6hdr *)l3)->hop_limit : ((struct iphdr *)l3)->ttl;
}

/* Answers an echo request to a VIP: the addresses change places, which no checksum notices. */
static __always_inline int answer_echo(struct xdp_md *ctx, void *l3, __u8 *icmp, bool ipv6)
{
	__u32 from[4] = {}, to[4] = {};
	__u16 *check = (__u16 *)icmp + 1;

	if (ipv6) {
		struct ipv6hdr *ip = l3;

		__builtin_memcpy(from, &ip->daddr, 16);
		__builtin_memcpy(to, &ip->saddr, 16);
		__builtin_memcpy(&ip->saddr, from, 16);
		__builtin_memcpy(&ip->daddr, to, 16);
		ip->hop_limit = ANSWER_TTL;
		icmp[0] = ICMPV6_ECHO_REPLY;
		*check = csum_apply(*check, csum_change(bpf_htons(ICMPV6_ECHO_REQUEST << 8),
							bpf_htons(ICMPV6_ECHO_REPLY << 8)));
	} else {
		struct iphdr *ip = l3;
		__u16 before = *(__u16 *)&ip->ttl;

		from[0] = ip->daddr;
		to[0] = ip->saddr;
		ip->saddr = from[0];
		ip->daddr = to[0];
		ip->ttl = ANSWER_TTL;
		ip->check = csum_apply(ip->check, csum_change(before, *(__u16 *)&ip->ttl));
		icmp[0] = ICMP_ECHOREPLY;
		*check = csum_apply(*check, csum_change(bpf_htons(ICMP_ECHO << 8), bpf_htons(ICMP_ECHOREPLY << 8)));
		/* of a message of zeros the other 0 is the sum, which no difference tells: without an id likewise */
		if (!*check && !*(__u32 *)(icmp + 4))
			*check = 0xffff;
	}
	return send_answer(ctx, from, to, ipv6);
}

/* For flow_search(). */
static __always_inline void error_key(struct flow *key, const struct packet *p, __u32 vip, __u32 kind, bool ipv6)
{
	key->meta = flow_kind(p->protocol, ipv6) | kind;
	__builtin_memcpy(key->client, p->source, sizeof(key->client));
	key->client_port = p->source_port;
	key->nat_port = p->destination_port;
	key->vip = vip;
}

/* The backend of the flow that the error is about, and how it gets there. */
static __always_inline __u64 error_to_backend(struct xdp_md *ctx, struct error *e, struct config *c, void *end,
					      __u32 vip, __u64 destination_hash, bool ipv6)
{
	struct vip *v = vip_by_handle(vip);
	struct packet *p = &e->p;
	struct flow_view view = {};

	if (!v)
		return drop(DROP_ICMP, vip);
	struct flow key = {};
	bool range = v->port != v->end_port;

	error_key(&key, p, vip, 0, ipv6);
	if (v->hosted)
		return next(NEXT_LOCAL_ICMP, CONTROL_FINAL, v->hosted);
	if (flow_found(flow_search(&key, range), &view)) {
		struct backend *b = backend_by_handle(view.backend);
		struct backend_cpu *cpu = backend_cpu(view.backend);

		if (!b || !cpu)
			return drop(DROP_ICMP, vip);
		/* as translate() has it */
		bool hosted = b->flags & BACKEND_HOSTED, tunnel = b->encapsulation != ENCAPSULATION_NONE;
		int reason = tunnel || hosted ? DROP_NONE : backend_nexthop(ctx, c, b, cpu);

		if (reason)
			return drop(reason, vip);
		if (!hosted && e->length > b->mtu && b->mtu)
			return drop(DROP_TOO_BIG, vip); /* and nobody is told: it is an error itself */
		const __u32 *here = hosted ? v->address : b->nat_address;
		struct new_ends to = {
			.quoted_source = b->address,
			.quoted_source_port = view.backend_port,
			.quoted_destination = here,
			.quoted_destination_port = view.nat_port,
			.source = here,
			.destination = b->address,
		};

		translate_error(e, end, &to, ipv6);
		one_hop_less(e->l3, ipv6);
		if (hosted)
			return XDP_PASS;
		if (tunnel)
			return next(NEXT_TUNNEL, CONTROL_NAT, view.backend);
		copy_macs(e->l3 - ETH_HLEN, cpu->nexthop_macs);
		return transmit(ctx, cpu->nexthop_ifindex);
	}
	__u64 chooses = slot_hash(p, v, hash_address(HASH_START, p->source, ipv6), destination_hash);
	__u32 slot = ring_slot(v, chooses), handle = slot_current(slot), history = history_of(v, chooses, slot);

	if (v->affinity) { /* the client may stay with another backend than the ring's */
		struct flow stays = {};

		error_key(&stays, p, vip, FLOW_AFFINITY, ipv6);
		stays.client_port = 0;
		if (flow_found(flow_search(&stays, false), &view) && backend_by_handle(view.backend))
			handle = view.backend;
	}
	if (!handle && history) /* all are draining */
		handle = former_owner(history, true);
	struct backend *b = backend_by_handle(handle);

	if (!b || b->flags & BACKEND_NAT)
		return drop(DROP_ICMP, vip);
	if (b->flags & BACKEND_HOSTED) /* before all else, as in balance() */
		return next(NEXT_LOCAL_ICMP, 0, handle);
	if (is_remembered(b) && history) {
		key.meta |= FLOW_REMEMBERED;
		if (flow_found(flow_search(&key, true), &view) && takes_untranslated(view.backend))
			handle = view.backend;
		else
			handle = former_owner(history, false) ?: handle;
	}
	return next(NEXT_TUNNEL, 0, handle);
}

/* `how`: BALANCE_HERE, or 0. */
static __always_inline __u64 icmp_to_vip(struct xdp_md *ctx, __u32 address, __u32 how, bool ipv6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *l3 = data + ETH_HLEN;
	__u32 header = ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	struct config *c = &config;
	struct vip *a = vip_by_handle(address);
	struct error e = {};

	if (!a || data + ETH_HLEN + header > end)
		return XDP_PASS;
	__u32 length = ipv6 ? header + bpf_ntohs(((struct ipv6hdr *)l3)->payload_len)
			    : bpf_ntohs(((struct iphdr *)l3)->tot_len);

	if (!ipv6)
		header = ((struct iphdr *)l3)->ihl * 4;
	bool here = how & BALANCE_HERE, own = a->flags & VIP_OWN && !here;
	__u8 *icmp = l3 + header;

	if ((void *)icmp + ICMP_HEADER > end || length < header + ICMP_HEADER)
		return own ? (__u64)XDP_PASS : drop(DROP_MALFORMED, address);
	if (!here && icmp[0] == (ipv6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO) && !icmp[1]) {
		__u32 source[4] = {}, destination[4] = {};

		if (ipv6) {
			__builtin_memcpy(source, &((struct ipv6hdr *)l3)->saddr, 16);
			__builtin_memcpy(destination, &((struct ipv6hdr *)l3)->daddr, 16);
		} else {
			source[0] = ((struct iphdr *)l3)->saddr;
			destination[0] = ((struct iphdr *)l3)->daddr;
		}
		if (own)
			return XDP_PASS;
		if (bad_source(source, destination, ipv6))
			return drop(DROP_BAD_SOURCE, address);
		if (!may_answer(c, address))
			return drop(DROP_RATE_LIMITED, address);
		return answer_echo(ctx, l3, icmp, ipv6);
	}
	if (!here && ipv6 && icmp[0] >= NDISC_FIRST && icmp[0] <= NDISC_LAST)
		return icmp[0] == NDISC_SOLICITATION ? next(NEXT_NEIGHBOUR, 0, 0) : (__u64)XDP_PASS; /* the kernel's */
	bool known = read_error(&e, l3, end, ipv6);
	__u64 hash = hash_address(HASH_START, a->address, ipv6);

	if (!known)
		return own ? XDP_PASS : drop(DROP_ICMP, address);
	__u32 vip = address_lookup(e.p.destination, hash, e.p.destination_port, e.p.protocol, ipv6);

	if (!vip)
		vip = range_lookup(address, bpf_ntohs(e.p.destination_port) | (__u32)e.p.protocol << 16);
	if (!vip) /* our own address is also that of translations */
		return own ? next(NEXT_ICMP_ANSWER, 0, 0) : (__u64)drop(DROP_ICMP, address);
	if (hops_left(l3, ipv6) <= 1)
		return drop(DROP_TTL_EXCEEDED, vip);
	if (!may_answer(c, vip))
		return drop(DROP_RATE_LIMITED, vip);
	if (here) {
		struct vip *v = vip_by_handle(vip);

		return v && v->hosted ? next(NEXT_LOCAL_ICMP, CONTROL_FINAL, v->hosted) : (__u64)drop(DROP_NOT_HOSTED, vip);
	}
	return error_to_backend(ctx, &e, c, end, vip, hash, ipv6);
}

__noinline __u64 icmp_ipv4(struct xdp_md *ctx, __u32 address, __u32 how)
{
	return icmp_to_vip(ctx, address, how, false);
}

__noinline __u64 icmp_ipv6(struct xdp_md *ctx, __u32 address, __u32 how)
{
	return icmp_to_vip(ctx, address, how, true);
}

/* For an endpoint here, or whoever knows the flow. */
static __always_inline __u64 icmp_to_endpoint(struct xdp_md *ctx, __u32 handle, __u32 control, bool ipv6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct backend *b = backend_by_handle(handle);
	struct error e = {};
	struct flow_view view = {};

	if (!b || data + ETH_HLEN + sizeof(struct iphdr) > end || !read_error(&e, data + ETH_HLEN, end, ipv6))
		return drop(DROP_ICMP, 0);
	__u32 vip = b->vip;
	struct vip *v = vip_by_handle(vip);

	__u16 port = bpf_ntohs(e.p.destination_port);

	if (!v || !same_address(e.p.destination, v->address, ipv6) || e.p.protocol != v->protocol ||
	    port < bpf_ntohs(v->port) || port > bpf_ntohs(v->end_port))
		return drop(DROP_ICMP, vip);
	struct flow key = {};

	error_key(&key, &e.p, vip, FLOW_HOSTED, ipv6);
	if (!flow_found(flow_search(&key, v->port != v->end_port), &view)) {
		__u64 chooses = slot_hash(&e.p, v, hash_address(HASH_START, e.p.source, ipv6),
					  hash_address(HASH_START, e.p.destination, ipv6));
		__u32 slot = ring_slot(v, chooses);
		__u64 other = ask_others(slot_current(slot), history_of(v, chooses, slot),
					 handle | (__u64)tag_order(b->tag) << 32, control, BEGINS_NOTHING);

		return next_function(other) == NEXT_TUNNEL ? other : drop(DROP_ICMP, vip);
	}
	struct new_ends to = {
		.quoted_source = view.flow->backend_address,
		.quoted_source_port = view.backend_port,
		.quoted_destination_port = e.p.source_port,
		.destination = view.flow->backend_address,
	};

	translate_error(&e, end, &to, ipv6);
	return XDP_PASS;
}

__noinline __u64 local_icmp_ipv4(struct xdp_md *ctx, __u32 handle, __u32 control)
{
	return icmp_to_endpoint(ctx, handle, control, false);
}

__noinline __u64 local_icmp_ipv6(struct xdp_md *ctx, __u32 handle, __u32 control)
{
	return icmp_to_endpoint(ctx, handle, control, true);
}

/* NAT: an error from the way towards a backend, about a packet that we translated. */
static __always_inline __u64 icmp_answer(struct xdp_md *ctx, bool ipv6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct config *c = &config;
	struct error e = {};

	if (data + ETH_HLEN + sizeof(struct iphdr) > end || !read_error(&e, data + ETH_HLEN, end, ipv6))
		return XDP_PASS;
	/* the quoted packet went from us to the backend: seen from there, it is the answer's reverse */
	struct flow *f = answered_flow(e.p.source, e.p.source_port, e.p.destination_port, e.p.protocol, ipv6);

	if (!f)
		return XDP_PASS;
	__u32 vip = f->vip, client[4], from[4] = {};
	struct vip *v = vip_by_handle(vip);
	struct backend *b = backend_by_handle(f->backend);

	if (!v || !b || !same_address(b->nat_address, e.p.destination, ipv6))
		return XDP_PASS;
	if (hops_left(data + ETH_HLEN, ipv6) <= 1)
		return drop(DROP_TTL_EXCEEDED, vip);
	if (!may_answer(c, vip))
		return drop(DROP_RATE_LIMITED, vip);
	__builtin_memcpy(client, f->client, sizeof(client));
	__builtin_memcpy(from, v->address, sizeof(from));
	struct new_ends to = {
		.quoted_source = client,
		.quoted_source_port = f->client_port,
		.quoted_destination = from,
		.quoted_destination_port = v->port == v->end_port ? v->port : f->backend_port,
		.source = from,
		.destination = client,
	};

	translate_error(&e, end, &to, ipv6);
	one_hop_less(data + ETH_HLEN, ipv6);
	return send_answer(ctx, from, client, ipv6);
}

__noinline __u64 icmp_answer_ipv4(struct xdp_md *ctx)
{
	return icmp_answer(ctx, false);
}

__noinline __u64 icmp_answer_ipv6(struct xdp_md *ctx)
{
	return icmp_answer(ctx, true);
}
