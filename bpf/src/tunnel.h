/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an encapsulated packet looks like, and how it is made.
 *
 *   GUE (version 0, no flags) over UDP, from an edge to the node or server of a backend:
 *
 *     Ethernet | IPv4 or IPv6 | UDP | GUE 4 bytes | control 1 byte | tag 7 bytes | inner IP packet
 *
 *   The outer source port, and the flow label of IPv6, are made of the inner flow's hash. The tag
 *   says which backend was chosen: the first 7 bytes of a hash over VIP (address, protocol, ports)
 *   and backend (address, port), which the agents of both ends compute alike. A receiver that knows
 *   nothing of it, such as Linux' own GUE, skips the 8 bytes as private data.
 *
 *   IPIP: Ethernet | IPv4 or IPv6 | inner IP packet.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "csum.h"
#include "layout.h"
#include "nexthop.h"
#include "parse.h"

#define GUE_PORT 6080
#define GUE_FIRST_BYTE 0x02 /* version 0, no control message, 2 words of private data */

/* The control byte. 0: from an edge, to the present owner. */
#define CONTROL_MARK 0x0f /* of the present owner where the round began: the lowest bits of tag_order() */
#define CONTROL_FINAL 0x10 /* the round is over: this one takes the flow. In place of the mark: how often there was none */
#define CONTROL_NAT 0x20 /* the source is translated, and the inner destination is the endpoint itself */
#define CONTROL_AGAIN 0x40 /* nodes had different present owners, and the round has begun anew */
#define CONTROL_ROUND 0x80 /* sent on from one owner to the next in the order of tags */

struct gue {
	__u8 first;
	__u8 protocol; /* 4: IPv4, 41: IPv6 */
	__be16 flags;
	__u8 control;
	__u8 tag[7];
};

#define OVERHEAD_GUE_IPV4 (20 + 8 + 12)
#define OVERHEAD_GUE_IPV6 (40 + 8 + 12)

#define OUTER_TTL 64
#define ENTROPY_PORTS 0xc000 /* the first outer source port; 2^14 of them */

/* Reads the tag, and the control byte in its place. */
static __always_inline __u64 control_word(__u8 control)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? control : (__u64)control << 56;
}

/* In which order the owners of a slot are asked: the same on every machine. */
static __always_inline __u32 tag_order(__u64 word)
{
	return bpf_ntohl(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word >> 32 : word);
}

/* What has to be known of the packet that is to be encapsulated. */
struct inner {
	__u64 sum; /* what it adds to a checksum over it; INNER_SUM_UNKNOWN */
	__u32 length;
	__u32 entropy;
	__u8 tos;
	__u8 control;
};

#define INNER_SUM_UNKNOWN (~0ULL)

/*
 * The sum over a packet whose own checksums are right, without reading it: an IPv4 header sums up to
 * 0, and layer 4 to the negative of its pseudo header (as Linux' local checksum offload has it).
 */
static __always_inline __u64 inner_sum(const struct packet *p, bool ipv6)
{
	__u32 l4_length = p->length - (__u32)(p->l4 - p->l3);

	if (p->protocol == IPPROTO_UDP && (!p->udp->check || bpf_ntohs(p->udp->len) != l4_length))
		return INNER_SUM_UNKNOWN;
	if (ipv6) {
		/* addresses and length are in both */
		if (p->l4 != p->l3 + sizeof(struct ipv6hdr))
			return INNER_SUM_UNKNOWN;
		return *(__u32 *)p->ip6 + csum_change(bpf_htons(p->protocol), *(__u16 *)&p->ip6->nexthdr);
	}
	return csum_change(p->source[0], 0) + csum_change(p->destination[0], 0) +
	       csum_change(bpf_htons(p->protocol), 0) + csum_change(bpf_htons(l4_length), 0);
}

static __always_inline void put_gue(struct gue *gue, const struct backend *b, const struct inner *in, bool ipv6)
{
	gue->first = GUE_FIRST_BYTE;
	gue->protocol = ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	gue->flags = 0;
	*(__u64 *)&gue->control = b->tag | control_word(in->control);
}

static __always_inline void put_ethernet(void *data, const struct backend_cpu *cpu, __u16 type)
{
	copy_macs(data, cpu->nexthop_macs);
	((struct ethhdr *)data)->h_proto = bpf_htons(type);
}

static __always_inline void put_ipv4(struct iphdr *ip, const struct backend *b, const struct inner *in,
				     __u32 length, __u8 protocol)
{
	__u16 total = bpf_htons(length);

	*(__u16 *)ip = bpf_htons(0x4500 | in->tos);
	ip->tot_len = total;
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000); /* never fragmented: so the id needs no value (RFC 6864) */
	ip->ttl = OUTER_TTL;
	ip->protocol = protocol;
	ip->check = csum_apply(0xffff, (__u64)b->outer_sum + bpf_htons(in->tos) + total);
	ip->saddr = b->outer_source[0];
	ip->daddr = b->outer_destination[0];
}

