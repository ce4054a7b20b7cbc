// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The load balancer: client -> VIP -> one of its backends, and back through this node (NAT).
 *
 * A packet goes through here from top to bottom: parse; is it for one of our VIPs, or the reply of a
 * backend to one of our translations? No: XDP_PASS, byte-identical. Yes: find or begin its flow,
 * rewrite, and send it to the next hop.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "csum.h"
#include "flow.h"
#include "hash.h"
#include "layout.h"
#include "maps.h"
#include "nexthop.h"
#include "parse.h"

/* Not a verdict of XDP: look no further here. */
#define NOT_OURS -1

static __noinline int drop(enum drop_reason why, __u32 vip)
{
	__u32 reason = why;
	__u64 *count = bpf_map_lookup_elem(&drops, &reason);
	__u32 index = vip & HANDLE_INDEX_MASK;
	struct vip_cpu *cpu = vip ? bpf_map_lookup_elem(&vip_cpus, &index) : NULL;

	if (count)
		(*count)++;
	if (cpu)
		cpu->dropped++;
	return XDP_DROP;
}

static __always_inline __u32 slot_match(const struct vip_slot *s, const __u32 address[4], __u32 key,
					bool ipv6)
{
	/* the port, protocol and family are one word: see hash_vip() */
	if (*(const __u32 *)&s->port != key || !same_address(s->address, address, ipv6))
		return 0;
	barrier();
	return READ_ONCE(s->vip);
}

/* The handle of the VIP, 0 if there is none. */
static __always_inline __u32 vip_lookup(const __u32 address[4], __u64 address_hash, __be16 port,
					__u8 protocol, bool ipv6)
{
	__u64 hash = hash_vip(address_hash, port, protocol, ipv6);
	__u32 first = hash & vip_bucket_mask, second = (hash >> 32) & vip_bucket_mask;
	__u32 key = port | (__u32)protocol << 16 | (__u32)(ipv6 ? FAMILY_IPV6 : FAMILY_IPV4) << 24;
	struct vip_bucket *bucket = bpf_map_lookup_elem(&vip_table, &first);
	__u32 vip;

	if (!bucket)
		return 0;
	if ((vip = slot_match(&bucket->slot[0], address, key, ipv6)) ||
	    (vip = slot_match(&bucket->slot[1], address, key, ipv6)))
		return vip;
	bucket = bpf_map_lookup_elem(&vip_table, &second);
	if (!bucket)
		return 0;
	if ((vip = slot_match(&bucket->slot[0], address, key, ipv6)))
		return vip;
	return slot_match(&bucket->slot[1], address, key, ipv6);
}

