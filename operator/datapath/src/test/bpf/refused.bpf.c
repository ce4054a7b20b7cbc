// SPDX-License-Identifier: Apache-2.0
// A program the verifier must refuse, beside one it accepts.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int reads_beyond_the_packet(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	return data[100] ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int harmless(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
