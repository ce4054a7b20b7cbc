/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes of addresses, ports and options in place, with all checksums that cover them. */
#pragma once

#include "csum.h"
#include "parse.h"

static __always_inline __u64 address_change(const __u32 from[4], const __u32 to[4], bool ipv6)
{
	__u64 change = 0;

	for (int i = 0; i < (ipv6 ? 4 : 1); i++)
		change += csum_change(from[i], to[i]);
	return change;
}

/* parse() has seen to the lengths already; behind headers of any length the verifier wants to see it again. */
static __always_inline void mend_l4(struct packet *p, void *end, __u64 change)
{
	if (p->protocol == IPPROTO_TCP && p->l4 + sizeof(struct tcphdr) <= end)
		p->tcp->check = csum_apply(p->tcp->check, change);
	else if (p->protocol == IPPROTO_UDP && p->udp->check) /* 0: the sender computed none (RFC 768) */
		p->udp->check = csum_apply_udp(p->udp->check, change);
}

/* Both addresses, both ports, TTL: what NAT does. */
static __always_inline void rewrite(struct packet *p, void *end, const __u32 source[4], const __u32 destination[4],
				    __be16 source_port, __be16 destination_port, bool ipv6)
{
	__u64 addresses = address_change(p->source, source, ipv6) +
			  address_change(p->destination, destination, ipv6);
	__u64 ports = csum_change(p->source_port | (__u32)p->destination_port << 16,
				  source_port | (__u32)destination_port << 16);

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
	mend_l4(p, end, addresses + ports);
}

/* The destination only: what the endpoint's node does. The kernel counts the TTL down. */
static __always_inline void rewrite_destination(struct packet *p, void *end, const __u32 destination[4],
						__be16 destination_port, bool ipv6)
{
	__u64 addresses = address_change(p->destination, destination, ipv6);

	if (ipv6) {
		__builtin_memcpy(&p->ip6->daddr, destination, 16);
	} else {
		p->ip->daddr = destination[0];
		p->ip->check = csum_apply(p->ip->check, addresses);
	}
	p->udp->dest = destination_port;
	mend_l4(p, end, addresses + csum_change(p->destination_port, destination_port));
}

#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MSS 2
#define MSS_OPTION_LENGTH 4
#define TCP_OPTIONS 6 /* that are looked at: every TCP there is puts the MSS first */

/* Where the value of the MSS option is, counted from the TCP header; 0: there is none. */
static __always_inline __u32 mss_offset(void *tcp, __u32 header, void *end)
{
	__u32 at = sizeof(struct tcphdr);

	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < TCP_OPTIONS && at + MSS_OPTION_LENGTH <= header; i++) {
		__u8 *option = tcp + (at & 0x3f);

		if ((void *)option + MSS_OPTION_LENGTH > end || option[0] == TCP_OPTION_END)
			break;
		if (option[0] == TCP_OPTION_NOP) {
			at++;
		} else if (option[0] == TCP_OPTION_MSS && option[1] == MSS_OPTION_LENGTH) {
			return at + 2;
		} else if (option[1] < 2) {
			break;
		} else {
			at += option[1];
		}
	}
	return 0;
}

/* Lowers the MSS that a SYN announces to what fits. */
static __always_inline void clamp_mss(struct packet *p, void *end, __u16 most)
{
	if (p->l4 + sizeof(struct tcphdr) > end)
		return;
	__u32 at = mss_offset(p->l4, p->tcp->doff * 4, end);
	__u8 *value = p->l4 + (at & 0x3f);

	if (!at || !most || (void *)value + 2 > end)
		return;
	__u16 mss = value[0] << 8 | value[1];

	if (mss <= most)
		return;
	value[0] = most >> 8;
	value[1] = most & 0xff;
	/* an option may begin at an odd byte: then its halves are in two words of the checksum */
	p->tcp->check = csum_apply(p->tcp->check, at & 1 ? csum_change(bpf_htons(mss << 8 | mss >> 8),
								       bpf_htons((__u16)(most << 8 | most >> 8)))
							 : csum_change(bpf_htons(mss), bpf_htons(most)));
}
