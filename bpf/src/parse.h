/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From bytes to a struct packet. Nothing is judged here that is not yet known to be for a VIP. */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "layout.h"
#include "maps.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier() asm volatile("" ::: "memory")
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))

#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */
#define IPV6_FRAGMENT_HEADER 44

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_CONTROL (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)

#define IPV6_HOP_BY_HOP 0
#define IPV6_ROUTING 43
#define IPV6_DESTINATION_OPTIONS 60
#define EXTENSION_HEADERS 6 /* more are not looked at */

static __always_inline bool is_vlan(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

struct packet {
	struct ethhdr *eth;
	union {
		struct iphdr *ip;
		struct ipv6hdr *ip6;
		void *l3;
	};
	union {
		struct tcphdr *tcp;
		struct udphdr *udp;
		void *l4;
	};
	__u32 source[4];
	__u32 destination[4];
	__u32 length; /* from the IP header on, as that says */
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol; /* the one after all extension headers that were looked at */
	__u8 tcp_flags; /* 0 for UDP */
	__u8 ttl;
	__u8 tos; /* or traffic class */
	__u8 drop; /* enum drop_reason: what is wrong with it, should it be for a VIP */
};

static __always_inline __u32 frame_length(struct xdp_md *ctx)
{
	__u32 linear = ctx->data_end - ctx->data;

	return multi_buffer ? (__u32)bpf_xdp_get_buff_len(ctx) : linear;
}

/*
 * All three answer whether the packet has ports: then it can be looked up, and what is wrong with it
 * otherwise is in p->drop.
 *
 * `payload` is the number of bytes that the IP headers leave for layer 4.
 */
static __always_inline bool parse_l4(struct packet *p, void *end, __u8 protocol, __u32 payload)
{
	p->protocol = protocol;
	if (protocol == IPPROTO_TCP) {
		if (p->l4 + sizeof(struct tcphdr) > end || payload < sizeof(struct tcphdr)) {
			p->drop = DROP_MALFORMED;
			return false;
		}
		__u32 offset = p->tcp->doff * 4;

		if (offset < sizeof(struct tcphdr) || offset > payload) {
			p->drop = DROP_MALFORMED;
			return false;
		}
		p->tcp_flags = ((__u8 *)p->tcp)[13];
	} else if (protocol == IPPROTO_UDP) {
		if (p->l4 + sizeof(struct udphdr) > end || payload < sizeof(struct udphdr)) {
			p->drop = DROP_MALFORMED;
			return false;
		}
		__u32 length = bpf_ntohs(p->udp->len);

		if (length < sizeof(struct udphdr) || length > payload) {
			p->drop = DROP_MALFORMED;
			return false;
		}
	} else {
		return false;
	}
	p->source_port = p->udp->source;
	p->destination_port = p->udp->dest;
	return true;
}

/* The destination was read before: ip is within the frame. */
static __always_inline bool parse_ipv4(struct xdp_md *ctx, struct packet *p, void *end)
{
	struct iphdr *ip = p->ip;
	__u32 header = ip->ihl * 4;

	p->source[0] = ip->saddr;
	p->length = bpf_ntohs(ip->tot_len);
	p->ttl = ip->ttl;
	p->tos = ip->tos;
	if (ip->version != 4 || header < sizeof(*ip) || p->length < header ||
	    (unlikely(p->l3 + p->length > end) && p->length > frame_length(ctx) - ETH_HLEN)) {
		p->drop = DROP_MALFORMED;
		return false;
	}
	if (ip->frag_off & bpf_htons(IP_FRAGMENT)) {
		p->drop = DROP_FRAGMENT;
		return false;
	}
	p->l4 = p->l3 + header;
	return parse_l4(p, end, ip->protocol, p->length - header);
}

/* Has a packet with this next header one of ours behind others? */
static __always_inline bool is_extension(__u8 next)
{
	return next == IPV6_HOP_BY_HOP || next == IPV6_ROUTING || next == IPV6_DESTINATION_OPTIONS;
}

/* `walk`: over extension headers too, which is for the cold paths only. Else p->protocol is the first one. */
static __always_inline bool parse_ipv6(struct xdp_md *ctx, struct packet *p, void *end, bool walk)
{
	struct ipv6hdr *ip = p->ip6;
	__u32 payload = bpf_ntohs(ip->payload_len), offset = sizeof(*ip);
	__u8 next = ip->nexthdr;

	__builtin_memcpy(p->source, &ip->saddr, sizeof(p->source));
	p->length = sizeof(*ip) + payload;
	p->ttl = ip->hop_limit;
	p->tos = bpf_ntohs(*(__be16 *)ip) >> 4;
	if (ip->version != 6 ||
	    (unlikely(p->l3 + p->length > end) && p->length > frame_length(ctx) - ETH_HLEN)) {
		p->drop = DROP_MALFORMED;
		return false;
	}
	if (walk) {
		_Pragma("clang loop unroll(disable)")
		for (int i = 0; i < EXTENSION_HEADERS; i++) {
			__u8 *header = p->l3 + (offset & 0x3fff);

			if (!is_extension(next))
				break;
			if ((void *)header + 8 > end) {
				p->drop = DROP_MALFORMED;
				return false;
			}
			next = header[0];
			offset += (header[1] + 1) * 8;
		}
		if (is_extension(next) || next == IPPROTO_AH || next == IPPROTO_ESP) {
			p->drop = DROP_EXTENSION_HEADERS;
			return false;
		}
		if (offset > p->length) {
			p->drop = DROP_MALFORMED;
			return false;
		}
	}
	if (next == IPV6_FRAGMENT_HEADER) {
		p->drop = DROP_FRAGMENT;
		return false;
	}
	p->l4 = p->l3 + (walk ? offset & 0x3fff : sizeof(*ip));
	return parse_l4(p, end, next, p->length - offset);
}

static __always_inline bool parse(struct xdp_md *ctx, struct packet *p, void *end, bool ipv6, bool walk)
{
	return ipv6 ? parse_ipv6(ctx, p, end, walk) : parse_ipv4(ctx, p, end);
}

/* For the cold paths, which look at the packet afresh. */
static __always_inline bool read_packet(struct xdp_md *ctx, struct packet *p, bool ipv6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	p->eth = data;
	p->l3 = data + ETH_HLEN;
	if (data + ETH_HLEN + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) > end)
		return false;
	if (ipv6)
		__builtin_memcpy(p->destination, &p->ip6->daddr, sizeof(p->destination));
	else
		p->destination[0] = p->ip->daddr;
	return parse(ctx, p, end, ipv6, ipv6);
}