/* Sources that no client on a network can have; the VIP itself is one of them. */
static __always_inline bool bad_source(const struct packet *p, bool ipv6)
{
	if (same_address(p->source, p->destination, ipv6))
		return true;
	if (!ipv6) {
		__u32 a = bpf_ntohl(p->source[0]);

		return a >> 24 == 0 || a >> 24 == 127 || a >= 0xe0000000; /* multicast, reserved, broadcast */
	}
	if ((p->source[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000))
		return true;
	return !(p->source[0] | p->source[1] | p->source[2] | (p->source[3] & ~bpf_htonl(1))); /* ::, ::1 */
}

/* NULL, XMAS, SYN with FIN or RST: what scanners send and no TCP does. */
static __always_inline bool bad_tcp_flags(__u8 flags)
{
	return !(flags & TCP_CONTROL) || ((flags & TCP_SYN) && (flags & (TCP_FIN | TCP_RST))) ||
	       (flags & (TCP_FIN | TCP_ACK | 0x28)) == (TCP_FIN | 0x28);
}

/* Addresses, ports, TTL, and the checksums that cover them. */
static __always_inline void rewrite(struct packet *p, const __u32 source[4], const __u32 destination[4],
				    __be16 source_port, __be16 destination_port, bool ipv6)
{
	__u64 addresses = 0;
	__u64 ports = csum_change(p->source_port | (__u32)p->destination_port << 16,
				  source_port | (__u32)destination_port << 16);

	for (int i = 0; i < (ipv6 ? 4 : 1); i++)
		addresses += csum_change(p->source[i], source[i]) +
			     csum_change(p->destination[i], destination[i]);
	if (ipv6) {
		__builtin_memcpy(&p->ip6->saddr, source, 16);
		__builtin_memcpy(&p->ip6->daddr, destination, 16);
		p->ip6->hop_limit--;
	} else {
		/* the TTL is the first byte of its word: one less is one less in either byte order's sum */
		__u64 ttl = csum_change(bpf_htons((__u16)p->ttl << 8), bpf_htons((__u16)(p->ttl - 1) << 8));

		p->ip->saddr = source[0];
		p->ip->daddr = destination[0];
		p->ip->ttl--;
		p->ip->check = csum_apply(p->ip->check, addresses + ttl);
	}
	p->udp->source = source_port;
	p->udp->dest = destination_port;
	if (p->protocol == IPPROTO_TCP) {
		p->tcp->check = csum_apply(p->tcp->check, addresses + ports);
	} else if (p->udp->check) { /* 0: the sender computed none (RFC 768) */
		__u16 check = csum_apply(p->udp->check, addresses + ports);

		p->udp->check = check ? check : 0xffff;
	}
}

/* What a segment from the client means for the state of its flow. */
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

/* The backend that the ring has for this packet. NULL: none takes new flows. */
static __always_inline struct backend *choose_backend(const struct packet *p, __u32 vip, bool ipv6)
{
	__u32 index = vip & HANDLE_INDEX_MASK;
	struct vip *v = bpf_map_lookup_elem(&vips, &index);

	if (!v || READ_ONCE(v->handle) != vip)
		return NULL;
	/* without seed and handles: every node must choose the same */
	__u64 hash = hash_address(HASH_START, p->source, ipv6);
	hash = hash_address(hash, p->destination, ipv6);
	hash = hash_mix(hash, p->source_port | (__u32)p->destination_port << 16 | (__u64)p->protocol << 32);
	__u64 ring = READ_ONCE(v->ring);
	__u32 slot = (ring >> 32) + hash_scale(hash, (__u32)ring);
	__u32 *handle = (__u32)ring ? bpf_map_lookup_elem(&rings, &slot) : NULL;

	return handle && *handle ? backend_by_handle(*handle) : NULL;
}

/*
 * A packet that cannot go on as it is: no flow, or the flow's backend has gone, or a SYN on a
 * connection that has ended. Answers a drop reason, or DROP_NONE with *b and *view filled.
 */
static __always_inline int begin_flow(const struct packet *p, struct config *c, __u32 vip, __u64 hash, bool ipv6,
				      struct backend **b, struct flow_view *view)
{
	if (bad_source(p, ipv6))
		return DROP_BAD_SOURCE; /* so it has no flow either */
	*b = choose_backend(p, vip, ipv6);
	if (!*b)
		return DROP_NO_BACKEND;
	struct flow_view begun = {};
	__u32 client[4];

	__builtin_memcpy(client, p->source, sizeof(client));
	int reason = flow_create(client, p->source_port | (__u32)p->protocol << 16, *b, hash, &begun);

	if (reason)
		return reason;
	*view = begun; /* which so stays in registers itself */
	__u32 place = flow_place(*b, bpf_ntohs(view->nat_port)) & flow_mask;
	__u32 index = view->backend & HANDLE_INDEX_MASK;
	struct backend_cpu *cpu = bpf_map_lookup_elem(&backend_cpus, &index);

	if (!flow_index_put(c, hash, place, bpf_jiffies64())) {
		flow_release(view->flow, view->meta);
		return DROP_FLOW_TABLE_FULL;
	}
	if (cpu)
		cpu->flows++;
	return DROP_NONE;
}

/* From a client to a VIP. */
static __always_inline int to_backend(struct xdp_md *ctx, struct packet *p, struct config *c, __u32 vip, bool ipv6)
{
	__u32 now = bpf_jiffies64();
	__u64 hash = flow_hash(c, p->source, p->source_port, vip, ipv6);
	struct flow_view view = {};
	struct backend *b = NULL;

	if (p->drop)
		return drop(p->drop, vip);
	if (p->ttl <= 1)
		return drop(DROP_TTL_EXCEEDED, vip);
	if (unlikely((p->tcp_flags & TCP_CONTROL) != TCP_ACK) && p->protocol == IPPROTO_TCP &&
	    bad_tcp_flags(p->tcp_flags))
		return drop(DROP_BAD_TCP_FLAGS, vip);

	bool known = flow_find(p, vip, hash, ipv6, &view);

	if (known) {
		b = backend_by_handle(view.backend);
		bool over = p->protocol == IPPROTO_TCP
				    ? (p->tcp_flags & TCP_SYN) && flow_closed(view.meta)
				    : flow_expired(c, view.meta, view.flow->seen, now);

		if (unlikely(!b) || unlikely(over && !(b->flags & BACKEND_TAKES_NEW_FLOWS))) {
			flow_release(view.flow, view.meta);
			b = NULL;
		} else if (unlikely(over)) {
			/* the same client's next connection, to the same backend, as if there were no balancer */
			__sync_val_compare_and_swap(&view.flow->meta, view.meta,
						    view.meta & (FLOW_OWNER & ~FLOW_BUSY));
			view.meta &= FLOW_OWNER;
		}
	} else if (p->protocol == IPPROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN) {
		return drop(bad_source(p, ipv6) ? DROP_BAD_SOURCE : DROP_NO_FLOW, vip);
	}
	if (!b) {
		int reason = begin_flow(p, c, vip, hash, ipv6, &b, &view);

		if (reason)
			return drop(reason, vip);
	}

	struct flow *f = view.flow;
	__u32 index = view.backend & HANDLE_INDEX_MASK;
	struct backend_cpu *cpu = bpf_map_lookup_elem(&backend_cpus, &index);

	if (!f || !cpu)
		return drop(DROP_NO_BACKEND, vip);
	if (unlikely(cpu->nexthop_stamp != backend_stamp(c, now))) {
		struct nexthop hop = {};
		int reason = nexthop_lookup(ctx, b->nat_address, b->address, ipv6, &hop);

		if (reason)
			return drop(reason, vip);
		cpu->nexthop_ifindex = hop.ifindex;
		__builtin_memcpy(cpu->nexthop_macs, hop.macs, sizeof(hop.macs));
		cpu->nexthop_stamp = backend_stamp(c, now);
	}
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
	if (unlikely(!(view.meta & FLOW_CONFIRMED) || p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)))
		client_state(f, view.meta, p->tcp_flags);
	cpu->packets_to_backend++;
	cpu->bytes_to_backend += p->length;
	rewrite(p, b->nat_address, b->address, view.nat_port, b->port, ipv6);
	copy_macs(p->eth, cpu->nexthop_macs);
	return transmit(ctx, cpu->nexthop_ifindex);
}

