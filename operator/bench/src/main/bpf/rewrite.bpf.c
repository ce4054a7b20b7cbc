/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tutorial's balancer: all addresses compiled in, one client, no connection table. Twice: as one
 * that works (`rewrite`), and as the plain rewrite that speed is compared with (`tutorial`).
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "sum.h"

#define ADDRESS(a, b, c, d) bpf_htonl((a) << 24 | (b) << 16 | (c) << 8 | (d))

#define VIP ADDRESS(203, 0, 113, 1)
#define BALANCER ADDRESS(198, 51, 100, 1)
#define CLIENT ADDRESS(198, 51, 100, 10)
#define BACKEND(i) ADDRESS(198, 51, 100, 101 + (i))
#define PORT bpf_htons(80)
#ifndef BACKENDS
#define BACKENDS 2
#endif

static __always_inline __u16 mended(__u16 checksum, __be32 from, __be32 to)
{
	__u32 sum = (__u16)~checksum;

	sum += halves(~from) + halves(to);
	return ~fold(sum);
}

/* The benchmark's hosts have 02:00 and their IPv4 address for a MAC address. */
static __always_inline void set_mac(__u16 *mac, __be32 address)
{
	mac[0] = bpf_htons(0x0200);
	mac[1] = address;
	mac[2] = address >> 16;
}

/*
 * Two things are mended, without which it carries no connection at all: the backend is chosen by a
 * hash of the client's port, so that all packets of a connection meet the same one, and the TCP
 * checksum is updated (RFC 1624).
 */
SEC("xdp")
int rewrite(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	__be32 source, destination;

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 || ip->protocol != IPPROTO_TCP)
		return XDP_PASS;

	if (ip->daddr == VIP && tcp->dest == PORT) {
		source = BALANCER;
		/* The multiplicative hash of Knuth, TAOCP 6.4; its high bits, times the range. */
		__u32 hash = (__u32)tcp->source * 2654435769u;
		destination = BACKEND((__u64)hash * BACKENDS >> 32);
	} else if (ip->daddr == BALANCER && tcp->source == PORT) {
		source = VIP;
		destination = CLIENT;
	} else {
		return XDP_PASS;
	}

	tcp->check = mended(mended(tcp->check, ip->saddr, source), ip->daddr, destination);
	ip->saddr = source;
	ip->daddr = destination;
	ip->check = 0;
	__u32 sum = 0;
	__u16 *words = (__u16 *)ip;
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += words[i];
	ip->check = ~fold(sum);
	set_mac((__u16 *)eth, destination);
	set_mac((__u16 *)eth + ETH_ALEN / 2, BALANCER);
	return XDP_TX;
}

/* The last bytes of addresses, which are those of the MAC addresses too. */
#define LAST_BYTE(address) (bpf_ntohl(address) & 0xff)
#define WITH_LAST_BYTE(byte) ((CLIENT & bpf_htonl(~0xff)) | (__u32)bpf_htonl(byte))

/*
 * As it was published: it looks at no port, updates no checksum of TCP, and folds the sum in four
 * steps. Two things that are no rewriting are left out: it printed two lines for each packet
 * (bpf_printk), and it chose the backend by a clock (bpf_ktime_get_ns, some 30 ns); here a bit of the
 * client's port chooses.
 */
SEC("xdp")
int tutorial(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);

	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	if (bpf_ntohs(eth->h_proto) != ETH_P_IP)
		return XDP_PASS;
	if ((void *)(tcp + 1) > end)
		return XDP_ABORTED;
	if (ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	if (ip->saddr == CLIENT) {
		__u8 backend = LAST_BYTE(BACKEND(0));

		if (tcp->source & bpf_htons(1))
			backend = LAST_BYTE(BACKEND(1));
		ip->daddr = WITH_LAST_BYTE(backend);
		eth->h_dest[5] = backend;
	} else {
		ip->daddr = CLIENT;
		eth->h_dest[5] = LAST_BYTE(CLIENT);
	}
	ip->saddr = BALANCER;
	eth->h_source[5] = LAST_BYTE(BALANCER);

	ip->check = 0;
	__u64 sum = bpf_csum_diff(NULL, 0, (__be32 *)ip, sizeof(*ip), 0);
	for (int i = 0; i < 4; i++)
		if (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~sum;
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