static __always_inline void put_ipv6(struct ipv6hdr *ip, const struct backend *b, const struct inner *in,
				     __u32 payload, __u8 protocol)
{
	*(__u32 *)ip = bpf_htonl(6u << 28 | (__u32)in->tos << 20 | (in->entropy & 0xfffff));
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = protocol;
	ip->hop_limit = OUTER_TTL;
	__builtin_memcpy(&ip->saddr, b->outer_source, 16);
	__builtin_memcpy(&ip->daddr, b->outer_destination, 16);
}

static __always_inline void put_udp(struct udphdr *udp, const struct config *c, const struct inner *in, __u32 length)
{
	udp->source = bpf_htons(ENTROPY_PORTS | (in->entropy & 0x3fff));
	udp->dest = c->tunnel_port;
	udp->len = bpf_htons(length);
	udp->check = 0; /* over IPv4 nobody needs one: what is inside has its own */
}

/*
 * Puts the outer headers in front. Answers a drop reason; the packet's old pointers are void. The
 * branches differ in the constants that the verifier wants to see.
 */
static __always_inline int encapsulate_gue_ipv4(struct xdp_md *ctx, const struct config *c, const struct backend *b,
						const struct backend_cpu *cpu, const struct inner *in, bool ipv6)
{
	if (bpf_xdp_adjust_head(ctx, -OVERHEAD_GUE_IPV4))
		return DROP_NO_HEADROOM;
	void *data = (void *)(long)ctx->data;

	if (data + ETH_HLEN + OVERHEAD_GUE_IPV4 > (void *)(long)ctx->data_end)
		return DROP_NO_HEADROOM;
	put_ethernet(data, cpu, ETH_P_IP);
	put_ipv4(data + ETH_HLEN, b, in, in->length + OVERHEAD_GUE_IPV4, IPPROTO_UDP);
	put_udp(data + ETH_HLEN + 20, c, in, in->length + 8 + 12);
	put_gue(data + ETH_HLEN + 28, b, in, ipv6);
	return DROP_NONE;
}

static __always_inline int encapsulate_gue_ipv6(struct xdp_md *ctx, const struct config *c, const struct backend *b,
						const struct backend_cpu *cpu, const struct inner *in, bool ipv6)
{
	if (bpf_xdp_adjust_head(ctx, -OVERHEAD_GUE_IPV6))
		return DROP_NO_HEADROOM;
	void *data = (void *)(long)ctx->data;

	if (data + ETH_HLEN + OVERHEAD_GUE_IPV6 > (void *)(long)ctx->data_end)
		return DROP_NO_HEADROOM;
	struct udphdr *udp = data + ETH_HLEN + 40;

	put_ethernet(data, cpu, ETH_P_IPV6);
	put_ipv6(data + ETH_HLEN, b, in, in->length + 8 + 12, IPPROTO_UDP);
	put_udp(udp, c, in, in->length + 8 + 12);
	put_gue(data + ETH_HLEN + 48, b, in, ipv6);
	if (likely(in->sum != INNER_SUM_UNKNOWN)) /* none is allowed for tunnels too: RFC 6935 */
		udp->check = csum_apply_udp(0xffff, in->sum + b->outer_sum + 2 * (__u64)udp->len + udp->source +
							    bpf_htons((__u16)in->control << 8));
	return DROP_NONE;
}

static __always_inline int encapsulate_ipip(struct xdp_md *ctx, const struct backend *b, const struct backend_cpu *cpu,
					    const struct inner *in, bool ipv6)
{
	__u8 protocol = ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	void *data;

	if (b->outer_family == FAMILY_IPV4) {
		if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)))
			return DROP_NO_HEADROOM;
		data = (void *)(long)ctx->data;
		if (data + ETH_HLEN + sizeof(struct iphdr) > (void *)(long)ctx->data_end)
			return DROP_NO_HEADROOM;
		put_ethernet(data, cpu, ETH_P_IP);
		put_ipv4(data + ETH_HLEN, b, in, in->length + sizeof(struct iphdr), protocol);
		return DROP_NONE;
	}
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct ipv6hdr)))
		return DROP_NO_HEADROOM;
	data = (void *)(long)ctx->data;
	if (data + ETH_HLEN + sizeof(struct ipv6hdr) > (void *)(long)ctx->data_end)
		return DROP_NO_HEADROOM;
	put_ethernet(data, cpu, ETH_P_IPV6);
	put_ipv6(data + ETH_HLEN, b, in, in->length, protocol);
	return DROP_NONE;
}

/* Its entropy: of the half of the slot's hash that did not choose the slot. */
static __always_inline __u32 entropy(__u64 hash)
{
	return hash >> 32;
}
