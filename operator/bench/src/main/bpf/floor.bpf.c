/* SPDX-License-Identifier: Apache-2.0 */
/* What costs nothing of its own: the measures of what the benchmark itself costs. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

/* Sends every frame back, as a balancer with one interface does, and looks at nothing. */
SEC("xdp")
int reflect(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u16 *words = (__u16 *)eth; /* clang goes through a packed struct byte by byte */

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
#pragma unroll
	for (int i = 0; i < ETH_ALEN / 2; i++) {
		__u16 word = words[i];
		words[i] = words[i + ETH_ALEN / 2];
		words[i + ETH_ALEN / 2] = word;
	}
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
