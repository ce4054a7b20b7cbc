/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the functions of the datapath hand a packet on. Each looks at it afresh and answers one word:
 * a verdict of XDP, or who is next. So each has the stack and the registers to itself, what happens
 * seldom costs the others nothing, and the verifier sees each of them once.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "layout.h"
#include "maps.h"
#include "parse.h"

/* Low byte: a verdict below NEXT, else one of these. Then an argument of 16 bits; the upper half is a handle. */
enum next {
	NEXT = 16,
	NEXT_BALANCE = NEXT, /* for the VIP (0: to be looked up), with all that it can have; argument: BALANCE_* */
	NEXT_ANSWER, /* of a backend to one of our translations */
	NEXT_ICMP_ANSWER, /* an ICMP error about one of our translations */
	NEXT_TUNNEL, /* to the backend; argument: control byte */
	NEXT_LOCAL, /* for the backend on this machine; argument: control byte */
	NEXT_STRAY, /* came for an endpoint that is not on this machine; argument: control byte; upper half: tag_order() */
	NEXT_BEGIN, /* of a flow to the backend; argument: BEGIN_*. It then goes on as a known one */
	NEXT_DECAPSULATE, /* comes encapsulated to this machine */
	NEXT_ICMP, /* to a VIP's address; argument: BALANCE_HERE, or 0 */
	NEXT_LOCAL_ICMP, /* an ICMP error for the backend on this machine; argument: control byte */
	NEXT_REFUSE, /* for the VIP; argument: drop reason. Answered if the VIP's policy says so */
	NEXT_TOO_BIG, /* for the backend */
	NEXT_HELLO, /* maybe: came to the port of hellos at an address of this machine */
	NEXT_ARP,
	NEXT_NEIGHBOUR, /* maybe: ICMPv6 to a VIP, or to where neighbours ask for one */
	NEXT_TAGGED, /* has VLAN tags */
};

#define BALANCE_HERE 1 /* came by a tunnel: only a backend on this machine may have it */
#define BALANCE_AFFINE 2 /* its client has just begun to stay with a backend, or there is no room for that */

#define BEGIN_NAT 0
#define BEGIN_HOSTED 1
#define BEGIN_REMEMBERED 2
#define BEGIN_AFFINITY 3

#define NEXT_ARGUMENT_SHIFT 8

static __always_inline __u64 next(enum next who, __u32 argument, __u32 handle)
{
	return who | argument << NEXT_ARGUMENT_SHIFT | (__u64)handle << 32;
}

static __always_inline enum next next_function(__u64 word)
{
	return word & 0xff;
}

static __always_inline __u32 next_handle(__u64 word)
{
	return word >> 32;
}

static __always_inline __u32 next_argument(__u64 word)
{
	return (word >> NEXT_ARGUMENT_SHIFT) & 0xffff;
}

__noinline int drop(enum drop_reason why, __u32 vip)
{
	__u32 reason = why;
	__u64 *count = bpf_map_lookup_elem(&drops, &reason);
	__u32 index = vip & HANDLE_INDEX_MASK;
	struct vip_cpu *cpu = vip ? bpf_map_lookup_elem(&vip_cpus, &index) : NULL;

	if (count)
		(*count)++;
	if (cpu)
		cpu->dropped++;
	return XDP_DROP;
}

/* May one more answer of our own be given for this VIP? */
static __always_inline bool may_answer(const struct config *c, __u32 vip)
{
	__u32 index = vip & HANDLE_INDEX_MASK;
	struct vip_cpu *cpu = bpf_map_lookup_elem(&vip_cpus, &index);
	__u32 now = bpf_jiffies64();

	if (!cpu)
		return false;
	if (now - cpu->answers_at >= c->second) {
		cpu->answers_at = now;
		cpu->answers = c->answers;
	}
	if (!cpu->answers)
		return false;
	cpu->answers--;
	return true;
}
