/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ARP (RFC 826): requests for addresses that are claimed here are answered in place. */
#pragma once

#include "announce.h"
#include "verdict.h"

#define ARP_LENGTH 28
/* hardware and protocol, Ethernet and IPv4, and their lengths; the operation: 8 bytes as they are read */
#define ARP_REQUEST bpf_cpu_to_be64(0x0001080006040001ULL)
#define ARP_REPLY bpf_cpu_to_be64(0x0001080006040002ULL)
#define ARP_SENDER_MAC 8
#define ARP_SENDER 14
#define ARP_TARGET_MAC 18
#define ARP_TARGET 24

__noinline int arp(struct xdp_md *ctx, __u32 vlan)
{
	void *data = (void *)(long)ctx->data, *arp = data + ETH_HLEN;
	struct ethhdr *eth = data;

	if (data + ETH_HLEN + ARP_LENGTH > (void *)(long)ctx->data_end || *(__u64 *)arp != ARP_REQUEST)
		return XDP_PASS;
	__u32 sender = *(__u32 *)(arp + ARP_SENDER), target = *(__u32 *)(arp + ARP_TARGET);
	struct claim_key key = { .address = { target }, .family = FAMILY_IPV4 };
	struct lan_port *port = lan_port(ctx, vlan, eth);

	if (!port || sender == target) /* nobody is asked: somebody says that he has it */
		return XDP_PASS;
	int verdict = claim_verdict(&key, port);
	struct announce_counts *count = announce_count();

	if (verdict == XDP_DROP && count)
		count->arp_withheld++;
	if (verdict != XDP_TX)
		return verdict;
	if (count)
		count->arp_answered++;
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, port->mac, ETH_ALEN);
	*(__u64 *)arp = ARP_REPLY;
	__builtin_memcpy(arp + ARP_TARGET_MAC, arp + ARP_SENDER_MAC, ETH_ALEN);
	*(__u32 *)(arp + ARP_TARGET) = sender;
	__builtin_memcpy(arp + ARP_SENDER_MAC, port->mac, ETH_ALEN);
	*(__u32 *)(arp + ARP_SENDER) = target;
	return XDP_TX;
}
