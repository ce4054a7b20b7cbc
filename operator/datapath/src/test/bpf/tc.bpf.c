// SPDX-License-Identifier: Apache-2.0
// Programs for an interface's egress. Each counts the UDP datagrams to one port, over IPv4.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define COUNTED_PORT 4242

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline int count(struct __sk_buff *skb, __u32 index, int verdict)
{
	__u64 *counter = bpf_map_lookup_elem(&counts, &index);
	struct iphdr ip;
	struct udphdr udp;

	if (!counter || skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(ip), &udp, sizeof(udp)))
		return TC_ACT_UNSPEC;
	if (ip.protocol == 17 && udp.dest == bpf_htons(COUNTED_PORT))
		__sync_fetch_and_add(counter, 1);
	return verdict;
}

SEC("tc")
int first(struct __sk_buff *skb)
{
	return count(skb, 0, TC_ACT_UNSPEC);
}

SEC("tc")
int second(struct __sk_buff *skb)
{
	return count(skb, 1, TC_ACT_UNSPEC);
}

/* No program after it gets the packet. */
SEC("tc")
int last(struct __sk_buff *skb)
{
	return count(skb, 2, TC_ACT_OK);
}

SEC("xdp")
int passing(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
