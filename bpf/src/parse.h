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
	__u8 protocol; /* TCP or UDP */
	__u8 tcp_flags; /* 0 for UDP */
	__u8 ttl;
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
 * `payload` is the number of bytes that the IP header leaves for layer 4.
 */
static __always_inline bool parse_l4(struct packet *p, void *end, __u8 protocol, __u32 payload)
{
	if (protocol == IPPROTO_TCP) {
		if (p->l4 + sizeof(struct tcphdr) > end || payload < sizeof(struct tcphdr)) {
			p->drop = DROP_MALFORMED;
			return false;
		}
		__u32 offset = p->tcp->doff * 4;

		if (offset < sizeof(struct tcphdr) || offset > payload)
			p->drop = DROP_MALFORMED;
		p->tcp_flags = ((__u8 *)p->tcp)[13];
	} else if (protocol == IPPROTO_UDP) {
		if (p->l4 + sizeof(struct udphdr) > end || payload < sizeof(struct udphdr)) {
			p->drop = DROP_MALFORMED;
			return false;
		}
		__u32 length = bpf_ntohs(p->udp->len);

		if (length < sizeof(struct udphdr) || length > payload)
			p->drop = DROP_MALFORMED;
	} else {
		return false;
	}
	p->protocol = protocol;
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

static __always_inline bool parse_ipv6(struct xdp_md *ctx, struct packet *p, void *end)
{
	struct ipv6hdr *ip = p->ip6;
	__u32 payload = bpf_ntohs(ip->payload_len);

	__builtin_memcpy(p->source, &ip->saddr, sizeof(p->source));
	p->length = sizeof(*ip) + payload;
	p->ttl = ip->hop_limit;
	if (ip->version != 6 ||
	    (unlikely(p->l3 + p->length > end) && p->length > frame_length(ctx) - ETH_HLEN)) {
		p->drop = DROP_MALFORMED;
		return false;
	}
	if (ip->nexthdr == IPV6_FRAGMENT_HEADER) {
		p->drop = DROP_FRAGMENT;
		return false;
	}
	p->l4 = p->l3 + sizeof(*ip);
	return parse_l4(p, end, ip->nexthdr, payload);
}