/*
 * Fills in how to reach the flow's client: by the kernel's tables, or back to where its packets come
 * from if the kernel does not know (it never saw them).
 */
static __noinline void client_nexthop(struct xdp_md *ctx, struct config *c, struct flow *f, __u32 now)
{
	struct nexthop hop = {};

	if (!c || !f)
		return;
	__u32 link = f->client_link & CLIENT_LINK_IFINDEX_MASK;
	__u32 index = f->vip & HANDLE_INDEX_MASK;
	struct vip *v = bpf_map_lookup_elem(&vips, &index);

	if (!v)
		return;
	if (nexthop_lookup(ctx, v->address, f->client, f->meta & FLOW_IPV6, &hop) == DROP_NONE) {
		f->client_link = 0;
		barrier();
		__builtin_memcpy(f->client_mac, hop.macs, ETH_ALEN);
		barrier();
		link = hop.ifindex & CLIENT_LINK_IFINDEX_MASK;
	}
	f->client_link = link | (__u32)client_stamp(c, now) << CLIENT_LINK_STAMP_SHIFT;
}

/* From a backend to this node's address and a translated port: NOT_OURS unless a flow is there. */
static __always_inline int to_client(struct xdp_md *ctx, struct packet *p, struct config *c, bool ipv6)
{
	__u32 now = bpf_jiffies64();
	__u32 port = bpf_ntohs(p->destination_port);
	__u32 base = hash_mix(hash_address(HASH_START, p->source, ipv6), p->source_port | (__u32)p->protocol << 16);
	struct flow *f = flow_at(base + port);

	if (!f)
		return NOT_OURS;
	__u32 meta = READ_ONCE(f->meta);

	barrier();
	if ((meta & FLOW_KIND) != flow_kind(p->protocol, ipv6) || f->nat_port != p->destination_port ||
	    f->backend_port != p->source_port || !same_address(f->backend_address, p->source, ipv6))
		return NOT_OURS;
	struct backend *b = backend_by_handle(f->backend);
	__u32 vip_index = f->vip & HANDLE_INDEX_MASK, backend_index = f->backend & HANDLE_INDEX_MASK;
	struct vip *v = bpf_map_lookup_elem(&vips, &vip_index);
	struct backend_cpu *cpu = bpf_map_lookup_elem(&backend_cpus, &backend_index);

	if (!b || !v || !cpu || READ_ONCE(v->handle) != f->vip ||
	    !same_address(b->nat_address, p->destination, ipv6))
		return NOT_OURS;
	if (p->drop)
		return drop(p->drop, f->vip);
	if (p->ttl <= 1)
		return drop(DROP_TTL_EXCEEDED, f->vip);
	if (unlikely(f->client_link >> CLIENT_LINK_STAMP_SHIFT != client_stamp(c, now)))
		client_nexthop(ctx, c, f, now);

	__u32 client[4], link = f->client_link;
	__be16 client_port = f->client_port;
	__u8 macs[2 * ETH_ALEN] __attribute__((aligned(8)));

	__builtin_memcpy(client, f->client, sizeof(client));
	barrier();
	copy_mac(macs, f->client_mac);
	barrier();
	if (unlikely((READ_ONCE(f->meta) ^ meta) & FLOW_OWNER || READ_ONCE(f->client_link) != link))
		return drop(DROP_NO_FLOW, f->vip); /* taken over, or its next hop just changed: TCP repeats */

	__u32 ifindex = link & CLIENT_LINK_IFINDEX_MASK;

	if (likely(ifindex == ctx->ingress_ifindex)) {
		__builtin_memcpy(macs + ETH_ALEN, p->eth->h_dest, ETH_ALEN);
	} else {
		struct mac *mac = bpf_map_lookup_elem(&interfaces, &ifindex);

		if (!mac)
			return drop(DROP_NO_ROUTE, f->vip);
		__builtin_memcpy(macs + ETH_ALEN, mac->address, ETH_ALEN);
	}
	flow_seen(c, f, now);
	if (unlikely(!(meta & FLOW_REPLIED) || p->tcp_flags & (TCP_FIN | TCP_RST)))
		backend_state(f, meta, p->tcp_flags);
	cpu->packets_to_client++;
	cpu->bytes_to_client += p->length;
	rewrite(p, v->address, client, v->port, client_port, ipv6);
	copy_macs(p->eth, macs);
	return transmit(ctx, ifindex);
}

