// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The load balancer. Each packet goes through edge.h; what is ordinary leaves from there. The others
 * are handed from function to function (verdict.h) until one has a verdict:
 *
 *   edge ─┬─► balance (NAT, affinity, …) ─┬─► tunnel ─► out
 *         ├─► answer (NAT's way back)     └─► local ──► the kernel, to the endpoint here
 *         ├─► decapsulate ────────────────────► local ─┬► tunnel (to a former owner)
 *         ├─► icmp …                                   └► refuse
 *         ├─► refuse, too big
 *         └─► hello, arp, neighbour (announcing)
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "answer.h"
#include "arp.h"
#include "balance.h"
#include "begin.h"
#include "edge.h"
#include "egress.h"
#include "hello.h"
#include "icmp.h"
#include "layout.h"
#include "local.h"
#include "maps.h"
#include "neighbour.h"
#include "parse.h"
#include "refuse.h"
#include "tunnel.h"
#include "verdict.h"

#define MOST_FUNCTIONS 10 /* that handle one packet after edge() */

/* To a backend by DSR, or translated already, in whatever way its entry says. */
static __always_inline __u64 tunnel(struct xdp_md *ctx, __u32 handle, __u32 control, bool ipv6)
{
	struct packet p = {};
	struct config *c = &config;
	struct backend *b = backend_by_handle(handle);
	struct backend_cpu *cpu = backend_cpu(handle);

	if (!b || !cpu)
		return drop(DROP_NO_BACKEND, 0);
	bool ports = read_packet(ctx, &p, ipv6);

	if (p.drop || !p.length)
		return drop(p.drop ?: DROP_MALFORMED, b->vip);
	if (b->flags & BACKEND_HOSTED)
		return next(NEXT_LOCAL, control, handle);
	if (p.length > b->mtu && b->mtu)
		return ports ? next(NEXT_TOO_BIG, 0, handle) : drop(DROP_TOO_BIG, b->vip);
	int reason = backend_nexthop(ctx, c, b, cpu);

	if (reason)
		return drop(reason, b->vip);
	__u64 hash = hash_slot(hash_address(HASH_START, p.source, ipv6), hash_address(HASH_START, p.destination, ipv6),
			       p.source_port, p.destination_port, p.protocol);
	struct inner in = { .length = p.length, .entropy = entropy(hash), .tos = p.tos, .control = control };

	if (b->encapsulation == ENCAPSULATION_GUE && b->outer_family == FAMILY_IPV4) {
		reason = encapsulate_gue_ipv4(ctx, c, b, cpu, &in, ipv6);
	} else if (b->encapsulation == ENCAPSULATION_GUE) {
		in.sum = ports ? inner_sum(&p, ipv6) : INNER_SUM_UNKNOWN;
		reason = encapsulate_gue_ipv6(ctx, c, b, cpu, &in, ipv6);
	} else if (b->encapsulation == ENCAPSULATION_IPIP) {
		reason = encapsulate_ipip(ctx, b, cpu, &in, ipv6);
	} else {
		copy_macs(p.eth, cpu->nexthop_macs);
	}
	if (reason)
		return drop(reason, b->vip);
	cpu->packets_to_backend++;
	cpu->bytes_to_backend += p.length;
	return transmit(ctx, cpu->nexthop_ifindex);
}

__noinline __u64 tunnel_ipv4(struct xdp_md *ctx, __u32 handle, __u32 control)
{
	return tunnel(ctx, handle, control, false);
}

__noinline __u64 tunnel_ipv6(struct xdp_md *ctx, __u32 handle, __u32 control)
{
	return tunnel(ctx, handle, control, true);
}

/* One function after another, until there is a verdict. `vlan`: whose frame it is, see lan_port_key. */
static __noinline int finish(struct xdp_md *ctx, __u64 word, __u32 vlan)
{
	_Pragma("clang loop unroll(disable)")
	for (int i = 0; i < MOST_FUNCTIONS; i++) {
		__u32 handle = next_handle(word), argument = next_argument(word);
		struct ethhdr *eth = (void *)(long)ctx->data;

		if (next_function(word) < NEXT)
			return next_function(word);
		if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
			return XDP_DROP;
		bool ipv6 = eth->h_proto == bpf_htons(ETH_P_IPV6);

		switch (next_function(word)) {
		case NEXT_BALANCE:
			word = ipv6 ? balance_ipv6(ctx, handle, argument) : balance_ipv4(ctx, handle, argument);
			break;
		case NEXT_ANSWER:
			word = ipv6 ? answer_ipv6(ctx) : answer_ipv4(ctx);
			break;
		case NEXT_ICMP_ANSWER:
			word = ipv6 ? icmp_answer_ipv6(ctx) : icmp_answer_ipv4(ctx);
			break;
		case NEXT_TUNNEL:
			word = ipv6 ? tunnel_ipv6(ctx, handle, argument) : tunnel_ipv4(ctx, handle, argument);
			break;
		case NEXT_LOCAL:
			word = ipv6 ? local_ipv6(ctx, handle, argument) : local_ipv4(ctx, handle, argument);
			break;
		case NEXT_STRAY:
			word = ipv6 ? stray_ipv6(ctx, handle, argument) : stray_ipv4(ctx, handle, argument);
			break;
		case NEXT_BEGIN:
			word = ipv6 ? begin_ipv6(ctx, handle, argument) : begin_ipv4(ctx, handle, argument);
			break;
		case NEXT_DECAPSULATE:
			word = ipv6 ? decapsulate_ipv6(ctx) : decapsulate_ipv4(ctx);
			break;
		case NEXT_ICMP:
			word = ipv6 ? icmp_ipv6(ctx, handle, argument) : icmp_ipv4(ctx, handle, argument);
			break;
		case NEXT_LOCAL_ICMP:
			word = ipv6 ? local_icmp_ipv6(ctx, handle, argument) : local_icmp_ipv4(ctx, handle, argument);
			break;
		case NEXT_REFUSE:
			return ipv6 ? refuse_ipv6(ctx, handle, argument) : refuse_ipv4(ctx, handle, argument);
		case NEXT_TOO_BIG:
			return ipv6 ? too_big_ipv6(ctx, handle) : too_big_ipv4(ctx, handle);
		case NEXT_HELLO:
			word = ipv6 ? hello_ipv6(ctx) : hello_ipv4(ctx);
			break;
		case NEXT_ARP:
			return arp(ctx, vlan);
		case NEXT_NEIGHBOUR:
			return neighbour(ctx, vlan);
		default:
			return XDP_ABORTED;
		}
	}
	/* only where flows are taken over as fast as they begin */
	return next_function(word) < NEXT ? next_function(word) : drop(DROP_FLOW_TABLE_FULL, 0);
}

#define VLAN_TAG 4
#define MOST_TAGS 2

/* Takes `tags` VLAN tags off; answers whether it could. */
static __always_inline bool pull_tags(struct xdp_md *ctx, __u32 tags)
{
	void *data = (void *)(long)ctx->data;
	__u8 macs[2 * ETH_ALEN] __attribute__((aligned(8)));

	if (data + ETH_HLEN + MOST_TAGS * VLAN_TAG > (void *)(long)ctx->data_end)
		return false;
	copy_macs(macs, data);
	if (bpf_xdp_adjust_head(ctx, tags * VLAN_TAG))
		return false;
	data = (void *)(long)ctx->data;
	if (data + ETH_HLEN > (void *)(long)ctx->data_end)
		return false;
	copy_macs(data, macs);
	return true;
}

static __always_inline bool push_tags(struct xdp_md *ctx, __u32 tags, __u64 words)
{
	void *data = (void *)(long)ctx->data;
	__u8 macs[2 * ETH_ALEN] __attribute__((aligned(8)));

	if (data + ETH_HLEN > (void *)(long)ctx->data_end)
		return false;
	copy_macs(macs, data);
	if (bpf_xdp_adjust_head(ctx, -(int)(tags * VLAN_TAG)))
		return false;
	data = (void *)(long)ctx->data;
	if (data + ETH_HLEN + MOST_TAGS * VLAN_TAG > (void *)(long)ctx->data_end)
		return false;
	copy_macs(data, macs);
	if (tags == 1)
		*(__u32 *)(data + 2 * ETH_ALEN) = words;
	else
		*(__u64 *)(data + 2 * ETH_ALEN) = words;
	return true;
}

/* A frame with VLAN tags: as one without them, and the tags come back before it leaves. */
static __noinline int tagged(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	if (data + ETH_HLEN + MOST_TAGS * VLAN_TAG > (void *)(long)ctx->data_end)
		return XDP_PASS;
	__u64 words = *(__u64 *)(data + 2 * ETH_ALEN);
	__be16 second = *(__be16 *)(data + 2 * ETH_ALEN + VLAN_TAG);
	__u32 tags = is_vlan(second) ? 2 : 1;
	__be16 type = *(__be16 *)(data + 2 * ETH_ALEN + tags * VLAN_TAG);
	/* a LAN has one 802.1Q tag at most; without a branch, or all that follows is verified once more */
	__u64 other = ((__be16)words ^ bpf_htons(ETH_P_8021Q)) | (tags - 1);
	__u32 vlan = (bpf_ntohs(words >> 16) & 0xfff) | (0 - (__u32)(-other >> 63) & NO_LAN);

	if (type != bpf_htons(ETH_P_IP) && type != bpf_htons(ETH_P_IPV6) &&
	    (type != bpf_htons(ETH_P_ARP) || vlan == NO_LAN))
		return XDP_PASS;
	if (!pull_tags(ctx, tags))
		return XDP_PASS;
	__u64 word = enter(ctx);
	int verdict = next_function(word) < NEXT ? next_function(word) : finish(ctx, word, vlan);

	if (verdict != XDP_DROP && !push_tags(ctx, tags, words))
		return drop(DROP_NO_HEADROOM, 0);
	return verdict;
}

SEC("xdp")
int xdplb(struct xdp_md *ctx)
{
	__u64 word = enter(ctx);

	if (likely(next_function(word) < NEXT))
		return next_function(word);
	return next_function(word) == NEXT_TAGGED ? tagged(ctx) : finish(ctx, word, 0);
}

SEC("tc")
int xdplb_egress(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return egress_ipv4(skb);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return egress_ipv6(skb);
	return TC_ACT_UNSPEC;
}

/* The agent runs it twice to learn how many jiffies a second has. */
SEC("xdp")
int jiffies(struct xdp_md *ctx)
{
	return bpf_jiffies64();
}

char _license[] SEC("license") = "Dual BSD/GPL";
