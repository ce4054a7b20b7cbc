/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of the packet benchmark: attached to the device that frames are sent from, counts what the
 * balancer delivers there and drops it.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "sum.h"

#define SERVER_SEQUENCE 5000

/* Whether a SYN is answered. Written by the tool. */
__u32 answer SEC(".data.answer");

/* Key 0: frames to the servers, in whatever they come; 1: answers to the clients. Read by the tool. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} received SEC(".maps");

static __always_inline __u32 replaced(__u32 sum, __u16 from, __u16 to)
{
	return sum + (__u16)~from + to;
}

/* The server's answer to a SYN, back through the balancer: connections are established for real. */
static __noinline int syn_ack(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;

	__u8 mac[ETH_ALEN];
	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	__be32 address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	__be16 port = tcp->source;
	tcp->source = tcp->dest;
	tcp->dest = port;

	/* Swapping changes no sum; the numbers and the flag do. */
	__u32 sum = (__u16)~tcp->check;
	__be32 sequence = bpf_htonl(SERVER_SEQUENCE);
	__be32 acknowledged = bpf_htonl(bpf_ntohl(tcp->seq) + 1);
	sum = replaced(sum, tcp->seq, sequence);
	sum = replaced(sum, tcp->seq >> 16, sequence >> 16);
	sum = replaced(sum, tcp->ack_seq, acknowledged);
	sum = replaced(sum, tcp->ack_seq >> 16, acknowledged >> 16);
	tcp->seq = sequence;
	tcp->ack_seq = acknowledged;
	tcp->ack = 1;
	sum += bpf_htons(0x0010);
	tcp->check = ~fold(sum);

	/* Not XDP_TX, which a veth delivers only if the other end has an XDP program. */
	return bpf_redirect(ctx->ingress_ifindex, 0);
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;

	bool is_tcp = eth->h_proto == bpf_htons(ETH_P_IP) && ip->protocol == IPPROTO_TCP;
	__u32 key = is_tcp && tcp->syn && tcp->ack;
	__u64 *count = bpf_map_lookup_elem(&received, &key);
	if (count)
		(*count)++;
	if (answer && is_tcp && tcp->syn && !tcp->ack)
		return syn_ack(ctx);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
