/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames that the benchmark sends: TCP over IPv4 with the timestamp option, no payload, from one
 * of CLIENTS addresses and PORTS ports each. Shared by the generator, the harness and the tool.
 */
#pragma once

#include <linux/types.h>

#define FRAME_SIZE 66 /* Ethernet 14, IPv4 20, TCP 32 */

#define CLIENTS 64
#define PORTS 64512
#define FIRST_PORT 1024
#define PORT_STEP 40507 /* has no factor in common with PORTS: neighbours are far apart */

#define OFFSET_IP_CHECKSUM 24
#define OFFSET_SOURCE 26
#define OFFSET_SOURCE_PORT 34
#define OFFSET_TCP_CHECKSUM 50

#define CLIENT_SEQUENCE 1000
#define SERVER_SEQUENCE 5000

/* Written by the tool before a run, read by the programs. */
struct flow_setup {
	/* The frame of client 0 with source port 0. */
	__u64 frame[9];
	/* Its checksums as sums that are neither folded nor complemented. */
	__u32 ip_sum;
	__u32 tcp_sum;
	/* Frames cycle through so many flows; 0: each frame is a new one. */
	__u32 flows;
	/* The flow of the next frame. */
	__u32 next;
	/* The device that the generator sends to. */
	__u32 device;
	/* Whether the sink answers a SYN. */
	__u32 answer;
	/* How many frames the generator is to send, and has sent. */
	__u32 frames;
	__u32 sent;
	/* When it sent the first and the last of them; CLOCK_MONOTONIC. */
	__u64 first_ns;
	__u64 last_ns;
	/* Frames that the harness has written. */
	__u64 written;
};

#ifdef __bpf__
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Writes the next flow's frame, all of it: frames are reused, and hold what a balancer left. */
static __always_inline int write_frame(struct xdp_md *ctx, struct flow_setup *setup)
{
	char *data = (char *)(long)ctx->data;
	__u64 *words = (__u64 *)data;

	if (data + FRAME_SIZE > (char *)(long)ctx->data_end)
		return -1;

	__u32 flow = setup->next++;
	if (setup->flows && setup->next >= setup->flows)
		setup->next = 0;

	__u32 client = (flow + flow / PORTS) % CLIENTS;
	__be16 port = bpf_htons(FIRST_PORT + (__u64)flow * PORT_STEP % PORTS);

#pragma unroll
	for (int i = 0; i < FRAME_SIZE / 8; i++)
		words[i] = setup->frame[i];
	*(__u16 *)(data + FRAME_SIZE - 2) = setup->frame[FRAME_SIZE / 8];

	data[OFFSET_SOURCE + 3] += client;
	*(__be16 *)(data + OFFSET_SOURCE_PORT) = port;
	*(__u16 *)(data + OFFSET_IP_CHECKSUM) = ~fold(setup->ip_sum + bpf_htons(client));
	*(__u16 *)(data + OFFSET_TCP_CHECKSUM) = ~fold(setup->tcp_sum + bpf_htons(client) + port);
	return 0;
}
#endif