static __always_inline int balance(struct xdp_md *ctx, struct packet *p, void *end, bool ipv6)
{
	__u32 zero = 0;
	struct config *c = bpf_map_lookup_elem(&config, &zero);
	struct address_filter *filter = bpf_map_lookup_elem(&address_filter, &zero);

	if (ipv6)
		__builtin_memcpy(p->destination, &p->ip6->daddr, sizeof(p->destination));
	else
		p->destination[0] = p->ip->daddr;
	__u64 hash = hash_address(HASH_START, p->destination, ipv6);

	if (!c || !filter)
		return XDP_PASS;
	__u8 maybe = filter->bits[hash % FILTER_SIZE];

	if (likely(!maybe) || p->eth->h_dest[0] & 1)
		return XDP_PASS;
	if (ipv6 ? parse_ipv6(ctx, p, end) : parse_ipv4(ctx, p, end)) {
		__u16 offset = bpf_ntohs(p->destination_port) - c->nat_port_first;

		if (maybe & FILTER_NAT && offset < c->nat_port_count) {
			int verdict = to_client(ctx, p, c, ipv6);

			if (verdict != NOT_OURS)
				return verdict;
		}
		if (maybe & FILTER_VIP) {
			__u32 vip = vip_lookup(p->destination, hash, p->destination_port, p->protocol, ipv6);

			if (vip)
				return to_backend(ctx, p, c, vip, ipv6);
		}
		return XDP_PASS;
	}
	/* without ports it cannot be balanced; if it is for a VIP, it must not reach anybody else either */
	if (p->drop && maybe & FILTER_VIP && vip_lookup(p->destination, hash, 0, 0, ipv6))
		return drop(p->drop, 0);
	return XDP_PASS;
}

/* Each family is a function of its own, so that neither has the other's variables on its stack. */
static __noinline int balance_ipv4(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet p = { .eth = data, .l3 = data + ETH_HLEN };

	if (data + ETH_HLEN + sizeof(struct iphdr) > end)
		return XDP_PASS;
	return balance(ctx, &p, end, false);
}

static __noinline int balance_ipv6(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet p = { .eth = data, .l3 = data + ETH_HLEN };

	if (data + ETH_HLEN + sizeof(struct ipv6hdr) > end)
		return XDP_PASS;
	return balance(ctx, &p, end, true);
}

SEC("xdp")
int xdplb(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if (data + ETH_HLEN > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return balance_ipv4(ctx);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return balance_ipv6(ctx);
	return XDP_PASS;
}

/* The agent runs it twice to learn how many jiffies a second has. */
SEC("xdp")
int jiffies(struct xdp_md *ctx)
{
	return bpf_jiffies64();
}

char _license[] SEC("license") = "Dual BSD/GPL";
