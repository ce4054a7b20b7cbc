/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures a program alone: BPF_PROG_TEST_RUN repeats `harness`, which undoes what the previous run
 * left (a moved head, rewritten headers), writes the next flow's frame and tail-calls the program.
 * A tail call does not return, and need not: the next repetition begins here again. So any program
 * can be measured as it is attached, with its maps as they are.
 */
#include <linux/bpf.h>

#include "flow.h"

struct flow_setup setup;

/* The program under test; written by the tool. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

SEC("xdp")
int harness(struct xdp_md *ctx)
{
	int grown = (long)ctx->data_end - (long)ctx->data - FRAME_SIZE;

	if (grown && bpf_xdp_adjust_head(ctx, grown))
		return XDP_ABORTED;
	if (write_frame(ctx, &setup))
		return XDP_ABORTED;
	/*
	 * A locked instruction waits for the stores before it: a load that spans two of them would
	 * otherwise stall the program under test for some 20 ns, and a packet that comes from a NIC
	 * has been written long ago.
	 */
	__sync_fetch_and_add(&setup.written, 1);
	bpf_tail_call(ctx, &under_test, 0);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
