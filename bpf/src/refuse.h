/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers of our own to a client whose packet cannot go on: RST, port unreachable, too big. They come
 * from the VIP, are limited in number, and answer nothing that is itself an error.
 */
#pragma once

#include "protocol.h"

#include "csum.h"
#include "lookup.h"
#include "nexthop.h"
#include "parse.h"
#include "verdict.h"

#define ANSWER_TTL 64
#define ICMP_HEADER 8
#define QUOTED_L4 8 /* bytes: what RFC 792 asks for, and all that tells a flow */

/* The finished frame goes the way that the kernel has to the client; else back to where it came from. */
static __noinline int send_answer(struct xdp_md *ctx, const __u32 from[4], const __u32 to[4], bool ipv6)
{
	struct nexthop hop = {};

	if (!from || !to)
		return XDP_DROP;
	bool known = nexthop_lookup(ctx, from, to, ipv6, &hop) == DROP_NONE;
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;

	if (data + ETH_HLEN > (void *)(long)ctx->data_end)
		return XDP_DROP;
	if (known) {
		__builtin_memcpy(eth, hop.macs, 2 * ETH_ALEN);
		return transmit(ctx, hop.ifindex);
	}
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	return XDP_TX;
}

static __always_inline void put_answer_ip(void *l3, const __u32 from[4], const __u32 to[4], __u32 payload,
					  __u8 protocol, bool ipv6)
{
	if (ipv6) {
		struct ipv6hdr *ip = l3;

		*(__be32 *)ip = bpf_htonl(6u << 28);
		ip->payload_len = bpf_htons(payload);
		ip->nexthdr = protocol;
		ip->hop_limit = ANSWER_TTL;
		__builtin_memcpy(&ip->saddr, from, 16);
		__builtin_memcpy(&ip->daddr, to, 16);
		return;
	}
	struct iphdr *ip = l3;
	__u32 *words = l3;
	__u64 sum = 0;

	*(__u16 *)ip = bpf_htons(0x4500);
	ip->tot_len = bpf_htons(payload + sizeof(*ip));
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = ANSWER_TTL;
	ip->protocol = protocol;
	ip->check = 0;
	ip->saddr = from[0];
	ip->daddr = to[0];
	for (int i = 0; i < 5; i++)
		sum += words[i];
	ip->check = csum_apply(0xffff, sum);
}

static __always_inline __u64 pseudo_sum(const __u32 from[4], const __u32 to[4], __u32 length, __u8 protocol, bool ipv6)
{
	__u64 sum = (__u64)bpf_htons(length) + bpf_htons(protocol);

	for (int i = 0; i < (ipv6 ? 4 : 1); i++)
		sum += (__u64)from[i] + to[i];
	return sum;
}

/* Turns the segment into the RST that answers it: RFC 9293, section 3.10.7.1. */
static __always_inline int answer_reset(struct xdp_md *ctx, const struct packet *p, bool ipv6)
{
	const __u32 header = ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	const __u32 size = ETH_HLEN + header + sizeof(struct tcphdr);
	__u32 from[4], to[4];
	__be32 sequence = p->tcp->seq, acknowledged = p->tcp->ack_seq;
	__u32 l4 = p->l4 - p->l3;
	__u32 segment = p->length - l4 - p->tcp->doff * 4 + !!(p->tcp_flags & TCP_SYN) + !!(p->tcp_flags & TCP_FIN);
	__be16 source = p->destination_port, destination = p->source_port;
	bool has_ack = p->tcp_flags & TCP_ACK;

	__builtin_memcpy(from, p->destination, sizeof(from));
	__builtin_memcpy(to, p->source, sizeof(to));
	if (bpf_xdp_adjust_tail(ctx, (int)size - (int)frame_length(ctx)))
		return XDP_DROP;
	void *data = (void *)(long)ctx->data;

	if (data + size > (void *)(long)ctx->data_end)
		return XDP_DROP;
	struct tcphdr *tcp = data + ETH_HLEN + header;
	__u32 *words = (void *)tcp;
	__u64 sum = pseudo_sum(from, to, sizeof(*tcp), IPPROTO_TCP, ipv6);

	put_answer_ip(data + ETH_HLEN, from, to, sizeof(*tcp), IPPROTO_TCP, ipv6);
	tcp->source = source;
	tcp->dest = destination;
	tcp->seq = has_ack ? acknowledged : 0;
	tcp->ack_seq = has_ack ? 0 : bpf_htonl(bpf_ntohl(sequence) + segment);
	words[3] = 0;
	tcp->doff = 5;
	((__u8 *)tcp)[13] = has_ack ? TCP_RST : TCP_RST | TCP_ACK;
	words[4] = 0;
	for (int i = 0; i < 5; i++)
		sum += words[i];
	tcp->check = csum_apply(0xffff, sum);
	return send_answer(ctx, from, to, ipv6);
}

