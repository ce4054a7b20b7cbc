/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the packet benchmark: run by BPF_PROG_TEST_RUN in live-frame mode, sends each
 * frame towards the balancer.
 */
#include <linux/bpf.h>

#include "traffic.h"

struct wire wire SEC(".data.wire");

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	if (write_frame(ctx, &traffic.cursors[0]))
		return XDP_ABORTED;
	if (traffic.written == 0)
		wire.first_ns = bpf_ktime_get_ns();
	if (++traffic.written == wire.frames)
		wire.last_ns = bpf_ktime_get_ns();
	return bpf_redirect(wire.device, 0);
}

char _license[] SEC("license") = "GPL";
