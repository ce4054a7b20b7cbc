/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Neighbour discovery (RFC 4861): solicitations for addresses that are claimed here are answered. */
#pragma once

#include "protocol.h"

#include "announce.h"
#include "csum.h"
#include "lookup.h"
#include "refuse.h"
#include "verdict.h"

#define NDISC_HOP_LIMIT 255 /* so no router has passed it on */
#define NDISC_SOURCE_MAC 1 /* options: the link-layer addresses */
#define NDISC_TARGET_MAC 2
#define NDISC_SOLICITED 0x40000000u
#define NDISC_OVERRIDE 0x20000000u

struct ndisc {
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 flags;
	__u32 target[4];
};

#define SOLICITATION_LENGTH 24 /* without options, in units of 8 bytes: 3 */
#define SOLICITATION_UNITS 3
#define SOLICITATION_MOST_UNITS 16 /* of SEND's options there are more; it is the kernel's then */
#define ADVERTISEMENT_LENGTH 32
#define ADVERTISEMENT_FRAME (ETH_HLEN + sizeof(struct ipv6hdr) + ADVERTISEMENT_LENGTH)

/*
 * Reads a message of so many units of 8 bytes to its end: 0 if the options' lengths or the checksum are
 * wrong, 1 if the message is valid, 3 if it is and has the sender's MAC address. `sum`: of the pseudo
 * header. Without branches, which would double what is to be verified.
 */
__noinline int read_solicitation(struct xdp_md *ctx, __u32 units, __u64 sum)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 option = SOLICITATION_UNITS, found = 0, bad = 0;

	_Pragma("clang loop unroll(disable)")
	for (__u32 i = 0; i < SOLICITATION_MOST_UNITS; i++) {
		__u8 *unit = data + ETH_HLEN + sizeof(struct ipv6hdr) + i * 8;

		if (i >= units)
			break;
		if ((void *)unit + 8 > end)
			return 0;
		sum += *(__u32 *)unit;
		sum += *(__u32 *)(unit + 4);

		/* all ones where an option begins */
		__u32 begins = 0 - (__u32)(((__u64)(i ^ option) - 1) >> 63);
		__u32 length = unit[1] & begins;

		bad |= begins & (__u32)(((__u64)unit[1] - 1) >> 63);
		found |= begins & (__u32)(((__u64)(unit[0] ^ NDISC_SOURCE_MAC) - 1) >> 63);
		option += length;
	}
	if (bad || option != units || csum_apply(0xffff, sum))
		return 0;
	return 1 | found << 1;
}

/* `vlan`: see lan_port_key. */
__noinline int neighbour(struct xdp_md *ctx, __u32 vlan)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct ipv6hdr *ip = data + ETH_HLEN;
	struct ndisc *message = (void *)(ip + 1);

	if ((void *)(message + 1) > end || eth->h_proto != bpf_htons(ETH_P_IPV6) || !READ_ONCE(announce.fence))
		return XDP_PASS;
	__u32 length = bpf_ntohs(ip->payload_len), units = length / 8;

	if (ip->version != 6 || ip->nexthdr != IPPROTO_ICMPV6 || ip->hop_limit != NDISC_HOP_LIMIT ||
	    message->type != NDISC_SOLICITATION || message->code || length % 8 || units < SOLICITATION_UNITS ||
	    units > SOLICITATION_MOST_UNITS)
		return XDP_PASS;
	__u32 source[4], destination[4];
	struct claim_key key = { .family = FAMILY_IPV6 };

	__builtin_memcpy(source, &ip->saddr, sizeof(source));
	__builtin_memcpy(destination, &ip->daddr, sizeof(destination));
	__builtin_memcpy(key.address, message->target, sizeof(key.address));
	struct lan_port *port = lan_port(ctx, vlan, eth);

	if (!port)
		return XDP_PASS;
	/* ff02::1:ff00:0/104 and the target's last 24 bits */
	bool multicast = destination[0] == bpf_htonl(0xff020000) && !destination[1] && destination[2] == bpf_htonl(1) &&
			 destination[3] == (key.address[3] | bpf_htonl(0xff000000));
	bool unspecified = !(source[0] | source[1] | source[2] | source[3]);

	if (!multicast && (unspecified || eth->h_dest[0] & 1 || !same_address(destination, key.address, true)))
		return XDP_PASS;
	if ((source[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) || same_address(source, key.address, true))
		return XDP_PASS;
	int valid = read_solicitation(ctx, units, pseudo_sum(source, destination, length, IPPROTO_ICMPV6, true));

	if (!valid || (unspecified && valid & 2))
		return XDP_PASS;
	int verdict = claim_verdict(&key, port);
	struct announce_counts *count = announce_count();

	if (verdict == XDP_DROP && count)
		count->ndp_withheld++;
	if (verdict != XDP_TX)
		return verdict;
	if (count)
		count->ndp_answered++;

	/* the answer is written anew, over the end of the frame and, if that is too short, before it */
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_source, ETH_ALEN);
	if (bpf_xdp_adjust_head(ctx, (int)(end - data) - (int)ADVERTISEMENT_FRAME))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	if (data + ADVERTISEMENT_FRAME > (void *)(long)ctx->data_end)
		return XDP_DROP;
	eth = data;
	ip = data + ETH_HLEN;
	message = (void *)(ip + 1);
	__u8 *option = (void *)(message + 1);

	if (unspecified) { /* who asks has no address yet: to all nodes, ff02::1 */
		source[0] = bpf_htonl(0xff020000);
		source[3] = bpf_htonl(1);
		*(__be16 *)mac = bpf_htons(0x3333);
		*(__be32 *)(mac + 2) = bpf_htonl(1);
	}
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, port->mac, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	put_answer_ip(ip, key.address, source, ADVERTISEMENT_LENGTH, IPPROTO_ICMPV6, true);
	ip->hop_limit = NDISC_HOP_LIMIT;
	message->type = NDISC_ADVERTISEMENT;
	message->code = 0;
	message->check = 0;
	message->flags = bpf_htonl(unspecified ? NDISC_OVERRIDE : NDISC_SOLICITED | NDISC_OVERRIDE);
	__builtin_memcpy(message->target, key.address, sizeof(key.address));
	option[0] = NDISC_TARGET_MAC;
	option[1] = 1;
	__builtin_memcpy(option + 2, port->mac, ETH_ALEN);

	__u64 sum = pseudo_sum(key.address, source, ADVERTISEMENT_LENGTH, IPPROTO_ICMPV6, true);

	for (int i = 0; i < ADVERTISEMENT_LENGTH / 4; i++)
		sum += ((__u32 *)message)[i];
	message->check = csum_apply(0xffff, sum);
	return XDP_TX;
}