/* Puts an ICMP header, and an IP header, before the packet, of which the beginning stays. */
static __always_inline int answer_icmp(struct xdp_md *ctx, const struct packet *p, __u8 type, __u8 code, __u32 word,
				       bool ipv6)
{
	const __u32 header = ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	const __u32 message = ICMP_HEADER + header + QUOTED_L4;
	const __u32 size = ETH_HLEN + header + message;
	__u8 macs[2 * ETH_ALEN] __attribute__((aligned(8)));
	__u32 from[4], to[4];

	if (!ipv6 && p->ip->ihl != 5)
		return XDP_DROP; /* what is quoted has to reach as far as the ports */
	__builtin_memcpy(from, p->destination, sizeof(from));
	__builtin_memcpy(to, p->source, sizeof(to));
	copy_macs(macs, p->eth);
	if (bpf_xdp_adjust_head(ctx, -(int)(header + ICMP_HEADER)) ||
	    bpf_xdp_adjust_tail(ctx, (int)size - (int)frame_length(ctx)))
		return XDP_DROP;
	void *data = (void *)(long)ctx->data;

	if (data + size > (void *)(long)ctx->data_end)
		return XDP_DROP;
	struct ethhdr *eth = data;
	__u32 *words = data + ETH_HLEN + header;
	__u64 sum = ipv6 ? pseudo_sum(from, to, message, IPPROTO_ICMPV6, true) : 0;

	copy_macs(eth, macs);
	eth->h_proto = bpf_htons(ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	put_answer_ip(data + ETH_HLEN, from, to, message, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, ipv6);
	words[0] = bpf_htonl((__u32)type << 24 | (__u32)code << 16);
	words[1] = bpf_htonl(word);
	for (__u32 i = 0; i < message / 4; i++)
		sum += words[i];
	*((__u16 *)words + 1) = csum_apply(0xffff, sum);
	return send_answer(ctx, from, to, ipv6);
}

/* The VIP, or the entry of its address, has nobody for this packet. */
static __always_inline int refuse(struct xdp_md *ctx, __u32 handle, __u32 why, bool ipv6)
{
	struct packet p = {};
	struct config *c = &config;
	struct vip *v = vip_by_handle(handle);
	bool by_policy = why == DROP_NO_BACKEND || why == DROP_NO_LISTENER;

	drop(why, handle);
	if (!v || (by_policy && !(v->flags & VIP_REJECT)))
		return XDP_DROP;
	if (!read_packet(ctx, &p, ipv6) || p.drop || bad_source(p.source, p.destination, ipv6))
		return XDP_DROP;
	if (p.protocol == IPPROTO_TCP ? (p.tcp_flags & TCP_RST) || bad_tcp_flags(p.tcp_flags) : !by_policy)
		return XDP_DROP;
	if (v->sources && !source_allowed(v->sources, p.source, ipv6))
		return XDP_DROP;
	if (!may_answer(c, handle))
		return XDP_DROP;
	if (p.protocol == IPPROTO_TCP)
		return p.l4 + sizeof(struct tcphdr) <= (void *)(long)ctx->data_end ? answer_reset(ctx, &p, ipv6) : XDP_DROP;
	return ipv6 ? answer_icmp(ctx, &p, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0, true)
		    : answer_icmp(ctx, &p, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, false);
}

__noinline int refuse_ipv4(struct xdp_md *ctx, __u32 handle, __u32 why)
{
	return refuse(ctx, handle, why, false);
}

__noinline int refuse_ipv6(struct xdp_md *ctx, __u32 handle, __u32 why)
{
	return refuse(ctx, handle, why, true);
}

/* The packet does not fit where the backend is: path MTU discovery tells the client. */
static __always_inline int too_big(struct xdp_md *ctx, __u32 handle, bool ipv6)
{
	struct packet p = {};
	struct config *c = &config;
	struct backend *b = backend_by_handle(handle);

	if (!b)
		return drop(DROP_TOO_BIG, 0);
	drop(DROP_TOO_BIG, b->vip);
	if (!read_packet(ctx, &p, ipv6) || bad_source(p.source, p.destination, ipv6))
		return XDP_DROP;
	if (!ipv6 && !(p.ip->frag_off & bpf_htons(0x4000)))
		return XDP_DROP; /* it would not be told: nobody set out to learn the path's MTU */
	if (!may_answer(c, b->vip))
		return XDP_DROP;
	return ipv6 ? answer_icmp(ctx, &p, ICMPV6_PKT_TOOBIG, 0, b->mtu, true)
		    : answer_icmp(ctx, &p, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, b->mtu, false);
}

__noinline int too_big_ipv4(struct xdp_md *ctx, __u32 handle)
{
	return too_big(ctx, handle, false);
}

__noinline int too_big_ipv6(struct xdp_md *ctx, __u32 handle)
{
	return too_big(ctx, handle, true);
}
