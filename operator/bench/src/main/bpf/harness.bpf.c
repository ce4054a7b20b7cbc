/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program alone: BPF_PROG_TEST_RUN repeats one of these, which undoes what the previous run
 * left (a moved head, rewritten headers), writes the next frame and tail-calls the program. A tail
 * call does not return, and need not: the next repetition begins here again. So any program can be
 * run as it is attached, with its maps as they are.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include "traffic.h"

/* By enum turn; written by the tool. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");

/* Nanoseconds of each block of runs, the program under test and nothing in turns. Size: the tool. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} blocks SEC(".maps");

/* When the block began. */
__u64 begun SEC(".data.begun");

/* What `record` saw. Read by the tool. */
struct outcome outcome SEC(".data.outcome");

/* Where the packet was at first, and is: numbers, which pointers become in memory. Reset by the tool. */
volatile struct place place SEC(".data.place");

/*
 * Brings head and tail to where they were at first. Always calls the helper for the head, also where
 * there is nothing to undo: so what it costs is the same in all measurements, and is subtracted.
 */
static __always_inline int restore(struct xdp_md *ctx, struct cursor *cursor)
{
	place.here = ctx->data;
	__u64 here = place.here;
	__u64 length = (long)ctx->data_end - (long)ctx->data;

	if (!place.home)
		place.home = here;
	if (bpf_xdp_adjust_head(ctx, place.home - here))
		return -1;
	length += here - place.home;
	if (length != shape.length && bpf_xdp_adjust_tail(ctx, shape.length - length))
		return -1;
	return write_frame(ctx, cursor);
}

/*
 * Run in turns: BLOCK times the program, BLOCK times nothing. What else the machine does meets both
 * alike, and what the harness itself costs is the difference.
 */
SEC("xdp")
int harness(struct xdp_md *ctx)
{
	__u64 run = traffic.written;
	__u32 turn = run / BLOCK % 2;

	if (run % BLOCK == 0) {
		__u32 ended = run / BLOCK - 1; /* none at first, which the map has no place for */
		__u64 *block = bpf_map_lookup_elem(&blocks, &ended);
		__u64 now = bpf_ktime_get_ns();

		if (block)
			*block = now - begun;
		begun = now;
	}
	if (restore(ctx, &traffic.cursors[turn]))
		return XDP_ABORTED;
	/*
	 * A locked instruction waits for the stores before it: a load that spans two of them would
	 * otherwise stall the program under test for some 20 ns, and a packet that comes from a NIC
	 * has been written long ago. Whether it also keeps the CPU from beginning with the next packet
	 * does not show: a ring of frames that are written in advance, without it, costs the same.
	 */
	__sync_fetch_and_add(&traffic.written, 1);
	/* Constants: a tail call with a number that the JIT knows is a plain jump. */
	if (turn == UNDER_TEST)
		bpf_tail_call(ctx, &programs, UNDER_TEST);
	else
		bpf_tail_call(ctx, &programs, NOTHING);
	return XDP_ABORTED;
}

/* Notes what the program made of the frame before this one. */
static __always_inline void look_back(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data, *end = (char *)(long)ctx->data_end;
	__u32 flow = traffic.written - 1;
	__u64 *words = (__u64 *)data;
	struct tuple *answer = bpf_map_lookup_elem(&answers, &flow);

	if (data + 2 * ETH_ALEN > end)
		return;
	__u64 length = end - data;

	if (!outcome.length)
		outcome.length = length;
	if (length != outcome.length)
		outcome.other++;
	else if (length != shape.length || words[0] != traffic.frame[0] ||
		 *(__u32 *)(words + 1) != (__u32)traffic.frame[1])
		outcome.changed++;
	if (!answer || shape.variation != FLOWS || data + shape.length > end)
		return;
	answer->source = *(__u32 *)(data + shape.destination);
	answer->destination = *(__u32 *)(data + shape.source);
	answer->source_port = *(__u16 *)(data + shape.ports + 2);
	answer->destination_port = *(__u16 *)(data + shape.ports);
}

/*
 * The program under test once for each flow; records what comes out. Run once more than there are
 * flows: for the last one to be looked at.
 */
SEC("xdp")
int record(struct xdp_md *ctx)
{
	if (traffic.written)
		look_back(ctx);
	if (traffic.written == traffic.flows)
		return XDP_DROP;
	if (restore(ctx, &traffic.cursors[0]))
		return XDP_ABORTED;
	traffic.written++;
	bpf_tail_call(ctx, &programs, UNDER_TEST);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
