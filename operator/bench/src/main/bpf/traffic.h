/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames that the benchmark sends: copies of one frame that differ in the addresses and ports of
 * one of its IP headers, and in the checksums that cover those. Shared by the generator, the harness
 * and the tool.
 */
#pragma once

#include <linux/types.h>

#define MAX_FRAME 160 /* bytes; a multiple of 8 */

/* Runs that are timed at once: the clock costs some 30 ns. A power of two. */
#define BLOCK 1024

/* So many clients, their addresses in a row, each with so many ports. */
#define CLIENTS 64
#define PORTS 64512
#define FIRST_PORT 1024
#define PORT_STEP 40507 /* has no factor in common with PORTS: neighbours are far apart */

/* Addresses and ports of one flow, in network order; of an IPv6 address the last word. */
struct tuple {
	__u32 source;
	__u32 destination;
	__u16 source_port;
	__u16 destination_port;
	__u32 reserved;
};

enum variation {
	SAME, /* each frame is the same */
	FLOWS, /* a client and port by the number of the flow */
	ANSWERS, /* the answer to what was recorded of the flow */
};

/*
 * What is known before the programs are loaded, so that they contain only what a frame needs. Of 64
 * bits each: the verifier adds nothing else to a pointer.
 */
struct shape {
	__u64 length;
	__u64 variation;
	/* Where in the frame, from its beginning; the first two are where the last word is. */
	__u64 source;
	__u64 destination;
	__u64 ports;
	__u64 layer4_check;
	__u64 ip_check; /* 0: there is none */
};

/* Written by the tool before a run, read by the programs. */
struct traffic {
	__u64 frame[MAX_FRAME / 8];
	/* Its checksums as sums that are neither folded nor complemented, without what `first` has. */
	__u32 ip_sum;
	__u32 layer4_sum;
	/* The tuple of flow 0, the source port apart. */
	struct tuple first;
	/* Frames cycle through so many flows; 0: each frame is a new one. */
	__u32 flows;
	/* To so many VIPs in turns, their addresses in a row. */
	__u32 vips;
	/* Where the next frame comes from: two, for two that are measured in turns. */
	struct cursor {
		__u32 flow;
		__u32 vip;
	} cursors[2];
	/* Frames that were written. */
	__u64 written;
};

/* What became of recorded frames. */
struct outcome {
	__u64 length; /* of the first */
	__u64 other; /* so many had another length */
	__u64 changed; /* so many of the first one's had been given other MAC addresses or another length */
};

/* Addresses of the packet's beginning. */
struct place {
	__u64 home;
	__u64 here;
};

/* Whom the harness calls. */
enum turn { UNDER_TEST, NOTHING };

/* The generator's own, likewise. */
struct wire {
	/* The device that frames are sent to. */
	__u32 device;
	/*
	 * Frames that are to be sent, and when the first and the last of them was; CLOCK_MONOTONIC. Not
	 * around the system call: that waits for RCU, which takes milliseconds.
	 */
	__u64 frames;
	__u64 first_ns;
	__u64 last_ns;
};

#ifdef __bpf__
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "sum.h"

/* Each in a map of its own, which the tool finds by its name. */
const volatile struct shape shape SEC(".rodata.shape");
struct traffic traffic SEC(".data.traffic");

/* By the number of the flow: the tuple of what its receiver answers. Size: the tool. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tuple);
} answers SEC(".maps");

static __always_inline __u16 complete(__u32 sum)
{
	__u16 check = ~fold(sum);

	return check ? check : 0xffff; /* the same number, and UDP has no other way to say it */
}

static __always_inline int next_tuple(struct cursor *cursor, struct tuple *tuple)
{
	__u32 flow = cursor->flow++;

	if (cursor->flow == traffic.flows)
		cursor->flow = 0;
	if (shape.variation == ANSWERS) {
		struct tuple *answer = bpf_map_lookup_elem(&answers, &flow);

		if (!answer)
			return -1;
		*tuple = *answer;
		return 0;
	}
	*tuple = traffic.first;
	tuple->source += bpf_htonl((flow + flow / PORTS) % CLIENTS);
	tuple->source_port = bpf_htons(FIRST_PORT + (__u64)flow * PORT_STEP % PORTS);
	tuple->destination += bpf_htonl(cursor->vip);
	if (++cursor->vip >= traffic.vips)
		cursor->vip = 0;
	return 0;
}

/* Writes the next frame, all of it: memory is reused, and holds what the program under test left. */
static __always_inline int write_frame(struct xdp_md *ctx, struct cursor *cursor)
{
	char *data = (char *)(long)ctx->data;
	__u64 *words = (__u64 *)data;
	struct tuple tuple;

	if (shape.length > MAX_FRAME || data + shape.length > (char *)(long)ctx->data_end)
		return -1;
#pragma unroll
	for (int i = 0; i < MAX_FRAME / 8; i++)
		if (8u * (i + 1) <= shape.length)
			words[i] = traffic.frame[i];
	*(__u64 *)(data + shape.length - 8) = *(__u64 *)((char *)traffic.frame + shape.length - 8);
	if (shape.variation == SAME)
		return 0;
	if (next_tuple(cursor, &tuple))
		return -1;

	__u32 sum = halves(tuple.source) + halves(tuple.destination);

	*(__u32 *)(data + shape.source) = tuple.source;
	*(__u32 *)(data + shape.destination) = tuple.destination;
	*(__u16 *)(data + shape.ports) = tuple.source_port;
	*(__u16 *)(data + shape.ports + 2) = tuple.destination_port;
	if (shape.ip_check)
		*(__u16 *)(data + shape.ip_check) = complete(traffic.ip_sum + sum);
	*(__u16 *)(data + shape.layer4_check) =
		complete(traffic.layer4_sum + sum + tuple.source_port + tuple.destination_port);
	return 0;
}
#endif
